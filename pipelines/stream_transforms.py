"""The transforms of the unbounded graph: detection with its progress, correlation, and the sinks.

Like those of `transforms.py` they are shells round functions that the worker calls, too. What a
process needs once, engine, clients and the lock of those who compute, it holds once, however many
copies of a shell a runner makes; passwords are read where they are needed and never travel.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteRuntimeState, ReadModifyWriteStateSpec
from kafka import KafkaProducer

from tocsin.pipelines.config import Config, Elasticsearch, Kafka
from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.elasticsearch import ElasticsearchSink, open_client
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.correlator import Limits
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.delivery import (
    detect_each,
    event_document,
    highest_time,
    write_alerts,
    write_dead_letters,
    write_group_alerts,
)
from tocsin.pipelines.live_correlation import LiveCorrelation, Progress, Terms, spread
from tocsin.pipelines.metrics import LATE, PASSED, UNSEEN, Counters
from tocsin.pipelines.streaming import cluster_of, plan_of
from tocsin.pipelines.transforms import DEAD_LETTERS, UNCOUNTED, EngineSpec, count
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import Event
from tocsin.schemas.marks import Mark, Origin
from tocsin.schemas.records import DeadLetter, EventBatch
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, format_micros, parse_time

EVENTS = "events"
PROGRESS = "progress"

SHARES = 4
"""Into how many parts an organisation's groups are spread. Like the number of a topic's partitions
it is part of what is saved: another one would find no state."""

Key = tuple[str, int]
"""Organisation and share."""

_LOGGER = logging.getLogger(__name__)

_computing = Lock()
"""Of the threads of a process one computes at a time, as it would gain nothing from more."""


@dataclass(eq=False)
class DetectLive(beam.PTransform):  # type: ignore[misc]
    """Batches of events to lists of single-event alerts, and more.

    Further outputs: `events`, the batches without those that a rule failed on; `dead_letters`,
    lists of these; and `progress`, what correlations must know of a batch, where its source is
    one of `correlated`.
    """

    engine: EngineSpec
    correlated: frozenset[str]
    lateness: int

    def expand(self, events: PCollection[EventBatch]) -> Any:  # noqa: D102
        detect = beam.ParDo(_DetectLive(self.engine, self.correlated, self.lateness))
        return events | detect.with_outputs(EVENTS, PROGRESS, DEAD_LETTERS, main="alerts")


class _DetectLive(beam.DoFn):  # type: ignore[misc]
    def __init__(self, engine: EngineSpec, correlated: frozenset[str], lateness: int) -> None:
        self._spec = engine
        self._correlated = correlated
        self._lateness = lateness

    def setup(self) -> None:
        with _computing:
            self._engine = self._spec.load()

    def process(self, batch: EventBatch) -> Iterator[Any]:
        with _computing:
            found, events, failed = detect_each(batch.events, self._engine)
        count(batch.source, "alerts", len(found.alerts))
        count(batch.source, "outside", found.outside)
        # In this order, so that an event that can be found has its alerts (DELIVERY §3.3).
        if found.alerts:
            yield found.alerts
        if events:
            yield TaggedOutput(EVENTS, replace(batch, events=events))
        if failed:
            letters = [to_letter(each, batch, "detect", reason) for each, reason in failed]
            count_fallen(batch.source, len(letters))
            yield TaggedOutput(DEAD_LETTERS, letters)
        if batch.source in self._correlated:
            count(batch.source, "matches", len(found.matches))
            mark = mark_of(batch, events, self._lateness)
            yield TaggedOutput(PROGRESS, Progress(mark, found.matches))
        else:
            count(batch.source, UNSEEN, len(found.matches))


def mark_of(batch: EventBatch, events: list[Event], lateness: int) -> Mark:
    """The mark of `batch`: up to where and to what time its partition is done (DELIVERY §4.3)."""
    reached = max(batch.reached, highest_time(events))
    ends = reached in (BEGINNING_OF_TIME, END_OF_TIME)
    return Mark(
        batch.organization,
        Origin(batch.source, batch.log, batch.partition),
        batch.first,
        batch.next,
        reached if ends else reached - lateness,
        batch.kind,
        generation=0,
    )


def to_letter(event: Event, batch: EventBatch, stage: str, reason: str) -> DeadLetter:
    """`event` as a dead letter: the text that it was, as the record's bytes are gone by now."""
    return DeadLetter(
        event["event.original"].encode("utf-8", "replace"),
        event["tocsin.place"],
        parse_time(event["tocsin.received"]),
        batch.source,
        batch.organization,
        stage,
        reason,
    )


