"""The worker: records from Kafka through the stages to their sinks, and the offsets committed.

    poll ─▶ batches ─▶ deliver (in threads) ─▶ contiguous prefix ─▶ mark ─▶ commit

One thread polls, and only that thread speaks to the consumer: it hands batches to a few threads
that deliver them, takes their acknowledgements, writes marks and commits. It never waits for a
sink, so while Elasticsearch is away the fetching of records is paused, but polling goes on and the
group keeps its member. Delivery is at least once: whatever was not committed comes again, under
the same ids (DELIVERY §3.1, §3.2, §4.2, §4.3).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.assignments import Assignments
from tocsin.pipelines.connectors.kafka import Message
from tocsin.pipelines.connectors.matches_topic import MatchesTopic, encode_mark
from tocsin.pipelines.metrics import LOST, Counters
from tocsin.pipelines.progress import PartitionProgress
from tocsin.schemas.marks import Mark, Origin
from tocsin.schemas.records import Batch, Source
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME

DELIVERERS = 3
"""Threads that deliver: one computes while the others wait for answers of Elasticsearch."""

IN_FLIGHT_BYTES = 48 << 20
"""Fetching pauses above this; as an event a record costs about ten times its bytes."""

RECORD_COST = 512
"""What a record weighs besides its bytes, so that many empty ones are not free."""

POLL_SECONDS = 0.2
BUSY_POLL_SECONDS = 0.02
"""With deliveries under way a poll is short, as their acknowledgements wait for it."""

COMMIT_SECONDS = 0.5
"""More often, and brokers are busy with commits; less often, and a kill repeats more records."""

MARK_SECONDS = 1.0
"""Each partition is marked at least this often, moved or not (DELIVERY §4.2)."""

Deliver = Callable[[Batch], int]
"""Writes all that follows from a batch; gives its highest time when all was acknowledged."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that the worker reads: whose records they are, and the id that places carry."""

    source: Source
    id: str


@dataclass(slots=True)
class _Delivery:
    """A batch under way, and the assignment that it belongs to."""

    progress: PartitionProgress
    batch: Batch
    weight: int
    highest: Future[int] = field(default_factory=Future)


