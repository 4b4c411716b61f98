"""Records from Kafka: place and record time from the offset, or from headers where configured."""

from typing import NamedTuple

import pytest

from tocsin.pipelines.connectors import kafka
from tocsin.schemas.records import Record, Source

LIVE = Source("live", "linux", topic="logs")
PRODUCED = Source("produced", "linux", topic="logs", place="header")
DIGEST = "abcdefghijklmnopqrstuvwxyz"


class Message(NamedTuple):
    """What a consumer hands over, as far as it is read."""

    topic: str = "logs"
    partition: int = 3
    offset: int = 17
    timestamp: int = 1_764_000_000_123
    value: bytes | None = b"line"
    headers: tuple[tuple[str, bytes], ...] = ()


def test_place_is_topic_id_partition_and_offset() -> None:
    """The topic's id stands in the place, and Kafka's milliseconds become microseconds."""
    record = kafka.to_record(Message(), LIVE, "topicid")

    assert record == Record(b"line", "kafka/topicid/3/17", 1_764_000_000_123_000)


def test_headers_count_only_where_the_source_says_so() -> None:
    """A live source's places cannot be chosen by what is in a record's headers."""
    headers = (("tocsin-place", b"file/%s/0" % DIGEST.encode()), ("tocsin-received", b"5"))

    live = kafka.to_record(Message(headers=headers), LIVE, "topicid")
    produced = kafka.to_record(Message(headers=headers), PRODUCED, "topicid")

    assert live.place == "kafka/topicid/3/17"
    assert produced == Record(b"line", f"file/{DIGEST}/0", 5)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("tocsin-place", b"file/%s/0" % DIGEST.encode()),),
        (("tocsin-place", b"file/../../etc/0"), ("tocsin-received", b"5")),
        (("tocsin-place", b"file/%s/-1" % DIGEST.encode()), ("tocsin-received", b"5")),
        (("tocsin-place", b"file/%s/0" % DIGEST.encode()), ("tocsin-received", b"-5")),
        (("tocsin-place", b"file/%s/0" % DIGEST.encode()), ("tocsin-received", b"1e9")),
        (("tocsin-place", b"\xff\xfe"), ("tocsin-received", b"5")),
    ],
)
def test_unusable_headers_fall_back_to_the_offset(headers: tuple[tuple[str, bytes], ...]) -> None:
    """Place and record time are taken from the headers together or not at all."""
    record = kafka.to_record(Message(headers=headers), PRODUCED, "topicid")

    assert record == Record(b"line", "kafka/topicid/3/17", 1_764_000_000_123_000)


@pytest.mark.parametrize(
    "place",
    [f"file/{DIGEST}/1048576", "kafka/4dW2Tz-_R9yQ0a/0/9223372036854775807", "kafka/c.0.t/1/2"],
)
def test_headers_carry_a_place_unchanged(place: str) -> None:
    """What `place_headers` writes, `to_record` reads."""
    record = Record(b"line", place, 1_700_000_000_000_001)

    message = Message(headers=tuple(kafka.place_headers(record)))

    assert kafka.to_record(message, PRODUCED, "other") == record


def test_tombstone_is_an_empty_record() -> None:
    """A message without a value is still a record: it becomes an event or a dead letter."""
    assert kafka.to_record(Message(value=None), LIVE, "t").value == b""


def test_unknown_time_is_zero() -> None:
    """Kafka's -1 for no time is not a moment before 1970."""
    assert kafka.to_record(Message(timestamp=-1), LIVE, "t").received == 0


def test_end_record_is_told_from_records() -> None:
    """Only the header makes an end; an empty line does not."""
    end = kafka.end_record("logs", 2)

    assert end.partition == 2
    assert kafka.is_end(Message(value=end.value, headers=tuple(end.headers)))
    assert not kafka.is_end(Message(value=b""))


def test_password_is_not_printed() -> None:
    """A cluster in an error message does not give the password away."""
    cluster = kafka.Cluster(("b:9092",), "SASL_SSL", "", "SCRAM-SHA-512", "me", "hunter2")

    assert "hunter2" not in repr(cluster)
    assert cluster.settings()["sasl_plain_password"] == "hunter2"
