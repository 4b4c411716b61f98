"""What delivery rests on, shown on a real broker."""

import gc
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from tocsin.pipelines.connectors import kafka as connector

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    # kafka-python leaves sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def refused_connections(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Collects the sockets that a test without a broker leaves, while their warning is known.

    Log records would keep them until the end of the session.
    """
    caplog.set_level(logging.CRITICAL, logger="kafka")
    yield
    gc.collect()


@pytest.fixture
def cluster(kafka) -> connector.Cluster:
    return connector.Cluster((kafka.address,))


@pytest.fixture
def admin(cluster: connector.Cluster) -> Iterator[KafkaAdminClient]:
    client = connector.open_admin(cluster)
    yield client
    client.close()


def drain(consumer, count: int, seconds: float = 30) -> list:
    """The first `count` messages, or as many as came in time."""
    deadline = time.monotonic() + seconds
    messages = []
    while len(messages) < count and time.monotonic() < deadline:
        for part in consumer.poll(500).values():
            messages += part
    return messages


def test_a_recreated_topic_has_another_id(admin: KafkaAdminClient) -> None:
    """The same name, deleted and created again, gives other places."""
    connector.create_topic(admin, "recreated", 1)
    first = connector.topic_id(admin, "recreated")
    admin.delete_topics(["recreated"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and "recreated" in admin.list_topics():
        time.sleep(0.1)
    connector.create_topic(admin, "recreated", 1)
    second = connector.topic_id(admin, "recreated")

    assert len(first) == len(second) == 22
    assert first != second


def test_create_topic_keeps_the_partition_count(admin: KafkaAdminClient) -> None:
    """Creating again changes nothing; another count is refused, as keys would move."""
    connector.create_topic(admin, "counted", 3)
    connector.create_topic(admin, "counted", 3)

    with pytest.raises(connector.TopicError, match="counted has 3 partitions, expected 4"):
        connector.create_topic(admin, "counted", 4)
    assert connector.partition_count(admin, "counted") == 3


def test_missing_topic_is_named(admin: KafkaAdminClient) -> None:
    """A topic that is not there is not created by looking at it."""
    with pytest.raises(connector.TopicError, match="topic nowhere is not there"):
        connector.topic_id(admin, "nowhere")
    assert "nowhere" not in admin.list_topics()


def test_only_explicit_offsets_are_committed(cluster, admin: KafkaAdminClient) -> None:
    """A restarted member goes on where the last commit was, whatever it had read."""
    connector.create_topic(admin, "explicit", 1)
    producer = connector.open_producer(cluster)
    lines = [connector.Outgoing("explicit", b"%d" % n, partition=0) for n in range(10)]
    assert connector.send(producer, lines) == 10
    producer.close()
    part = TopicPartition("explicit", 0)

    first = connector.open_consumer(cluster, "explicit-group", "host-1")
    first.subscribe(["explicit"])
    assert len(drain(first, 10)) == 10
    assert connector.commit(first, {part: (4, "state")})
    first.close()
    second = connector.open_consumer(cluster, "explicit-group", "host-1")
    second.subscribe(["explicit"])
    values = [message.value for message in drain(second, 6)]

    assert values == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert connector.committed_offsets(second, "explicit") == {part: 4}
    assert second.committed(part, metadata=True).metadata == "state"
    assert connector.end_offsets(second, "explicit") == {part: 10}
    second.close()


def test_restarted_instance_has_its_partitions_at_once(cluster, admin: KafkaAdminClient) -> None:
    """A process that died comes back under its name well before the session time-out."""
    connector.create_topic(admin, "static", 1)
    producer = connector.open_producer(cluster)
    connector.send(producer, [connector.Outgoing("static", b"x")])
    producer.close()
    dead = connector.open_consumer(cluster, "static-group", "host-9")
    dead.subscribe(["static"])
    assert len(drain(dead, 1)) == 1

    started = time.monotonic()
    again = connector.open_consumer(cluster, "static-group", "host-9")
    again.subscribe(["static"])
    assert len(drain(again, 1)) == 1
    taken = time.monotonic() - started
    again.close()
    dead.close()

    assert taken < connector.SESSION_MS / 1000 / 2


def test_an_instance_that_was_replaced_commits_nothing(cluster, admin: KafkaAdminClient) -> None:
    """Of two processes with one name the older is told, and its commit does not count."""
    connector.create_topic(admin, "fenced", 1)
    producer = connector.open_producer(cluster)
    connector.send(producer, [connector.Outgoing("fenced", b"x")])
    producer.close()
    part = TopicPartition("fenced", 0)
    older = connector.open_consumer(cluster, "fenced-group", "host-1")
    older.subscribe(["fenced"])
    assert len(drain(older, 1)) == 1
    newer = connector.open_consumer(cluster, "fenced-group", "host-1")
    newer.subscribe(["fenced"])
    assert len(drain(newer, 1)) == 1

    with pytest.raises(KafkaError):
        connector.commit(older, {part: 1})
    assert connector.committed_offsets(newer, "fenced") == {part: None}
    assert connector.commit(newer, {part: 1})
    assert connector.committed_offsets(newer, "fenced") == {part: 1}
    newer.close()
    older.close()


def test_a_member_that_lost_its_partitions_commits_nothing(
    cluster, admin: KafkaAdminClient
) -> None:
    """After another member has come and a new generation begun, the old offsets are refused."""
    connector.create_topic(admin, "moved", 1)
    producer = connector.open_producer(cluster)
    connector.send(producer, [connector.Outgoing("moved", b"x")])
    producer.close()
    part = TopicPartition("moved", 0)
    first = connector.open_consumer(cluster, "moved-group", "host-1")
    first.subscribe(["moved"])
    assert len(drain(first, 1)) == 1
    admin.remove_group_members("moved-group", [MemberToRemove(group_instance_id="host-1")])

    assert connector.commit(first, {part: 1}) is False
    assert connector.committed_offsets(first, "moved") == {part: None}
    first.close()


def test_too_large_a_record_is_refused(cluster, admin: KafkaAdminClient) -> None:
    """A record over the topic's limit is an error with the topic's name, not a loop."""
    connector.create_topic(admin, "small", 1, settings={"max.message.bytes": "10000"})
    producer = connector.open_producer(cluster)
    noise = bytes(range(256)) * 4096
    try:
        with pytest.raises(connector.SendError, match="topic small refuses a record"):
            connector.send(producer, [connector.Outgoing("small", noise + noise + b"x")])
    finally:
        producer.close()


def test_sending_outlives_a_killed_broker(services: ModuleType, tmp_path: Path) -> None:
    """Records sent across a kill -9 of the only broker all arrive once it is back."""
    port = services.free_port()
    broker = services.start_kafka(tmp_path, port)
    cluster = connector.Cluster((broker.address,))
    admin = connector.open_admin(cluster)
    connector.create_topic(admin, "outage", 2)
    admin.close()
    producer = connector.open_producer(cluster)
    lines = [connector.Outgoing("outage", b"%d" % n, partition=n % 2) for n in range(6000)]
    connector.send(producer, lines[:3000])
    broker.kill()
    with services.start_kafka(tmp_path, port):
        assert connector.send(producer, lines[3000:]) == 3000
        producer.close()
        reader = connector.open_consumer(cluster, "outage-group", "host-1")
        reader.subscribe(["outage"])
        values = {int(message.value) for message in drain(reader, 6000)}
        reader.close()

    assert values == set(range(6000))


def test_sending_ends_when_told_to_stop(services: ModuleType, tmp_path: Path) -> None:
    """Without a broker, sending goes on until `stop` says so, then raises."""
    broker = services.start_kafka(tmp_path)
    cluster = connector.Cluster((broker.address,))
    admin = connector.open_admin(cluster)
    connector.create_topic(admin, "gone", 1)
    admin.close()
    producer = connector.open_producer(cluster)
    connector.send(producer, [connector.Outgoing("gone", b"before")])
    broker.kill()
    deadline = time.monotonic() + 3

    with pytest.raises(connector.SendError, match="before the stop"):
        connector.send(
            producer, [connector.Outgoing("gone", b"x")], stop=lambda: time.monotonic() > deadline
        )
    connector.close_producer(producer, seconds=1)


def test_logging_in(services: ModuleType) -> None:
    """With the right password records go through; with a wrong one no client opens."""
    plain, secured, controller = (services.free_port() for _ in range(3))
    settings = {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURED://127.0.0.1:{secured},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURED://127.0.0.1:{secured}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURED:SASL_PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "listener.name.secured.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secured.plain.sasl.jaas.config": (
            'org.apache.kafka.common.security.plain.PlainLoginModule required user_tocsin="right";'
        ),
    }
    login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "username": "tocsin"}
    with services.start_kafka(port=plain, settings=settings):
        servers = (f"127.0.0.1:{secured}",)
        cluster = connector.Cluster(servers, **login, password="right")
        admin = connector.open_admin(cluster)
        connector.create_topic(admin, "secured", 1)
        admin.close()
        producer = connector.open_producer(cluster)
        connector.send(producer, [connector.Outgoing("secured", b"x")])
        producer.close()
        reader = connector.open_consumer(cluster, "secured-group", "host-1")
        reader.subscribe(["secured"])
        assert [message.value for message in drain(reader, 1)] == [b"x"]
        reader.close()

        with pytest.raises(KafkaError):
            connector.open_admin(connector.Cluster(servers, **login, password="wrong"))
