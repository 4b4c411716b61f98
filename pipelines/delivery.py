"""What follows from a batch of records, written where it belongs: the sinks' side of the worker.

    batch ─▶ normalize ─▶ detect ─▶ alerts ─▶ events ─▶ dead letters ─▶ matches ─▶ accounts

Alerts go ahead of events, in requests of their own, so that an event that can be found has its
alerts (DELIVERY §3.3). A batch is delivered when every write was acknowledged, and everything may
be written twice: ids make that harmless.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock

import orjson
from kafka import KafkaProducer

from tocsin.pipelines import stages
from tocsin.pipelines.alerts.documents import group_alert
from tocsin.pipelines.connectors import dead_letters, kafka
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink, Refused
from tocsin.pipelines.connectors.matches_topic import Matches, MatchesTopic, encode_matches
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.engine import Engine
from tocsin.pipelines.metrics import (
    ALERTS,
    DEAD_LETTERS,
    EVENTS,
    FILTERED,
    MATCHES,
    OUTSIDE,
    OVERSIZE,
    RECORDS,
    REFUSED,
    UNSEEN,
    Counters,
)
from tocsin.pipelines.stages import Detected
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import Event, flatten, nest
from tocsin.schemas.fields import ANALYST_FIELDS
from tocsin.schemas.identity import event_id
from tocsin.schemas.indices import event_index, is_outside
from tocsin.schemas.marks import Origin
from tocsin.schemas.records import Batch, DeadLetter
from tocsin.schemas.times import BEGINNING_OF_TIME, format_micros, parse_time

LIVE = "live"

MATCHES_BYTES = kafka.RECORD_BYTES - (16 << 10)
"""A longer record of matches, key and frame included, would be over its topic's limit."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where a delivery writes in Kafka."""

    matches: MatchesTopic
    dead_letters: str


