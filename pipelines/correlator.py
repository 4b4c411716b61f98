"""The correlator host: matches and marks from Kafka through the correlations to alerts.

    poll ─▶ matches partitions ─▶ watermarks written, and read back ─▶ alerts ─▶ commit

Like the worker it polls in one thread and never waits there for Elasticsearch: alerts are written
by a thread of their own, and fetching is paused while too many wait for it. A commit follows the
acknowledgement of every alert before it (DELIVERY §4.4, §4.8).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tocsin.pipelines.checkpoint import Checkpoint, Point, decode_checkpoint, encode_checkpoint
from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.assignments import Assignments
from tocsin.pipelines.connectors.matches_topic import MatchesTopic, encode_watermark
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.feeds import EVICTED, REASONS
from tocsin.pipelines.frontier import Frontier
from tocsin.pipelines.matches_partition import MakeCorrelator, MatchesPartition
from tocsin.pipelines.metrics import LOST, Counters
from tocsin.schemas.marks import Origin
from tocsin.schemas.times import SECOND, format_micros

POLL_SECONDS = 0.2
WATERMARK_SECONDS = 0.5
"""More often, and watermarks crowd the topic; less often, and alerts wait for the next one."""

REVISION_SECONDS = 10.0
"""An alert that was written is revised at most this often, and once more when it is settled
(SEMANTICS §5.4); commits keep the same pace, as they wait for all revisions."""

ALARM_AFTER = 30 * SECOND
"""A partition is marked every second; one that was not for this long has lost its worker."""

WAITING_ALERTS = 20_000
"""Fetching pauses while more alerts than this wait to be written."""

WriteAlerts = Callable[[Sequence[GroupAlert]], None]
"""Writes alerts of correlations; returns when every one is acknowledged."""


class CorrelatorHost:
    """One member of the correlators' group. `step` is one turn; nothing happens between turns.

    `origins` are the source partitions that count, by organisation; `make_correlator`, `horizon`
    and `silence` (microseconds) are handed on to each partition. `alarm` is told in a sentence what
    somebody has to see to.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        producer: KafkaProducer,
        topic: MatchesTopic,
        origins: Mapping[str, Sequence[Origin]],
        make_correlator: MakeCorrelator,
        write_alerts: WriteAlerts,
        counters: Counters,
        *,
        horizon: int,
        silence: int,
        stop: Callable[[], bool],
        alarm: Callable[[str], None],
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._topic = topic
        self._origins = origins
        self._make_correlator = make_correlator
        self._write_alerts = write_alerts
        self._counters = counters
        self._horizon = horizon
        self._silence = silence
        self._stop = stop
        self._alarm = alarm
        self._assignments = Assignments()
        self._partitions: dict[TopicPartition, MatchesPartition] = {}
        self._written: set[str] = set()
        self._writer = ThreadPoolExecutor(1, "alerts")
        self._writing: Future[None] | None = None
        self._to_commit: Mapping[TopicPartition, tuple[int, Checkpoint]] = {}
        self._silent: set[Origin] = set()
        self._watermark_at = 0.0
        self._revise_at = 0.0
        self._ends: dict[TopicPartition, int] | None = None
        self._reached = False

    def __enter__(self) -> Self:
        self._consumer.subscribe([self._topic.name], listener=self._assignments)
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.shutdown(cancel_futures=True)
        self._consumer.close(autocommit=False)

    def step(self) -> None:
        """Poll once and take in what came; write watermarks and alerts, and commit, when due."""
        self._poll()
        now = time.monotonic()
        if now >= self._watermark_at:
            self._watermark_at = now + WATERMARK_SECONDS
            self._write_watermarks()
        if self._take_up_written():
            self._write(everything=now >= self._revise_at)
        self._regulate()

    def drain(self, deadline: float) -> bool:
        """Write every alert that was told, and commit; whether that was done in time."""
        if not self._wait_written(deadline):
            return False
        self._write(everything=True)
        return self._wait_written(deadline)

    def _wait_written(self, deadline: float) -> bool:
        while not self._take_up_written():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def finish(self, deadline: float) -> bool:
        """Whether, all records being done, the group has read and written what follows from them.

        To be called between steps when the workers are through and write no more marks. Each
        member commits once its partitions are read up to where the topic ended then, and is done
        when all of them are, whoever's they are.
        """
        if self._ends is None:
            self._ends = kafka.end_offsets(self._consumer, self._topic.name)
        if not (self._assignments.settled and self._caught_up(self._ends)):
            return False
        if not (self.drain(deadline) and self._group_reached(self._ends)):
            return False
        if self._reached:
            return True
        # Once more up to where the topic ends now, as members that are not through yet look for
        # that in the commits, and would have to take over what this one leaves behind.
        self._ends = None
        self._reached = True
        return False

    def _caught_up(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether this member's partitions are read to `ends`, and time is where marks put it."""
        now = _now()
        return not self._assignments.changes and all(
            partition.position >= ends[key] and not partition.loading and not partition.behind(now)
            for key, partition in self._partitions.items()
        )

    def _group_reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        for partition, end in ends.items():
            committed = self._consumer.committed(partition, metadata=True)
            checkpoint = committed and decode_checkpoint(committed.metadata)
            if end > (checkpoint.read if checkpoint else 0):
                return False
        return True

    def _poll(self) -> None:
        polled = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        taken_up = self._take_up_changes()
        now = _now()
        for key, messages in polled.items():
            partition = self._partitions.get(key)
            if partition is not None and key not in taken_up:
                for message in messages:
                    partition.read(message.offset, message.key, message.value, now)

    def _take_up_changes(self) -> set[TopicPartition]:
        """Forget the partitions that were revoked, take up those that were assigned.

        A change stays noted until it was taken up whole; what was polled of such a partition is
        read again. Each rebalance takes every partition, so no other is polled in that turn.
        """
        taken_up: set[TopicPartition] = set()
        while self._assignments.changes:
            given, partitions = self._assignments.changes[0]
            self._written.clear()
            for key in partitions:
                self._partitions.pop(key, None)
            if given:
                taken_up = set(partitions & self._consumer.assignment())
                for key in taken_up:
                    self._partitions[key] = self._take_up(key)
            self._assignments.changes.popleft()
        return taken_up

    def _take_up(self, key: TopicPartition) -> MatchesPartition:
        """Start where the last commit says, or where the log starts if that is later."""
        start = self._start(key)
        self._consumer.seek(key, start[0])
        origins = {
            organization: origins
            for organization, origins in self._origins.items()
            if self._topic.partition(organization) == key.partition
        }
        return MatchesPartition(
            origins,
            self._make_correlator,
            self._horizon,
            self._counters,
            start,
            load_until=self._consumer.end_offsets([key])[key],
            frontier=Frontier(_now(), self._silence),
        )

    def _start(self, key: TopicPartition) -> tuple[int, Checkpoint]:
        committed = self._consumer.committed(key, metadata=True)
        checkpoint = decode_checkpoint(committed.metadata) if committed else None
        oldest = self._consumer.beginning_offsets([key])[key]
        if committed and checkpoint and committed.offset >= oldest:
            return committed.offset, checkpoint
        if oldest == 0:
            return 0, Checkpoint()
        # Retention took the beginning, so nobody knows what is missing of the time up to now.
        if committed:
            self._counters.add(self._topic.name, key.partition, {LOST: oldest - committed.offset})
            self._alarm(
                f"{self._topic.name}, partition {key.partition}: matches were gone before they were"
                " read; alerts are incomplete for one horizon"
            )
        return oldest, Checkpoint(others=Point(complete_from=_now()))

    def _write_watermarks(self) -> None:
        """Write the watermarks that moved, and tell of partitions that hold them back."""
        now = _now()
        records = [
            kafka.Outgoing(
                key.topic,
                encode_watermark(watermark),
                watermark.organization.encode(),
                partition=key.partition,
            )
            for key, partition in self._partitions.items()
            for watermark in partition.watermarks(now)
        ]
        if records:
            kafka.send(self._producer, records, self._stop)
        for partition in self._partitions.values():
            self._tell_of_trouble(partition, now)

    def _tell_of_trouble(self, partition: MatchesPartition, now: int) -> None:
        silent = set(partition.silent(now, ALARM_AFTER))
        for origin in sorted(silent - self._silent):
            self._alarm(f"{origin.source}, partition {origin.partition}: no worker marks it")
        self._silent = (self._silent - set(partition.all_origins)) | silent
        for late in partition.late():
            since, until = format_micros(late.period_start), format_micros(late.period_end)
            self._alarm(
                f"{late.matches} matches came too late for {late.rule} in {late.organization}:"
                f" a backfill from {since} to {until} counts them"
            )
        for organization, what, rule, amount in partition.uncounted():
            if what == EVICTED:
                self._alarm(f"{rule} in {organization}: {amount} {REASONS[EVICTED]}")

    def _write(self, *, everything: bool) -> None:
        """Hand the writer the alerts that are due, and note what to commit after `everything`."""
        alerts = [
            alert
            for partition in self._partitions.values()
            for alert in partition.take(lambda alert: everything or self._is_urgent(alert))
        ]
        if everything:
            self._revise_at = time.monotonic() + REVISION_SECONDS
            self._to_commit = {
                key: partition.checkpoint()
                for key, partition in self._partitions.items()
                if not partition.loading
            }
        for alert in alerts:
            (self._written.discard if alert.settled else self._written.add)(alert.id)
        if alerts or everything:
            self._writing = self._writer.submit(self._write_alerts, alerts)

    def _is_urgent(self, alert: GroupAlert) -> bool:
        """Whether `alert` is new or settled; other revisions wait for the next commit."""
        return alert.settled or alert.id not in self._written

    def _take_up_written(self) -> bool:
        """Whether the writer is free; commits what was noted when it became so.

        Raises what made writing impossible.
        """
        if self._writing is None:
            return True
        if not self._writing.done():
            return False
        self._writing.result()
        self._writing = None
        offsets = {
            key: (offset, encode_checkpoint(checkpoint))
            for key, (offset, checkpoint) in self._to_commit.items()
            if key in self._partitions
        }
        self._to_commit = {}
        kafka.commit(self._consumer, offsets)
        return True

    def _regulate(self) -> None:
        """Pause fetching while too many alerts wait for the writer."""
        if sum(partition.waiting for partition in self._partitions.values()) > WAITING_ALERTS:
            self._consumer.pause(*self._consumer.assignment())
        elif self._consumer.paused():
            self._consumer.resume(*self._consumer.paused())


def _now() -> int:
    return time.time_ns() // 1000
