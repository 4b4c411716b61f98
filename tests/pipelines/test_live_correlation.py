"""Correlations as keyed state: the frontier's watermark, shares, pacing, and what is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.correlator import Limits
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.correlation.plan import CorrelationPlan, compile_correlations
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.live_correlation import LiveCorrelation, Progress, Terms, spread
from tocsin.schemas.marks import Kind, Mark, Origin
from tocsin.schemas.matches import Match
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, MINUTE, SECOND

ORIGIN = Origin("server", "topic-a", 0)
OTHER = Origin("server", "topic-a", 1)
SILENCE = 10 * MINUTE
RULES = """
title: Refused log-on
id: refused
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Three refused within a minute
id: guessing
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 3}
tocsin: {period: 2m}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> CorrelationPlan:
    """One rule: three of one address within a minute, one alert in two."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    compiled = compile_correlations(load_rules([folder]), lateness=MINUTE)
    assert compiled.refusals == ()
    return compiled


def terms(plan: CorrelationPlan, *origins: Origin, share: Share | None = None) -> Terms:
    return Terms(
        plan,
        origins or (ORIGIN,),
        share or Share(0, 1),
        Limits(),
        complete_from=BEGINNING_OF_TIME,
        started=0,
        silence=SILENCE,
    )


def match(second: int, address: str = "192.0.2.1") -> Match:
    return Match(
        "city", "refused", f"event-{address}-{second}", second * SECOND, {"source.ip": address}
    )


@dataclass
class Reader:
    """A source partition whose spans follow one another."""

    origin: Origin = ORIGIN
    offset: int = 0
    steps: list[Progress] = field(default_factory=list)

    def read(self, *matches: Match, time: int, kind: Kind = Kind.PROGRESS) -> Progress:
        first, self.offset = self.offset, self.offset + len(matches)
        mark = Mark("city", self.origin, first, self.offset, time * SECOND, kind, 0)
        self.steps.append(Progress(mark, matches))
        return self.steps[-1]

    def end(self) -> Progress:
        mark = Mark("city", self.origin, self.offset, self.offset, END_OF_TIME, Kind.PROGRESS, 0)
        self.steps.append(Progress(mark))
        return self.steps[-1]


def told(alerts: Sequence[GroupAlert]) -> list[tuple[str, int, bool]]:
    return [(str(alert.group["source.ip"]), alert.count, alert.settled) for alert in alerts]


def test_an_alert_is_told_when_the_watermark_has_passed_its_matches(plan: CorrelationPlan):
    """The third match at 20 s is judged behind a watermark beyond 20 s, not before."""
    live, reader = LiveCorrelation("city", terms(plan)), Reader()

    assert live.take(reader.read(match(0), match(10), match(20), time=20), 0) == []
    assert told(live.take(reader.read(time=21), 0)) == [("192.0.2.1", 3, False)]
    assert live.watermark == 21 * SECOND


def test_the_watermark_is_that_of_the_slowest_partition(plan: CorrelationPlan):
    """One partition at the end of time moves nothing while the other has said nothing."""
    live = LiveCorrelation("city", terms(plan, ORIGIN, OTHER))
    fast, slow = Reader(), Reader(OTHER)
    live.take(fast.read(match(0), match(10), time=10), 0)

    assert live.take(fast.end(), 0) == []
    assert live.watermark == BEGINNING_OF_TIME
    assert told(live.take(slow.read(match(5), time=30), 0)) == [("192.0.2.1", 3, False)]


def test_a_silent_partition_holds_the_watermark_for_the_silence_and_no_longer(
    plan: CorrelationPlan,
):
    """Nobody was heard of OTHER since the start at 0; ten minutes on it is passed, and named."""
    live, reader = LiveCorrelation("city", terms(plan, ORIGIN, OTHER)), Reader()

    live.take(reader.read(time=30), SILENCE)
    assert (live.watermark, live.passed) == (BEGINNING_OF_TIME, ())
    live.take(reader.read(time=40), SILENCE + 1)
    assert (live.watermark, live.passed) == (40 * SECOND, (OTHER,))


def test_after_a_restart_a_partition_has_its_full_time_again(plan: CorrelationPlan):
    """It was last heard of at 0; the process that restores began at an hour."""
    both = terms(plan, ORIGIN, OTHER)
    live, reader, slow = LiveCorrelation("city", both), Reader(), Reader(OTHER)
    live.take(slow.read(time=10), 0)
    live.take(reader.read(time=20), 0)
    correlator: list[bytes] = []
    saved = live.save(correlator.append)

    hour = 60 * MINUTE
    restored = LiveCorrelation.restore("city", replace(both, started=hour), saved, correlator[-1])
    restored.take(reader.read(time=50), hour + SILENCE)
    assert (restored.watermark, restored.passed) == (10 * SECOND, ())
    restored.take(reader.read(time=60), hour + SILENCE + 1)
    assert (restored.watermark, restored.passed) == (60 * SECOND, (OTHER,))


def test_an_alert_is_revised_every_ten_seconds_and_when_it_is_settled(plan: CorrelationPlan):
    """New at 0 s; the fourth match waits until 10 s, the fifth until the period is over.

    Event time goes on by ten seconds each time, as the correlator, too, holds back what it told.
    """
    live, reader = LiveCorrelation("city", terms(plan)), Reader()
    live.take(reader.read(match(0), match(10), match(20), time=0), 0)

    assert told(live.take(reader.read(time=21), 0)) == [("192.0.2.1", 3, False)]
    assert told(live.take(reader.read(match(25), time=31), 9 * SECOND)) == []
    assert told(live.take(reader.read(time=32), 10 * SECOND)) == [("192.0.2.1", 4, False)]
    assert told(live.take(reader.read(match(35), time=45), 11 * SECOND)) == []
    assert told(live.take(reader.end(), 12 * SECOND)) == [("192.0.2.1", 5, True)]


def test_only_what_changed_is_saved(plan: CorrelationPlan):
    """Marks that tell no alert change the small value only, so an idle hour writes little."""
    live, reader = LiveCorrelation("city", terms(plan)), Reader()
    correlator: list[bytes] = []
    live.take(reader.read(match(0), time=0), 0)
    first = live.save(correlator.append)

    live.take(reader.read(time=5, kind=Kind.IDLE), 1)
    second = live.save(correlator.append)

    assert len(correlator) == 1
    assert first != second
    assert live.saved == second


def scene() -> list[Progress]:
    """Two addresses over two partitions: one alert in the first two minutes, one in the fourth."""
    first, second = Reader(), Reader(OTHER)
    return [
        first.read(match(0), match(10), time=10),
        second.read(match(20), match(20, "192.0.2.2"), time=20),
        first.read(match(30), time=30),
        second.read(time=60, kind=Kind.IDLE),
        first.read(match(190), match(200, "192.0.2.2"), time=200),
        second.read(match(195), match(205, "192.0.2.2"), time=205),
        first.read(match(210), time=210),
        second.end(),
        first.end(),
    ]


def last_forms(alerts: Sequence[GroupAlert]) -> dict[str, tuple[str, int, int, bool]]:
    return {
        alert.id: (str(alert.group["source.ip"]), alert.period_start, alert.count, alert.settled)
        for alert in alerts
    }


EXPECTED = [("192.0.2.1", 0, 4, True), ("192.0.2.1", 120 * SECOND, 3, True)]
"""Matches at 0, 10, 20, 30 s; and at 190, 195, 210 s. The other address has two in a minute."""


def test_a_failure_between_any_two_spans_changes_no_alert(plan: CorrelationPlan):
    """Saved and restored after every step, the scene ends as it does in one piece."""
    both = terms(plan, ORIGIN, OTHER)
    live = LiveCorrelation("city", both)
    alerts: list[GroupAlert] = []
    correlator: list[bytes] = []
    for now, step in enumerate(scene()):
        alerts += live.take(step, now)
        saved = live.save(correlator.append)
        live = LiveCorrelation.restore("city", both, saved, correlator[-1])

    assert sorted(last_forms(alerts).values()) == EXPECTED


@pytest.mark.parametrize("shares", [1, 2, 4])
def test_shares_together_tell_what_one_tells(plan: CorrelationPlan, shares: int):
    """Each alert is told by exactly one of them, and every mark reaches all."""
    lives = [
        LiveCorrelation("city", terms(plan, ORIGIN, OTHER, share=Share(index, shares)))
        for index in range(shares)
    ]
    partitioner = Partitioner(plan, shares)
    alerts: list[list[GroupAlert]] = [[] for _ in lives]
    for now, step in enumerate(scene()):
        parts = spread(step, partitioner, shares)
        for index, part in enumerate(parts):
            alerts[index] += lives[index].take(part, now)

    forms = [last_forms(found) for found in alerts]
    assert sum(map(len, forms)) == 2
    assert sorted(form for each in forms for form in each.values()) == EXPECTED
    assert {live.watermark for live in lives} == {END_OF_TIME}
