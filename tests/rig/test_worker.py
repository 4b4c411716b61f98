"""The worker on a real broker: what it commits, marks and repeats (DELIVERY §3.1, §4.2, §4.3)."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from kafka import KafkaAdminClient, TopicPartition

from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors.matches_topic import MatchesTopic, decode
from tocsin.pipelines.metrics import LOST, Counters, total
from tocsin.pipelines.worker import Topic, Worker
from tocsin.schemas.marks import Kind, Mark
from tocsin.schemas.records import Batch, Source
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, MINUTE

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Rig:
    """A topic of its own with two partitions, a matches topic, and workers that read the first.

    `delivered` holds the batches in the order in which they were acknowledged.
    """

    def __init__(self, cluster: connector.Cluster, admin: KafkaAdminClient, source: Source) -> None:
        name = f"records-{uuid.uuid4().hex[:8]}"
        self.cluster = cluster
        self.source = replace(source, topic=name)
        self.name = name
        self.matches = MatchesTopic(f"{name}-matches", 3)
        connector.create_topic(admin, name, 2)
        connector.create_topic(admin, self.matches.name, 3)
        self.topic = Topic(self.source, connector.topic_id(admin, name))
        self.admin = admin
        self.counters = Counters()
        self.delivered: list[Batch] = []
        self.alarms: list[str] = []
        self.producer = connector.open_producer(cluster)

    def send(self, *values: bytes, partition: int = 0, headers: connector.Headers = ()) -> None:
        records = [
            connector.Outgoing(self.name, value, partition=partition, headers=headers)
            for value in values
        ]
        connector.send(self.producer, records)

    def deliver(self, batch: Batch) -> int:
        self.delivered.append(batch)
        return max(record.received for record in batch.records)

    def worker(
        self, instance: str = "host-0", deliver: Callable[[Batch], int] | None = None
    ) -> Worker:
        return Worker(
            connector.open_consumer(self.cluster, f"{self.name}-group", instance),
            self.producer,
            {self.name: self.topic},
            self.matches,
            deliver or self.deliver,
            self.counters,
            lateness=MINUTE,
            batch_records=100,
            stop=lambda: False,
            alarm=self.alarms.append,
        )

    def values(self) -> list[bytes]:
        return [record.value for batch in self.delivered for record in batch.records]

    def marks(self) -> list[Mark]:
        """Every mark that was written so far."""
        number = self.matches.partition(self.source.organization)
        partition = TopicPartition(self.matches.name, number)
        reader = connector.open_consumer(self.cluster, f"{self.name}-reader", "reader")
        reader.assign([partition])
        reader.seek_to_beginning(partition)
        end = reader.end_offsets([partition])[partition]
        marks: list[Mark] = []
        while reader.position(partition) < end:
            for message in reader.poll(500).get(partition, []):
                record = decode(message.key, message.value)
                assert isinstance(record, Mark)
                marks.append(record)
        reader.close()
        return marks

    def committed(self) -> dict[int, int | None]:
        reader = connector.open_consumer(self.cluster, f"{self.name}-group", "onlooker")
        offsets = connector.committed_offsets(reader, self.name)
        reader.close()
        return {partition.partition: offset for partition, offset in offsets.items()}


def turn(worker: Worker, until: Callable[[], bool], seconds: float = 30) -> None:
    """Step `worker` until `until` holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "not in time"
        worker.step()


@pytest.fixture
def admin(kafka) -> Iterator[KafkaAdminClient]:
    client = connector.open_admin(connector.Cluster((kafka.address,)))
    yield client
    client.close()


@pytest.fixture
def rig(kafka, admin: KafkaAdminClient) -> Iterator[Rig]:
    built = Rig(connector.Cluster((kafka.address,)), admin, Source("server", "linux", "city"))
    yield built
    built.producer.close()


@pytest.fixture
def history(kafka, admin: KafkaAdminClient) -> Iterator[Rig]:
    source = Source("server", "linux", "city", history=True)
    built = Rig(connector.Cluster((kafka.address,)), admin, source)
    yield built
    built.producer.close()


def test_every_record_is_delivered_in_order_and_committed(rig: Rig):
    """In batches of the stated size, each beginning where the one before it ended."""
    rig.send(*(b"%d" % number for number in range(250)))

    with rig.worker() as worker:
        turn(worker, worker.done)

    assert sorted(rig.values(), key=int) == [b"%d" % number for number in range(250)]
    spans = sorted((batch.first, batch.next) for batch in rig.delivered)
    assert spans[0][0] == 0
    assert spans[-1][1] == 250
    assert all(next_ - first <= 100 for first, next_ in spans)
    assert [first for first, _ in spans[1:]] == [next_ for _, next_ in spans[:-1]]
    assert rig.committed() == {0: 250, 1: None}


def test_a_restarted_worker_goes_on_where_the_commit_was(rig: Rig):
    """Nothing that was committed comes again, nothing that was not is missing."""
    rig.send(b"a", b"b")
    with rig.worker() as worker:
        turn(worker, worker.done)
    rig.send(b"c")

    with rig.worker() as worker:
        turn(worker, worker.done)

    assert rig.values() == [b"a", b"b", b"c"]


