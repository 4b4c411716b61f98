"""Kafka as an unbounded Beam source whose elements are batches of records.

    KafkaSource ──split──▶ sub-sources ──create_reader──▶ KafkaReader ─┐ one a bundle
                                                          KafkaReader ─┴▶ Log, one a process

Where a reader stands is a checkpoint mark, and the runner's state keeps it: offsets are committed
only so that people can see the lag, and as a sign of life. Beam makes readers far more often than
it takes them up again, so a reader is no more than its offsets, and the consumer that it reads
through is its process's own. A reader that stands elsewhere than the last one seeks.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import orjson
from apache_beam.coders import Coder
from apache_beam.io.unbounded_source import CheckpointMark, UnboundedReader, UnboundedSource
from apache_beam.metrics import Metrics
from apache_beam.utils.timestamp import Timestamp
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.kafka import Message
from tocsin.schemas.marks import Kind
from tocsin.schemas.records import Batch, Source
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, format_micros

POLL_SECONDS = 0.2
"""How long a reader waits for records before it says that there are none; Beam asks that it never
blocks, but an answer that is always no costs a second each, the shortest that Flink defers."""

IDLE_SECONDS = 1.0
"""A partition at its end is said to be idle this often, as a worker's marks are."""

_LOGGER = logging.getLogger(__name__)

Offsets = Mapping[TopicPartition, int]
"""By partition, the offset of the next record to read."""


class Partition(NamedTuple):
    """A partition that is read: whose records it holds, and the topic's id that places carry."""

    topic: str
    number: int
    source: Source
    topic_id: str

    @property
    def key(self) -> TopicPartition:
        """What the consumer calls it."""
        return TopicPartition(self.topic, self.number)


class OffsetsMark(CheckpointMark):  # type: ignore[misc]
    """Where a reader stands; `finalize` is told when the runner's state has it too."""

    def __init__(
        self, offsets: Offsets, finalize: Callable[[Offsets], None] = lambda _: None
    ) -> None:
        self.offsets = offsets
        self._finalize = finalize

    def finalize_checkpoint(self) -> None:
        """Pass the offsets on to be committed."""
        self._finalize(self.offsets)


class OffsetsCoder(Coder):  # type: ignore[misc]
    """Marks as JSON: `[[topic, partition, offset], …]`, sorted."""

    def encode(self, value: OffsetsMark) -> bytes:
        """The bytes of a mark."""
        return orjson.dumps(sorted([*key, offset] for key, offset in value.offsets.items()))

    def decode(self, encoded: bytes) -> OffsetsMark:
        """The mark in `encoded`; nobody is told when it is finalized."""
        rows = orjson.loads(encoded)
        return OffsetsMark(
            {TopicPartition(topic, number): offset for topic, number, offset in rows}
        )

    def is_deterministic(self) -> bool:
        """Equal marks have equal bytes."""
        return True


@dataclass(frozen=True)
class KafkaSource(UnboundedSource):  # type: ignore[misc]
    """Everything in `partitions` from its first record on, and whatever comes.

    `connect` gives the cluster, on the worker: passwords never travel. `splits` is into how many
    sub-sources it may be cut, each read by one thread of the runner at a time.
    """

    connect: Callable[[], kafka.Cluster]
    group: str
    partitions: tuple[Partition, ...]
    batch_records: int
    splits: int = 1

    def split(self, desired_num_splits: int, options: Any = None) -> Iterator["KafkaSource"]:  # noqa: ARG002
        """Sub-sources with about as many partitions each."""
        count = min(self.splits, desired_num_splits, len(self.partitions))
        for index in range(count):
            yield replace(self, partitions=self.partitions[index::count], splits=1)

    def create_reader(
        self,
        options: Any,  # noqa: ARG002
        checkpoint_mark: OffsetsMark | None,
    ) -> "KafkaReader":
        """A reader that goes on at `checkpoint_mark`, or starts where the logs start."""
        log = _log(self)
        return KafkaReader(log, checkpoint_mark.offsets if checkpoint_mark else log.beginning())

    def get_checkpoint_mark_coder(self) -> Coder:
        """Marks are JSON."""
        return OffsetsCoder()


class KafkaReader(UnboundedReader):  # type: ignore[misc]
    """Batches from `offsets` on, in order of offsets within a partition.

    Element time and watermark are the moment of reading: event time is known only when a record
    is parsed, so it travels in marks, and Beam's own time says how far behind a job is.
    """

    def __init__(self, log: "Log", offsets: Offsets) -> None:
        self._log = log
        self._offsets = dict(offsets)
        self._current: Batch | None = None
        self._read_at = Timestamp.now()

    def start(self) -> bool:
        """Read the first batch, if there is one by now."""
        return self.advance()

    def advance(self) -> bool:
        """Read the next batch, if there is one by now."""
        taken = self._log.take(self._offsets)
        self._read_at = Timestamp.now()
        if taken is None:
            return False
        key, self._current = taken
        self._offsets[key] = self._current.next
        return True

    def get_current(self) -> Batch | None:
        """The batch that was read last."""
        return self._current

    def get_current_timestamp(self) -> Timestamp:
        """When it was read."""
        return self._read_at

    def get_watermark(self) -> Timestamp:
        """When anything was last looked for."""
        return self._read_at

    def get_checkpoint_mark(self) -> OffsetsMark:
        """Behind the batch that was read last."""
        return OffsetsMark(dict(self._offsets), self._log.finalize)