def count_fallen(source: str, events: int) -> None:
    """Move `events`, which normalisation counted, to the dead letters."""
    count(source, "events", -events)
    count(source, "dead_letters", events)


@dataclass(frozen=True, slots=True)
class Correlation:
    """What the keyed state of correlations needs to know of a job."""

    engine: EngineSpec
    config: Config
    origins: Mapping[str, tuple[Origin, ...]]
    complete_from: int

    def terms(self, organization: str, share: int, started: int) -> Terms:
        """The terms of one key."""
        config = self.config.correlation
        return Terms(
            plan_of(self.engine.load(), self.config),
            self.origins[organization],
            Share(share, SHARES),
            Limits(
                config.group_matches,
                max(config.total_matches // (len(self.origins) * SHARES), 1),
            ),
            self.complete_from,
            started,
            config.silence,
        )


@dataclass(eq=False)
class Correlate(beam.PTransform):  # type: ignore[misc]
    """Progress to lists of alerts of correlations, new or revised; a key is one of `SHARES`."""

    correlation: Correlation

    def expand(self, progress: PCollection[Progress]) -> PCollection[list[GroupAlert]]:  # noqa: D102
        spread_out = beam.ParDo(_Spread(self.correlation.engine))
        return (
            progress
            | "Spread" >> spread_out.with_output_types(tuple[Key, Progress])
            | "Correlate" >> beam.ParDo(_Correlate(self.correlation))
        )


class _Spread(beam.DoFn):  # type: ignore[misc]
    def __init__(self, engine: EngineSpec) -> None:
        self._spec = engine

    def setup(self) -> None:
        with _computing:
            self._partitioner = Partitioner(self._spec.load().correlations, SHARES)

    def process(self, progress: Progress) -> Iterator[tuple[Key, Progress]]:
        organization = progress.mark.organization
        for index, part in enumerate(spread(progress, self._partitioner, SHARES)):
            yield (organization, index), part


class _Correlate(beam.DoFn):  # type: ignore[misc]
    """Keeps the correlations that it saved in memory, and restores them where they are not it."""

    MARKS = ReadModifyWriteStateSpec("marks", BytesCoder())
    CORRELATOR = ReadModifyWriteStateSpec("correlator", BytesCoder())

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation

    def setup(self) -> None:
        self._started = _now()
        self._live: dict[Key, LiveCorrelation] = {}

    def process(
        self,
        element: tuple[Key, Progress],
        marks: ReadModifyWriteRuntimeState = beam.DoFn.StateParam(MARKS),  # noqa: B008
        correlator: ReadModifyWriteRuntimeState = beam.DoFn.StateParam(CORRELATOR),  # noqa: B008
    ) -> Iterator[list[GroupAlert]]:
        key, progress = element
        saved = marks.read()
        # Out of memory while it changes: a copy that failed half-way is no copy of the state.
        live = self._live.pop(key, None)
        if live is None or live.saved != saved:
            live = self._open(key, saved, correlator)
        alerts = live.take(progress, _now())
        _tell_of_trouble(live)
        marks.write(live.save(correlator.write))
        self._live[key] = live
        if alerts:
            yield alerts

    def _open(
        self, key: Key, saved: bytes | None, correlator: ReadModifyWriteRuntimeState
    ) -> LiveCorrelation:
        terms = self._correlation.terms(*key, self._started)
        if saved is None:
            return LiveCorrelation(key[0], terms)
        return LiveCorrelation.restore(key[0], terms, saved, correlator.read())


def _tell_of_trouble(live: LiveCorrelation) -> None:
    count(live.organization, PASSED, len(live.passed))
    for (what, rule), amount in live.uncounted().items():
        count(UNCOUNTED, f"{what} {rule}", amount)
    for late in live.late():
        count(late.organization, LATE, late.matches)
        since, until = format_micros(late.period_start), format_micros(late.period_end)
        _LOGGER.warning(
            "%d matches came too late for %s in %s: a backfill from %s to %s counts them",
            late.matches,
            late.rule,
            late.organization,
            since,
            until,
        )


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where a job writes, and `run`, its name in the provenance of what it writes."""

    config: Config
    run: str

    @property
    def elasticsearch(self) -> ElasticsearchSink:
        """The sink of this process."""
        return _elasticsearch(self.config.elasticsearch)

    @property
    def producer(self) -> KafkaProducer:
        """The producer of this process."""
        return _producer(self.config.kafka)


@lru_cache(maxsize=1)
def _elasticsearch(keys: Elasticsearch) -> ElasticsearchSink:
    client = open_client(keys.hosts, keys.username, keys.password() or "", keys.ca_certs)
    return ElasticsearchSink(client, alarm=_alarm)


@lru_cache(maxsize=1)
def _producer(keys: Kafka) -> KafkaProducer:
    return kafka.open_producer(cluster_of(Config(kafka=keys)))


class WriteAlerts(beam.DoFn):  # type: ignore[misc]
    """Lists of single-event alerts into Elasticsearch."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def process(self, alerts: list[Alert]) -> None:
        """Return when every alert is there."""
        with _counted() as counters:
            write_alerts(alerts, self._sinks.elasticsearch, counters, self._sinks.run, _alarm)


class WriteEvents(beam.DoFn):  # type: ignore[misc]
    """Batches of events into Elasticsearch; those that it never takes come out as dead letters."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def process(self, batch: EventBatch) -> Iterator[list[DeadLetter]]:
        """Yield when every event is there or refused."""
        now = format_micros(_now())
        documents = [event_document(event, now) for event in batch.events]
        refused = self._sinks.elasticsearch.create(documents).refused
        if refused:
            events = {event["event.id"]: event for event in batch.events}
            count_fallen(batch.source, len(refused))
            yield [
                to_letter(events[document.id], batch, "index", reason)
                for document, reason in refused
            ]


class WriteDeadLetters(beam.DoFn):  # type: ignore[misc]
    """Lists of dead letters into Kafka and the dead-letter index."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def process(self, letters: list[DeadLetter]) -> None:
        """Return when every one is in both."""
        sinks, config = self._sinks, self._sinks.config
        with _counted() as counters:
            write_dead_letters(
                letters,
                sinks.producer,
                config.kafka.dead_letters_topic,
                sinks.elasticsearch,
                counters,
                limit=config.limits.dead_letter_bytes,
                alarm=_alarm,
            )


class WriteGroupAlerts(beam.DoFn):  # type: ignore[misc]
    """Lists of alerts of correlations into Elasticsearch, over what is stored of them."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def process(self, alerts: list[GroupAlert]) -> None:
        """Return when every alert that may replace what is there does."""
        with _counted() as counters:
            write_group_alerts(alerts, self._sinks.elasticsearch, counters, self._sinks.run, _alarm)


@contextmanager
def _counted() -> Iterator[Counters]:
    """Counters as the functions of a worker take them, which become Beam's at the end."""
    counters = Counters()
    yield counters
    for key, amount in counters.snapshot().items():
        count(key.source or "elasticsearch", key.name, amount)


def _alarm(sentence: str) -> None:
    _LOGGER.warning("%s", sentence)


def _now() -> int:
    return time.time_ns() // 1000