class Worker:
    """One member of the workers' group. `step` is one turn; nothing happens between turns.

    `topics` are what it reads, by name; `lateness` is in microseconds; `stop` says that waiting
    for brokers is to end; `alarm` is told in a sentence what somebody has to see to.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        producer: KafkaProducer,
        topics: Mapping[str, Topic],
        matches: MatchesTopic,
        deliver: Deliver,
        counters: Counters,
        *,
        lateness: int,
        batch_records: int,
        stop: Callable[[], bool],
        alarm: Callable[[str], None],
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._topics = topics
        self._matches = matches
        self._deliver = deliver
        self._counters = counters
        self._lateness = lateness
        self._batch_records = batch_records
        self._stop = stop
        self._alarm = alarm
        self._assignments = Assignments()
        self._partitions: dict[TopicPartition, PartitionProgress] = {}
        self._marked: dict[TopicPartition, float] = {}
        self._under_way: list[_Delivery] = []
        self._threads = ThreadPoolExecutor(DELIVERERS, "deliver")
        self._gaps: list[tuple[TopicPartition, int]] = []
        self._commit_at = 0.0
        self._paused = False

    def __enter__(self) -> Self:
        self._consumer.subscribe(sorted(self._topics), listener=self._assignments)
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._consumer.close(autocommit=False)

    @property
    def in_flight(self) -> int:
        """How many batches were fetched and are not acknowledged yet."""
        return len(self._under_way)

    def step(self) -> None:
        """Poll once, hand on what came, take in what was delivered, mark and commit when due."""
        busy = bool(self._under_way)
        wait = BUSY_POLL_SECONDS if busy else POLL_SECONDS
        polled = self._consumer.poll(timeout_ms=int(wait * 1000))
        taken_up = self._take_up_changes()
        for partition, messages in polled.items():
            if partition in self._partitions and partition not in taken_up:
                self._submit(partition, messages)
        self._acknowledge()
        self._regulate()
        if time.monotonic() >= self._commit_at:
            self.commit()

    def drain(self, deadline: float) -> bool:
        """Deliver what is under way, fetch no more, and commit; whether all was done in time."""
        self._pause()
        while self._under_way and time.monotonic() < deadline:
            self._consumer.poll(timeout_ms=int(BUSY_POLL_SECONDS * 1000))
            self._take_up_changes()
            self._acknowledge()
        self.commit()
        return not self._under_way

    def rest(self) -> None:
        """Stay a member of the group for a moment, and do nothing else."""
        self._pause()
        self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))

    def commit(self) -> None:
        """Write the marks that are due, and commit the offsets that they cover."""
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        self._count_gaps()
        marks = dict(self._due_marks())
        self._send(marks.values())
        offsets = {
            partition: mark.next
            for partition, mark in marks.items()
            if mark.next > self._partitions[partition].committed
        }
        if kafka.commit(self._consumer, offsets):
            for partition, offset in offsets.items():
                self._partitions[partition].committed = offset

    def done(self) -> bool:
        """Whether the group has committed every record of every topic that it reads."""
        if self._under_way or not self._assignments.settled:
            return False
        for name in self._topics:
            committed = kafka.committed_offsets(self._consumer, name)
            for partition, end in kafka.end_offsets(self._consumer, name).items():
                if (committed[partition] or 0) < end:
                    return False
        return True

    def _take_up_changes(self) -> set[TopicPartition]:
        """Drop the partitions that were revoked, take up those that were assigned; gives these.

        A change stays noted until it was taken up whole, as brokers may fail to answer. What was
        polled of such a partition is not looked at: it is read again from where it is taken up.
        Each rebalance takes every partition, so a failure leaves no other one's messages behind.
        """
        taken_up: set[TopicPartition] = set()
        while self._assignments.changes:
            given, partitions = self._assignments.changes[0]
            for partition in partitions:
                self._partitions.pop(partition, None)
                self._marked.pop(partition, None)
            if given:
                taken_up = set(partitions & self._consumer.assignment())
                for partition in taken_up:
                    self._take_up(partition)
                self._send([self._mark_open(partition) for partition in taken_up])
            self._assignments.changes.popleft()
        return taken_up

    def _take_up(self, partition: TopicPartition) -> None:
        """Start where the group's commit is, or where the log starts if that is later."""
        topic = self._topics[partition.topic]
        committed = self._consumer.committed(partition)
        oldest = self._consumer.beginning_offsets([partition])[partition]
        if committed is not None and committed < oldest:
            self._count_lost(partition, oldest - committed)
        position = max(committed or 0, oldest)
        self._consumer.seek(partition, position)
        self._partitions[partition] = PartitionProgress(
            topic.source.organization,
            Origin(topic.source.name, topic.id, partition.partition),
            committed or 0,
            position,
            self._lateness,
        )

    def _count_lost(self, partition: TopicPartition, offsets: int) -> None:
        source = self._topics[partition.topic].source.name
        self._counters.add(source, partition.partition, {LOST: offsets})
        self._alarm(
            f"{source}, partition {partition.partition}: {offsets} records were gone before they"
            " were read; lengthen the topic's retention"
        )

    def _count_gaps(self) -> None:
        """Tell the gaps that retention made from those of compaction and transactions."""
        while self._gaps:
            partition, position = self._gaps[-1]
            oldest = self._consumer.beginning_offsets([partition])[partition]
            if oldest > position:
                self._count_lost(partition, oldest - position)
            self._gaps.pop()

    def _submit(self, partition: TopicPartition, messages: Sequence[Message]) -> None:
        """Hand `messages` on as batches."""
        progress = self._partitions[partition]
        if messages[0].offset > progress.position:
            self._gaps.append((partition, progress.position))
        for start in range(0, len(messages), self._batch_records):
            chunk = messages[start : start + self._batch_records]
            delivery = self._begin(progress, self._topics[partition.topic], chunk)
            delivery.highest = self._threads.submit(partial(self._run, delivery.batch, chunk))
            self._under_way.append(delivery)

    def _begin(
        self, progress: PartitionProgress, topic: Topic, messages: Sequence[Message]
    ) -> _Delivery:
        next_ = messages[-1].offset + 1
        first = progress.begin(next_)
        records = [
            kafka.to_record(message, topic.source, topic.id)
            for message in messages
            if not kafka.is_end(message)
        ]
        batch = Batch(topic.source, records, progress.origin.partition, first, next_, topic.id)
        weight = sum(len(record.value) + RECORD_COST for record in records)
        return _Delivery(progress, batch, weight)

    def _run(self, batch: Batch, messages: Sequence[Message]) -> int:
        """Deliver `batch`; after the end record of a history it is the end of time."""
        highest = self._deliver(batch) if batch.records else BEGINNING_OF_TIME
        ended = batch.source.history and any(kafka.is_end(message) for message in messages)
        return END_OF_TIME if ended else highest

    def _acknowledge(self) -> None:
        """Take in the deliveries that are done; raises what made one impossible."""
        under_way = []
        for delivery in self._under_way:
            if delivery.highest.done():
                batch = delivery.batch
                delivery.progress.acknowledge(batch.first, batch.next, delivery.highest.result())
            else:
                under_way.append(delivery)
        self._under_way = under_way

    def _regulate(self) -> None:
        """Pause fetching while too much is under way, resume it at half of that."""
        weight = sum(delivery.weight for delivery in self._under_way)
        if weight >= IN_FLIGHT_BYTES or (self._paused and weight > IN_FLIGHT_BYTES // 2):
            self._pause()
        elif self._paused:
            self._consumer.resume(*self._consumer.paused())
            self._paused = False

    def _pause(self) -> None:
        # Again in every turn, since partitions that are newly assigned are not paused.
        self._consumer.pause(*self._consumer.assignment())
        self._paused = True

    def _generation(self) -> int:
        generation: int = self._consumer.group_metadata().generation_id
        return generation

    def _mark_open(self, partition: TopicPartition) -> Mark:
        self._marked[partition] = time.monotonic()
        return self._partitions[partition].open(self._generation())

    def _due_marks(self) -> Iterator[tuple[TopicPartition, Mark]]:
        """A mark of each partition that went on, or that was not marked for a while."""
        now = time.monotonic()
        generation = self._generation()
        still = []
        for partition, progress in self._partitions.items():
            mark = progress.progress(generation)
            if mark is not None:
                self._marked[partition] = now
                yield partition, mark
            elif now - self._marked[partition] >= MARK_SECONDS:
                self._marked[partition] = now
                still.append(partition)
        if still:
            # The request is sent after this moment: what it does not show is received later.
            sent = time.time_ns() // 1000
            ends: dict[TopicPartition, Any] = self._consumer.end_offsets(still)
            for partition in still:
                yield partition, self._still_mark(partition, ends[partition], sent, generation)

    def _still_mark(
        self, partition: TopicPartition, log_end: int, sent: int, generation: int
    ) -> Mark:
        """The mark of a partition that did not go on: idle at its end, else the last again."""
        progress = self._partitions[partition]
        position = self._consumer.position(partition)
        if position is not None and position > progress.position == progress.done:
            # Offsets without records, which transactions leave at the end of a log.
            progress.acknowledge(progress.begin(position), position, BEGINNING_OF_TIME)
        history = self._topics[partition.topic].source.history
        idle = progress.idle(log_end, None if history else sent, generation)
        return idle or progress.repeat(generation)

    def _send(self, marks: Iterable[Mark]) -> None:
        records = [
            kafka.Outgoing(
                self._matches.name,
                encode_mark(mark),
                mark.organization.encode(),
                partition=self._matches.partition(mark.organization),
            )
            for mark in marks
        ]
        if records:
            kafka.send(self._producer, records, self._stop)