class Log:
    """The consumer of the partitions of one sub-source in this process; readers take turns."""

    def __init__(self, source: KafkaSource) -> None:
        self._batch_records = source.batch_records
        self._partitions = {partition.key: partition for partition in source.partitions}
        self._consumer: KafkaConsumer = kafka.open_consumer(source.connect(), source.group)
        self._consumer.assign(list(self._partitions))
        self._lock = Lock()
        self._next: dict[TopicPartition, int] = {}
        self._ready: deque[tuple[TopicPartition, Batch]] = deque()
        self._marked = dict.fromkeys(self._partitions, 0.0)
        self._finalized: Offsets = {}
        self._committed: Offsets = {}

    def beginning(self) -> Offsets:
        """Where the logs start now."""
        with self._lock:
            offsets: Offsets = self._consumer.beginning_offsets(list(self._partitions))
            return offsets

    def finalize(self, offsets: Offsets) -> None:
        """Let the next turn commit `offsets`, as only the polling thread may."""
        self._finalized = offsets

    def take(self, offsets: Offsets) -> tuple[TopicPartition, Batch] | None:
        """A batch that begins where `offsets` say, or None where there is none by now."""
        with self._lock:
            while self._ready:
                key, batch = self._ready.popleft()
                if batch.first == offsets[key]:
                    return key, batch
                # Fetched for a reader that is gone; this one stands elsewhere.
                self._next.pop(key, None)
            try:
                self._commit()
                self._fetch(offsets)
            except KafkaError as error:
                if not getattr(error, "retriable", False):
                    raise
                _LOGGER.warning("Kafka is busy or away: %s: %s", type(error).__name__, error)
            return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Leave the brokers."""
        with self._lock:
            self._consumer.close(autocommit=False)

    def _fetch(self, offsets: Offsets) -> None:
        """Poll once, and note which partitions have nothing more for now."""
        for key, offset in offsets.items():
            if self._next.get(key) != offset:
                self._consumer.seek(key, offset)
                self._next[key] = offset
        polled = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        now = time.monotonic()
        for key, messages in polled.items():
            self._marked[key] = now
            self._count_lost(key, messages[0].offset)
            for start in range(0, len(messages), self._batch_records):
                chunk = messages[start : start + self._batch_records]
                self._ready.append((key, self._batch(key, chunk)))
        still = [key for key, marked in self._marked.items() if now - marked >= IDLE_SECONDS]
        if still:
            self._note_idle(still, now)

    def _batch(self, key: TopicPartition, messages: Sequence[Message]) -> Batch:
        partition = self._partitions[key]
        source = partition.source
        records = [
            kafka.to_record(message, source, partition.topic_id)
            for message in messages
            if not kafka.is_end(message)
        ]
        ended = source.history and any(kafka.is_end(message) for message in messages)
        first, next_ = self._next[key], messages[-1].offset + 1
        self._next[key] = next_
        return Batch(
            source,
            records,
            partition.number,
            first,
            next_,
            partition.topic_id,
            reached=END_OF_TIME if ended else BEGINNING_OF_TIME,
        )

    def _note_idle(self, still: Sequence[TopicPartition], now: float) -> None:
        """An empty batch of each partition of `still` that is read to its end (DELIVERY §4.3)."""
        # The request is sent after this moment: what it does not show is received later.
        sent = time.time_ns() // 1000
        ends = self._consumer.end_offsets(list(still))
        for key in still:
            position = self._consumer.position(key)
            if position != ends[key]:
                continue
            self._marked[key] = now
            partition = self._partitions[key]
            # Further on than the last record where transactions leave offsets without records.
            first, self._next[key] = self._next[key], position
            batch = Batch(
                partition.source,
                [],
                partition.number,
                first,
                position,
                partition.topic_id,
                Kind.IDLE,
                BEGINNING_OF_TIME if partition.source.history else sent,
            )
            self._ready.append((key, batch))

    def _count_lost(self, key: TopicPartition, offset: int) -> None:
        """Tell the gaps that retention made from those of compaction and transactions."""
        if offset > self._next[key]:
            lost = self._consumer.beginning_offsets([key])[key] - self._next[key]
            if lost > 0:
                Metrics.counter(self._partitions[key].source.name, "lost").inc(lost)

    def _commit(self) -> None:
        """Commit what was finalized, with the moment, by which a watchdog sees that it is new."""
        offsets, self._finalized = self._finalized, {}
        if not offsets or offsets == self._committed:
            return
        self._committed = offsets
        now = format_micros(time.time_ns() // 1000)
        try:
            kafka.commit(self._consumer, {key: (offset, now) for key, offset in offsets.items()})
        except KafkaError as error:
            _LOGGER.warning("offsets not committed: %s: %s", type(error).__name__, error)


_logs: dict[tuple[str, tuple[Partition, ...]], Log] = {}
_opening = Lock()


def _log(source: KafkaSource) -> Log:
    """The log of `source` in this process, opened by the first reader that asks."""
    with _opening:
        key = (source.group, source.partitions)
        if key not in _logs:
            _logs[key] = Log(source)
        return _logs[key]


def close_logs() -> None:
    """Close the consumers of this process; a reader that comes later opens its own again."""
    with _opening:
        for log in _logs.values():
            log.close()
        _logs.clear()
