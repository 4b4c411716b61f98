"""The transforms of the unbounded graph, over bounded input on Beam's local runner.

That runner is no judge of streams, but of shells: what they give is what the functions give.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from tocsin.pipelines import stages
from tocsin.pipelines.config import Config
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.stream_transforms import (
    EVENTS,
    PROGRESS,
    Correlate,
    Correlation,
    DetectLive,
    mark_of,
    to_letter,
)
from tocsin.pipelines.transforms import DEAD_LETTERS, EngineSpec, Normalize
from tocsin.schemas.marks import Kind, Mark, Origin
from tocsin.schemas.records import Batch, DeadLetter, EventBatch, Record, Source
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, MINUTE, parse_time

RECEIVED = parse_time("2026-11-24T12:00:00Z")
SOURCE = Source("auth", "linux", organization="city", history=True)
ORIGIN = Origin("auth", "topic-a", 0)
ENGINE = EngineSpec()
LINES = [
    f"Nov 24 10:{minute:02}:{second:02} gw sshd[{minute}]: Failed password for root from "
    f"192.0.2.{minute % 3} port {second} ssh2".encode()
    for minute in range(50)
    for second in range(0, 60, 10)
]
LINES.append(b"Nov 24 10:50:00 gw sshd[9]: Accepted password for root from 192.0.2.1 port 9 ssh2")


def batches() -> list[Batch]:
    """The lines as batches of 50, the last one at the end of its history."""
    records = [
        Record(line, f"kafka/topic-a/0/{offset}", RECEIVED) for offset, line in enumerate(LINES)
    ]
    spans = range(0, len(records), 50)
    made = [
        Batch(SOURCE, records[at : at + 50], 0, at, min(at + 50, len(records)), "topic-a")
        for at in spans
    ]
    return [*made[:-1], replace(made[-1], reached=END_OF_TIME)]


def run(build: Callable[[beam.Pipeline], None]) -> None:
    with beam.Pipeline(FnApiRunner()) as pipeline:
        build(pipeline)


def is_list(expected: list[Any]) -> Callable[[list[Any]], None]:
    """A check that a collection is `expected`, in any order."""

    def check(found: list[Any]) -> None:
        assert sorted(map(repr, found)) == sorted(map(repr, expected))

    return check


def test_normalize_and_detect_give_what_the_functions_give():
    """Beam adds nothing and loses nothing, and each batch has its progress."""
    engine = ENGINE.load()
    normalized = [stages.normalize(batch).events for batch in batches()]
    detected = [stages.detect(events, engine) for events in normalized]

    def build(pipeline: beam.Pipeline) -> None:
        done = pipeline | beam.Create(batches()) | Normalize()
        found = done.events | DetectLive(ENGINE, frozenset({"auth"}), MINUTE)
        events = found[EVENTS] | "Events" >> beam.Map(lambda batch: batch.events)
        matches = found[PROGRESS] | "Matches" >> beam.Map(lambda progress: list(progress.matches))
        assert_that(events, is_list(normalized), label="events")
        assert_that(matches, is_list([each.matches for each in detected]), label="matches")
        assert_that(
            found.alerts,
            is_list([each.alerts for each in detected if each.alerts]),
            label="alerts",
        )
        assert_that(found[DEAD_LETTERS], is_list([]), label="letters")

    assert sum(len(each.matches) for each in detected) > 300
    run(build)


def test_a_source_that_is_not_correlated_has_no_progress():
    """History beside live sources is a backfill's business; its single alerts are told."""

    def build(pipeline: beam.Pipeline) -> None:
        done = pipeline | beam.Create(batches()) | Normalize()
        found = done.events | DetectLive(ENGINE, frozenset(), MINUTE)
        assert_that(found[PROGRESS], is_list([]), label="progress")

    run(build)


def test_a_record_over_the_limit_is_a_dead_letter():
    """The limit is the configuration's."""

    def build(pipeline: beam.Pipeline) -> None:
        done = pipeline | beam.Create(batches()[-1:]) | Normalize(record_bytes=10)
        reasons = done[DEAD_LETTERS] | beam.FlatMap(lambda letters: [x.reason for x in letters])
        assert_that(reasons, is_list(["81 bytes, over the limit of 10"]), label="reasons")

    run(build)


def test_correlate_gives_what_the_whole_history_gives():
    """Progress by progress over keyed state, then the end of time: the backfill's alerts."""
    engine = ENGINE.load()
    expected = {
        alert.id
        for alert in stages.correlate_history(
            [
                match
                for batch in batches()
                for match in stages.detect(stages.normalize(batch).events, engine).matches
            ],
            engine,
        ).alerts
    }

    def check(found: list[list[GroupAlert]]) -> None:
        alerts = [alert for alerts in found for alert in alerts]
        assert {alert.id for alert in alerts} == expected
        assert {alert.id for alert in alerts if alert.settled} == expected

    def build(pipeline: beam.Pipeline) -> None:
        done = pipeline | beam.Create(batches()) | Normalize()
        found = done.events | DetectLive(ENGINE, frozenset({"auth"}), MINUTE)
        correlation = Correlation(ENGINE, Config(), {"city": (ORIGIN,)}, BEGINNING_OF_TIME)
        alerts = found[PROGRESS] | Correlate(correlation)
        assert_that(alerts, check, label="alerts")

    assert expected
    run(build)


@pytest.mark.parametrize(
    ("times", "reached", "expected"),
    [
        (["10:00", "10:02"], BEGINNING_OF_TIME, parse_time("2026-11-24T10:01:00Z")),
        (["13:00"], BEGINNING_OF_TIME, parse_time("2026-11-24T11:59:00Z")),
        ([], parse_time("2026-11-24T12:30:00Z"), parse_time("2026-11-24T12:29:00Z")),
        ([], BEGINNING_OF_TIME, BEGINNING_OF_TIME),
        (["10:00"], END_OF_TIME, END_OF_TIME),
    ],
    ids=["latest event", "clock in the future", "idle", "empty history", "end of history"],
)
def test_a_mark_has_the_time_reached_less_the_lateness(
    times: list[str], reached: int, expected: int
):
    """An event counts with the lesser of its time and its record time, 12:00; lateness is 1 m."""
    events = [
        {
            "@timestamp": f"2026-11-24T{time}:00.000000Z",
            "tocsin.received": "2026-11-24T12:00:00.000000Z",
        }
        for time in times
    ]
    batch = EventBatch("auth", "topic-a", 0, 5, 9, events, "city", Kind.IDLE, reached)

    assert mark_of(batch, events, MINUTE) == Mark("city", ORIGIN, 5, 9, expected, Kind.IDLE, 0)


def test_an_event_that_cannot_be_stored_is_its_record_again():
    """Its text and place make the dead letter; the reason and the stage say why it fell."""
    batch = batches()[0]
    (event, *_) = stages.normalize(batch).events

    assert to_letter(event, EventBatch.of(batch, [event]), "index", "400 too odd") == DeadLetter(
        LINES[0], "kafka/topic-a/0/0", RECEIVED, "auth", "city", "index", "400 too odd"
    )
