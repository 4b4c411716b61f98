"""The Beam source on a real broker: batches, where they go on, and what an idle partition says."""

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from kafka import KafkaAdminClient, TopicPartition

from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors.kafka_source import (
    KafkaReader,
    KafkaSource,
    OffsetsCoder,
    OffsetsMark,
    Partition,
    close_logs,
)
from tocsin.schemas.marks import Kind
from tocsin.schemas.records import Batch, Source
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, parse_time

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Rig:
    """A topic of its own with two partitions, and a source that reads it."""

    def __init__(self, address: str, admin: KafkaAdminClient, *, history: bool) -> None:
        self.name = f"records-{uuid.uuid4().hex[:8]}"
        self.cluster = connector.Cluster((address,))
        self.producer = connector.open_producer(self.cluster)
        connector.create_topic(admin, self.name, 2)
        self.source = Source("server", "linux", "city", topic=self.name, history=history)
        self.kafka = KafkaSource(
            partial(connector.Cluster, (address,)),
            f"{self.name}-group",
            tuple(
                Partition(self.name, number, self.source, connector.topic_id(admin, self.name))
                for number in range(2)
            ),
            batch_records=10,
        )

    def send(self, values: range, partition: int = 0) -> None:
        """Records whose values are the numbers `values`."""
        connector.send(
            self.producer,
            [connector.Outgoing(self.name, b"%d" % n, partition=partition) for n in values],
        )

    def reader(self, mark: OffsetsMark | None = None) -> KafkaReader:
        """A reader as Beam makes it, from a mark that has travelled."""
        coder = OffsetsCoder()
        return self.kafka.create_reader(None, mark and coder.decode(coder.encode(mark)))

    def key(self, partition: int) -> TopicPartition:
        return TopicPartition(self.name, partition)


@pytest.fixture
def make_rig(kafka) -> Iterator[Callable[..., Rig]]:
    admin = connector.open_admin(connector.Cluster((kafka.address,)))
    built: list[Rig] = []

    def make(*, history: bool = False) -> Rig:
        built.append(Rig(kafka.address, admin, history=history))
        return built[-1]

    yield make
    close_logs()
    for rig in built:
        connector.close_producer(rig.producer)
    admin.close()


def read(reader: KafkaReader, enough: Callable[[list[Batch]], bool]) -> list[Batch]:
    """Batches of `reader` until they are enough; fails when they are not in time."""
    batches: list[Batch] = []
    deadline = time.monotonic() + 30
    while not enough(batches):
        assert time.monotonic() < deadline, batches
        if reader.advance():
            current = reader.get_current()
            assert current is not None
            batches.append(current)
    return batches


def values(batches: list[Batch], partition: int = 0) -> list[int]:
    return [
        int(record.value)
        for batch in batches
        if batch.partition == partition
        for record in batch.records
    ]


def has(count: int, partition: int = 0) -> Callable[[list[Batch]], bool]:
    return lambda batches: len(values(batches, partition)) >= count


def test_batches_follow_one_another_without_a_gap(make_rig: Callable[..., Rig]):
    """25 records are batches of at most ten, each from where the last one ended."""
    rig = make_rig()
    rig.send(range(25))

    batches = [batch for batch in read(rig.reader(), has(25)) if batch.records]

    assert values(batches) == list(range(25))
    assert [(batch.first, batch.next) for batch in batches] == [(0, 10), (10, 20), (20, 25)]
    assert {batch.log for batch in batches} == {rig.kafka.partitions[0].topic_id}


def test_a_reader_goes_on_behind_its_mark(make_rig: Callable[..., Rig]):
    """Another one has read further through the same consumer; the mark says where this one is."""
    rig = make_rig()
    rig.send(range(30))
    rig.send(range(100, 105), partition=1)
    first = rig.reader()
    begun = read(first, has(10))
    mark = first.get_checkpoint_mark()
    read(first, has(20))

    again = rig.reader(mark)
    rest = read(again, lambda batches: has(20)(batches) and rest_is_there(begun, batches))

    assert values(begun) + values(rest) == list(range(30))
    assert values(begun, 1) + values(rest, 1) == [100, 101, 102, 103, 104]


def rest_is_there(begun: list[Batch], rest: list[Batch]) -> bool:
    return len(values(begun, 1)) + len(values(rest, 1)) == 5


def test_a_partition_at_its_end_is_idle_since_the_fetch_that_showed_it(
    make_rig: Callable[..., Rig],
):
    """Its empty batch has reached a moment of now, at the position where its records end."""
    rig = make_rig()
    rig.send(range(5))
    began = time.time_ns() // 1000

    batches = read(
        rig.reader(), lambda batches: {b.partition for b in batches if not b.records} == {0, 1}
    )

    idle = {batch.partition: batch for batch in batches if not batch.records}
    assert {batch.kind for batch in idle.values()} == {Kind.IDLE}
    assert [(idle[n].first, idle[n].next) for n in (0, 1)] == [(5, 5), (0, 0)]
    assert all(began <= idle[n].reached <= time.time_ns() // 1000 for n in (0, 1))


def test_history_ends_with_its_end_record_and_never_moves_with_the_clock(
    make_rig: Callable[..., Rig],
):
    """Partition 0 has ended and is at the end of time; partition 1 is idle and says no time."""
    rig = make_rig(history=True)
    rig.send(range(5))
    connector.send(rig.producer, [connector.end_record(rig.name, 0)])

    batches = read(
        rig.reader(),
        lambda batches: has(5)(batches) and any(batch.partition == 1 for batch in batches),
    )

    ended = [batch for batch in batches if batch.records]
    assert values(batches) == [0, 1, 2, 3, 4]
    assert [(batch.next, batch.reached) for batch in ended] == [(6, END_OF_TIME)]
    assert {batch.reached for batch in batches if batch.partition == 1} == {BEGINNING_OF_TIME}


def test_a_finalized_mark_is_committed_with_its_moment(make_rig: Callable[..., Rig]):
    """The next poll commits it, so that people see the lag, and a watchdog that it is new."""
    rig = make_rig()
    rig.send(range(5))
    reader = rig.reader()
    read(reader, has(5))
    began = time.time_ns() // 1000

    reader.get_checkpoint_mark().finalize_checkpoint()
    while reader.advance():
        pass

    onlooker = connector.open_consumer(rig.cluster, f"{rig.name}-group")
    committed = onlooker.committed(rig.key(0), metadata=True)
    onlooker.close()
    assert committed.offset == 5
    assert parse_time(committed.metadata) >= began