class Delivery:
    """Delivers batches; several threads may call it at once.

    `correlated` names the sources whose matches correlations see live; `run` names this process in
    the provenance of what it writes. Computing is done by one thread at a time, as it would gain
    nothing from more; the others wait for their writes meanwhile.
    """

    def __init__(
        self,
        engine: Engine,
        sink: ElasticsearchSink,
        producer: KafkaProducer,
        topics: Topics,
        counters: Counters,
        *,
        correlated: frozenset[str],
        record_bytes: int,
        dead_letter_bytes: int,
        run: str,
        stop: Callable[[], bool],
        alarm: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._sink = sink
        self._producer = producer
        self._topics = topics
        self._counters = counters
        self._correlated = correlated
        self._record_bytes = record_bytes
        self._dead_letter_bytes = dead_letter_bytes
        self._run = run
        self._stop = stop
        self._alarm = alarm
        self._computing = Lock()

    def __call__(self, batch: Batch) -> int:
        """Write all that follows from `batch`; gives its highest time, in microseconds.

        Raises StoppedError or SendError where a sink was not there until `stop` said so.
        """
        now = format_micros(time.time_ns() // 1000)
        with self._computing:
            normalized = stages.normalize(batch, record_bytes=self._record_bytes)
            found, events, failed = detect_each(normalized.events, self._engine)
            letters = normalized.dead_letters + [_undetected(batch, *each) for each in failed]
            highest = highest_time(events)
            documents = [event_document(event, now) for event in events]
        write_alerts(found.alerts, self._sink, self._counters, self._run, self._alarm)
        refused = self._sink.create(documents).refused
        letters += _unindexed(batch, refused)
        write_dead_letters(
            letters,
            self._producer,
            self._topics.dead_letters,
            self._sink,
            self._counters,
            limit=self._dead_letter_bytes,
            stop=self._stop,
            alarm=self._alarm,
        )
        self._write_matches(batch, found)
        self._counters.add(
            batch.source.name,
            batch.partition,
            {
                RECORDS: len(batch.records),
                EVENTS: len(documents) - len(refused),
                DEAD_LETTERS: len(letters),
                FILTERED: normalized.filtered,
                ALERTS: len(found.alerts),
                OUTSIDE: found.outside,
            },
        )
        return highest

    def _write_matches(self, batch: Batch, found: Detected) -> None:
        """Matches to the topic; those of history beside live sources are a backfill's business."""
        if not found.matches:
            return
        source = batch.source
        if source.name not in self._correlated:
            self._counters.add(source.name, batch.partition, {UNSEEN: len(found.matches)})
            return
        topic = self._topics.matches
        origin = Origin(source.name, batch.log, batch.partition)
        matches = Matches(
            source.organization, origin, batch.first, batch.next, tuple(found.matches)
        )
        values = list(encode_matches(matches))
        fitting = [value for value in values if len(value) <= MATCHES_BYTES]
        kafka.send(
            self._producer,
            (
                kafka.Outgoing(
                    topic.name,
                    value,
                    source.organization.encode(),
                    partition=topic.partition(source.organization),
                )
                for value in fitting
            ),
            self._stop,
        )
        self._counters.add(
            source.name,
            batch.partition,
            {MATCHES: len(found.matches), OVERSIZE: len(values) - len(fitting)},
        )


def write_alerts(
    alerts: Iterable[Alert],
    sink: ElasticsearchSink,
    counters: Counters,
    run: str,
    alarm: Callable[[str], None],
) -> None:
    """Write alerts of single events unless they are there; `run` is their provenance.

    Raises StoppedError where Elasticsearch was not there until the sink was told to stop.
    """
    created = at_creation(format_micros(time.time_ns() // 1000), run)
    outcome = sink.create(
        Document(alert.index, alert.id, orjson.dumps(nest(flatten(alert.document) | created)))
        for alert in alerts
    )
    report_refused(outcome.refused, counters, alarm)


def write_dead_letters(
    letters: Sequence[DeadLetter],
    producer: KafkaProducer,
    topic: str,
    sink: ElasticsearchSink,
    counters: Counters,
    *,
    limit: int,
    alarm: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write `letters` to `topic`, their bytes cut to `limit`, and to the dead-letter index.

    Raises StoppedError or SendError where either was not there until `stop` said so.
    """
    if not letters:
        return
    kafka.send(
        producer, (dead_letters.to_outgoing(letter, topic, limit) for letter in letters), stop
    )
    refused = sink.create(dead_letters.to_indexed(letter) for letter in letters).refused
    report_refused(refused, counters, alarm)


def write_group_alerts(
    alerts: Iterable[GroupAlert],
    sink: ElasticsearchSink,
    counters: Counters,
    run: str,
    alarm: Callable[[str], None],
) -> None:
    """Write alerts of correlations over what is stored of them, where they may replace it.

    Raises StoppedError where Elasticsearch was not there until the sink was told to stop.
    """
    created = nest(at_creation(format_micros(time.time_ns() // 1000), run))
    by_watermark = sorted(alerts, key=lambda alert: (alert.watermark, alert.organization))
    for watermark, members in groupby(by_watermark, key=lambda alert: alert.watermark):
        together = list(members)
        refused = sink.revise(map(group_alert, together), watermark, created).refused
        report_refused(refused, counters, alarm)
        counters.add(together[0].organization, 0, {ALERTS: len(together) - len(refused)})


def detect_each(
    events: Sequence[Event], engine: Engine
) -> tuple[Detected, list[Event], list[tuple[Event, str]]]:
    """What rules say of `events`, the events they could be asked about, and the others with why.

    A defect that one event brings to light costs that event, not its batch.
    """
    try:
        return stages.detect(events, engine), list(events), []
    except Exception:  # noqa: BLE001 - found again below, event by event
        found = Detected([], [])
        good: list[Event] = []
        failed: list[tuple[Event, str]] = []
        outside = 0
        for event in events:
            try:
                one = stages.detect([event], engine)
            except Exception as error:  # noqa: BLE001
                failed.append((event, f"{type(error).__name__}: {error}"))
                continue
            good.append(event)
            found.alerts.extend(one.alerts)
            found.matches.extend(one.matches)
            outside += one.outside
        return Detected(found.alerts, found.matches, outside), good, failed


def highest_time(events: Iterable[Event]) -> int:
    """The highest time that `events` move their partition to, in microseconds.

    Each counts with the lesser of its event time and its record time (DELIVERY §4.3). Both are
    fixed-width text, whose order is that of time.
    """
    texts = (min(event["@timestamp"], event["tocsin.received"]) for event in events)
    highest = max(texts, default=None)
    return BEGINNING_OF_TIME if highest is None else parse_time(highest)


def event_document(event: Event, now: str) -> Document:
    """`event` as it is stored: nested, with its provenance, in the index of its identity."""
    time_, received = event["@timestamp"], event["tocsin.received"]
    index = event_index(
        event["tocsin.source_group"],
        event["organization.name"],
        time_,
        outside=is_outside(parse_time(time_), parse_time(received)),
    )
    stored = nest(event | {"event.created": now, "event.ingested": now})
    return Document(index, event["event.id"], orjson.dumps(stored))


def at_creation(now: str, run: str) -> Event:
    """What an alert has from its first writing on and no revision touches (DELIVERY §1.6, §3.4).

    Provenance, and every field that analysts own, so that a revision knows them all.
    """
    return dict.fromkeys(ANALYST_FIELDS) | {
        "kibana.alert.workflow_status": "open",
        "event.created": now,
        "event.ingested": now,
        "tocsin.detected": now,
        "tocsin.origin": LIVE,
        "tocsin.run": run,
    }


def report_refused(
    refused: Sequence[Refused], counters: Counters, alarm: Callable[[str], None]
) -> None:
    """Count documents that Elasticsearch will never take, and say so; their event is stored."""
    for document, _ in refused:
        alarm(f"Elasticsearch refuses document {document.id} of {document.index}")
    if refused:
        counters.add("", 0, {REFUSED: len(refused)})


def _unindexed(batch: Batch, refused: Sequence[Refused]) -> Iterator[DeadLetter]:
    """The records of `batch` whose events Elasticsearch refuses."""
    if not refused:
        return
    records = {
        event_id(batch.source.organization, record.place): record for record in batch.records
    }
    for document, reason in refused:
        yield stages.dead_letter(records[document.id], batch.source, "index", reason)


def _undetected(batch: Batch, event: Event, reason: str) -> DeadLetter:
    records = {record.place: record for record in batch.records}
    return stages.dead_letter(records[event["tocsin.place"]], batch.source, "detect", reason)