def test_nothing_is_committed_beyond_a_batch_that_is_not_acknowledged(rig: Rig):
    """Later batches of its partition wait for it; the other partition does not."""
    release = threading.Event()

    def deliver(batch: Batch) -> int:
        if batch.partition == 0 and batch.first == 0:
            release.wait(30)
        return rig.deliver(batch)

    rig.send(*(b"x" for _ in range(200)))
    rig.send(*(b"y" for _ in range(50)), partition=1)

    with rig.worker(deliver=deliver) as worker:
        turn(worker, lambda: len(rig.delivered) >= 2 and rig.committed()[1] == 50)
        held = rig.committed()
        release.set()
        turn(worker, worker.done)

    assert held == {0: None, 1: 50}
    assert rig.committed() == {0: 200, 1: 50}


def test_records_of_a_worker_that_died_before_its_commit_come_again(rig: Rig):
    """It took them, wrote nothing and was gone: its successor has the same places."""
    taken = threading.Event()

    def die(_: Batch) -> int:
        taken.set()
        raise SystemExit

    rig.send(b"a", b"b")
    with pytest.raises(SystemExit), rig.worker(deliver=die) as worker:
        turn(worker, taken.is_set)
        turn(worker, lambda: False)

    with rig.worker() as worker:
        turn(worker, worker.done)

    assert rig.values() == [b"a", b"b"]
    assert [record.place.rsplit("/", 1)[1] for record in rig.delivered[0].records] == ["0", "1"]


def test_a_partition_is_opened_then_marked_with_its_progress_then_idle(rig: Rig):
    """The time of idle marks goes on with the clock, less the lateness."""
    before = time.time_ns() // 1000
    rig.send(b"a")
    with rig.worker() as worker:
        turn(worker, worker.done)
        until = time.monotonic() + 2.5
        turn(worker, lambda: time.monotonic() > until)

    marks = [mark for mark in rig.marks() if mark.origin.partition == 0]
    kinds = [mark.kind for mark in marks]
    idle = [mark.time for mark in marks if mark.kind is Kind.IDLE]

    assert kinds[0] is Kind.OPEN
    assert marks[0].time == BEGINNING_OF_TIME
    assert (marks[-1].first, marks[-1].next) == (1, 1)
    assert kinds.count(Kind.PROGRESS) == 1
    assert len(idle) >= 2
    assert idle == sorted(idle)
    assert before - MINUTE <= idle[0] <= idle[-1] <= time.time_ns() // 1000 - MINUTE
    assert marks[0].origin.topic_id == rig.topic.id


def test_history_ends_with_its_end_record_and_is_not_moved_by_the_clock(history: Rig):
    """The first partition ended, the second has shown nothing."""
    history.send(b"a", headers=[("tocsin-place", b"x")])
    connector.send(history.producer, [connector.end_record(history.name, 0)])

    with history.worker() as worker:
        turn(worker, worker.done)
        until = time.monotonic() + 2.5
        turn(worker, lambda: time.monotonic() > until)

    marks = history.marks()
    assert history.values() == [b"a"]
    assert {mark.time for mark in marks if mark.origin.partition == 1} == {BEGINNING_OF_TIME}
    assert marks[-1].time == END_OF_TIME or marks[-2].time == END_OF_TIME


def test_an_end_record_means_nothing_to_a_live_source(rig: Rig):
    """Whoever can write to the topic cannot end the time of live correlations."""
    connector.send(rig.producer, [connector.end_record(rig.name, 0)])

    with rig.worker() as worker:
        turn(worker, worker.done)

    assert rig.committed()[0] == 1
    assert max(mark.time for mark in rig.marks()) <= time.time_ns() // 1000


def test_two_workers_share_the_partitions_and_nothing_is_lost_when_one_joins_late(rig: Rig):
    """The rebalance takes a partition from the first while records are under way."""
    rig.send(*(b"p0-%d" % number for number in range(400)))
    rig.send(*(b"p1-%d" % number for number in range(400)), partition=1)
    with rig.worker("host-0") as first:
        turn(first, lambda: len(rig.delivered) > 0)
        with rig.worker("host-1") as second:
            deadline = time.monotonic() + 30
            while not (first.done() and second.done()):
                assert time.monotonic() < deadline
                first.step()
                second.step()

    assert len(set(rig.values())) == 800
    assert rig.committed() == {0: 400, 1: 400}


def test_records_that_retention_took_are_counted_as_lost(rig: Rig):
    """The commit stands at 2, the log starts at 5: three records were never seen."""
    rig.send(b"a", b"b")
    with rig.worker() as worker:
        turn(worker, worker.done)
    rig.send(b"c", b"d", b"e", b"f")
    rig.admin.delete_records({TopicPartition(rig.name, 0): 5})

    with rig.worker() as worker:
        turn(worker, worker.done)

    assert rig.values() == [b"a", b"b", b"f"]
    assert total(rig.counters.snapshot(), LOST) == 3
    assert [alarm.split(";")[0] for alarm in rig.alarms] == [
        "server, partition 0: 3 records were gone before they were read"
    ]
    opened = [mark for mark in rig.marks() if mark.kind is Kind.OPEN and mark.origin.partition == 0]
    assert (opened[-1].first, opened[-1].next) == (2, 5)


def test_draining_delivers_what_was_fetched_and_commits_it(rig: Rig):
    """SIGTERM ends in a commit; a record is not delivered twice by an orderly stop."""
    slow = threading.Event()

    def deliver(batch: Batch) -> int:
        slow.wait(1)
        return rig.deliver(batch)

    rig.send(*(b"x" for _ in range(300)))
    with rig.worker(deliver=deliver) as worker:
        deadline = time.monotonic() + 20
        while worker.in_flight == 0:
            assert time.monotonic() < deadline
            worker.step()
        drained = worker.drain(time.monotonic() + 20)

    assert drained
    assert rig.committed()[0] == 300
