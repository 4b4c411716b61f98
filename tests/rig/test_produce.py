"""Files through Kafka and dead letters back from it, on a real broker."""

import gzip
import time
from pathlib import Path

import pytest
from kafka import TopicPartition

from tocsin.pipelines.connectors import dead_letters, files
from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors.produce import produce
from tocsin.schemas.records import DeadLetter, Source

pytestmark = [pytest.mark.services, pytest.mark.slow]


def read_all(cluster: connector.Cluster, topic: str) -> dict[int, list]:
    """Every message of `topic` by partition."""
    consumer = connector.open_consumer(cluster, f"{topic}-readers", "reader-1")
    ends = connector.end_offsets(consumer, topic)
    consumer.assign(list(ends))
    messages: dict[int, list] = {part.partition: [] for part in ends}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(
        consumer.position(TopicPartition(topic, number)) < ends[TopicPartition(topic, number)]
        for number in messages
    ):
        for part, found in consumer.poll(500).items():
            messages[part.partition] += found
    consumer.close()
    return messages


def test_a_produced_file_has_the_records_of_the_file(kafka, tmp_path: Path) -> None:
    """Compressed or not, each line arrives once with its place and time, then the end, everywhere."""
    cluster = connector.Cluster((kafka.address,))
    admin = connector.open_admin(cluster)
    connector.create_topic(admin, "produced", 3)
    admin.close()
    plain, packed = tmp_path / "a.log", tmp_path / "b.log.gz"
    plain.write_bytes(b"".join(b"%06d plain\n" % n for n in range(2_000)))
    lines = [b"%06d packed \xff" % n for n in range(1, 1_000)] + [b"x" * (1 << 20)]
    packed.write_bytes(gzip.compress(b"\n".join(lines)))
    logs = [files.inspect(path, received=1_700_000_000_000_000) for path in (plain, packed)]
    producer = connector.open_producer(cluster)

    done = produce(producer, "produced", 3, logs, time_of=lambda record: int(record.value[:6], 36))
    producer.close()

    assert (done.records, done.problems) == (3_000, ())
    source = Source("history", "linux", topic="produced", history=True, place="header")
    messages = read_all(cluster, "produced")
    for part in messages.values():
        assert [connector.is_end(message) for message in part] == [False] * (len(part) - 1) + [True]
    arrived = [
        connector.to_record(message, source, "id")
        for part in messages.values()
        for message in part[:-1]
    ]
    assert sorted(arrived) == sorted(record for log in logs for record in files.read_records(log))


def test_a_dead_letter_comes_back_from_its_topic(kafka) -> None:
    """Bytes, place, time, stage and reason survive the broker."""
    cluster = connector.Cluster((kafka.address,))
    admin = connector.open_admin(cluster)
    connector.create_topic(admin, "dead", 1)
    admin.close()
    letter = DeadLetter(b"\x00\xff", "kafka/id/0/1", 5, "mail", "acme", "parse", "no tïme")
    producer = connector.open_producer(cluster)

    connector.send(producer, [dead_letters.to_outgoing(letter, "dead")])
    producer.close()

    (message,) = read_all(cluster, "dead")[0]
    assert dead_letters.from_message(message) == letter
