"""Kafka: clients with the settings that delivery rests on, and records with their places.

Thin over kafka-python. What must hold (DELIVERY §3): nothing is committed but explicit offsets,
a position that is gone goes to the earliest record, a restarted process has its partitions back
within seconds, and whatever was sent is known to have arrived.
"""

import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from tocsin.schemas.records import Record, Source, kafka_place

PLACE_HEADER = "tocsin-place"
RECEIVED_HEADER = "tocsin-received"
END_HEADER = "tocsin-end"

SESSION_MS = 12_000
"""How long the partitions of a killed process wait for it before others take them; heartbeats
come every three seconds, and fewer than four of them would take a slow machine for a dead one."""

POLL_RECORDS = 8_192
RECORD_BYTES = 2 << 20
"""The largest record that our topics take: a log line of 1 MiB with its headers."""

SEND_WINDOW = 4_096
"""Records in flight before their acknowledgements are looked at; bounds memory."""

_MILLISECOND = 1_000
_PLACE = re.compile(r"(?:kafka/[\w.-]{1,512}|file/[a-z2-7]{26})(?:/[0-9]{1,19}){1,2}", re.ASCII)
_NUMBER = re.compile(rb"[0-9]{1,18}")
_NO_ID = UUID(int=0)

Headers = Sequence[tuple[str, bytes]]


class TopicError(ValueError):
    """A topic that is missing or not as it has to be."""


class SendError(RuntimeError):
    """Records that the brokers did not take before sending was told to stop, or never will."""


class Message(Protocol):
    """What kafka-python hands over: one record with its position, time and headers."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which brokers to talk to and how to log in there."""

    bootstrap_servers: tuple[str, ...]
    security_protocol: str = "PLAINTEXT"
    ssl_cafile: str = ""
    sasl_mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)

    def settings(self) -> dict[str, Any]:
        """The arguments that every client takes."""
        settings: dict[str, Any] = {
            "bootstrap_servers": list(self.bootstrap_servers),
            "security_protocol": self.security_protocol,
        }
        if self.ssl_cafile:
            settings["ssl_cafile"] = self.ssl_cafile
        if self.security_protocol.startswith("SASL"):
            settings["sasl_mechanism"] = self.sasl_mechanism
            settings["sasl_plain_username"] = self.username
            settings["sasl_plain_password"] = self.password
        return settings


class Outgoing(NamedTuple):
    """One record to send; without a partition its key chooses, or any."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None
    timestamp_ms: int | None = None


def open_admin(cluster: Cluster) -> KafkaAdminClient:
    """A client that describes and creates topics; raises KafkaError where no broker answers."""
    return KafkaAdminClient(**cluster.settings())


def open_consumer(cluster: Cluster, group: str, instance: str | None = None) -> KafkaConsumer:
    """A member of `group` under the static id `instance`, not yet subscribed to anything.

    `instance` must be of one process at a time (host and index): after a restart within
    `SESSION_MS` the process has its partitions back without a rebalance. Who assigns partitions
    to itself needs none.
    """
    return KafkaConsumer(
        **cluster.settings(),
        group_id=group,
        group_instance_id=instance,
        client_id=instance or group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        max_poll_records=POLL_RECORDS,
        # One fetch brings a batch; the default of 1 MiB would bring a fraction of it.
        max_partition_fetch_bytes=8 << 20,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        allow_auto_create_topics=False,
    )


def open_producer(cluster: Cluster) -> KafkaProducer:
    """A producer whose records are on every in-sync replica, once, when they are acknowledged."""
    return KafkaProducer(
        **cluster.settings(),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=5,
        batch_size=256 << 10,
        max_request_size=RECORD_BYTES,
        allow_auto_create_topics=False,
    )


def topic_id(admin: KafkaAdminClient, topic: str, generation: str = "") -> str:
    """What tells `topic` from every other that ever had its name (DELIVERY §1.1).

    The id that Kafka gave it, as Kafka's tools print it. A cluster that gives none (before 2.8)
    is known by its own id and the source's `generation`. Raises TopicError where it is missing.
    """
    identity = UUID(_describe(admin, topic).get("topic_id") or _NO_ID.hex)
    if identity != _NO_ID:
        return urlsafe_b64encode(identity.bytes).rstrip(b"=").decode()
    cluster = admin.describe_cluster()["cluster_id"]
    return f"{cluster}.{generation or '0'}.{topic}"


def partition_count(admin: KafkaAdminClient, topic: str) -> int:
    """How many partitions `topic` has; raises TopicError where it is missing."""
    return len(_describe(admin, topic)["partitions"])


def _describe(admin: KafkaAdminClient, topic: str) -> dict[str, Any]:
    for found in admin.describe_topics([topic]):
        if found["name"] == topic and not found["error_code"]:
            description: dict[str, Any] = found
            return description
    raise TopicError(f"topic {topic} is not there; `tocsin deploy kafka` creates our own")


def create_topic(
    admin: KafkaAdminClient,
    topic: str,
    partitions: int,
    *,
    replication: int = -1,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Make `topic` be there with `partitions` partitions, ready for use.

    `replication` -1 is the cluster's default. Raises TopicError where it is there with another
    count of partitions: keys would change theirs.
    """
    configs = {"max.message.bytes": str(RECORD_BYTES)} | dict(settings or {})
    wanted = {"num_partitions": partitions, "replication_factor": replication, "configs": configs}
    try:
        admin.create_topics({topic: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        count = partition_count(admin, topic)
        if count != partitions:
            reason = f"topic {topic} has {count} partitions, expected {partitions}"
            raise TopicError(reason) from None


def to_record(message: Message, source: Source, topic_id: str) -> Record:
    """`message` as a record, its place and record time from where `source` says (DELIVERY §1.3).

    A message without usable headers on a source of `place = "header"` has its offset's place.
    Where Kafka knows no time either, record time is 0.
    """
    value = message.value if message.value is not None else b""
    if source.place == "header":
        headers = dict(message.headers)
        place = headers.get(PLACE_HEADER, b"").decode("ascii", "replace")
        received = headers.get(RECEIVED_HEADER, b"")
        if _PLACE.fullmatch(place) and _NUMBER.fullmatch(received):
            return Record(value, place, int(received))
    place = kafka_place(topic_id, message.partition, message.offset)
    return Record(value, place, max(message.timestamp, 0) * _MILLISECOND)


def place_headers(record: Record) -> list[tuple[str, bytes]]:
    """The headers that let `record` keep its place and record time on another topic."""
    return [
        (PLACE_HEADER, record.place.encode()),
        (RECEIVED_HEADER, str(max(record.received, 0)).encode()),
    ]


def is_end(message: Message) -> bool:
    """Whether `message` is the end of a produced history and no record (DELIVERY §5.2)."""
    return any(name == END_HEADER for name, _ in message.headers)


def end_record(topic: str, partition: int) -> Outgoing:
    """What says that nothing follows on `partition` of a produced history."""
    return Outgoing(topic, b"", headers=((END_HEADER, b"1"),), partition=partition)


def end_offsets(consumer: KafkaConsumer, topic: str) -> dict[TopicPartition, int]:
    """Where each partition of `topic` ends now: the offset that its next record will have.

    Raises TopicError where the topic is missing.
    """
    offsets: dict[TopicPartition, int] = consumer.end_offsets(_partitions(consumer, topic))
    return offsets


def committed_offsets(consumer: KafkaConsumer, topic: str) -> dict[TopicPartition, int | None]:
    """What the consumer's group has committed of each partition of `topic`, None for nothing."""
    return {part: consumer.committed(part) for part in _partitions(consumer, topic)}


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TopicError(f"topic {topic} is not there")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def commit(
    consumer: KafkaConsumer, offsets: Mapping[TopicPartition, int | tuple[int, str]]
) -> bool:
    """Commit `offsets` (next offset, optionally with metadata), from the polling thread.

    False where the group has moved on without this member: its partitions are others' now, and
    the next poll tells which. Raises KafkaError for all else that does not pass within 30 s,
    among it another process with the same instance id. Not to be called from a rebalance
    listener, where kafka-python cannot commit.
    """
    if not offsets:
        return True
    rows = {
        partition: OffsetAndMetadata(*(offset if isinstance(offset, tuple) else (offset, "")), -1)
        for partition, offset in offsets.items()
    }
    try:
        consumer.commit(rows)
    except (
        CommitFailedError,
        IllegalGenerationError,
        RebalanceInProgressError,
        UnknownMemberIdError,
    ):
        return False
    return True


def send(
    producer: KafkaProducer,
    records: Iterable[Outgoing],
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send `records` and return their count when every one is acknowledged.

    Tried again until then, so a record may be there twice after a broker's outage. Raises
    SendError where `stop` said so first, or where a record can never be taken (too large for the
    topic, no right to write).
    """
    sent = 0
    remaining = iter(records)
    while window := list(islice(remaining, SEND_WINDOW)):
        waiting = window
        while waiting:
            waiting = _send_once(producer, waiting, stop)
        sent += len(window)
    return sent


def _send_once(
    producer: KafkaProducer, records: Sequence[Outgoing], stop: Callable[[], bool]
) -> list[Outgoing]:
    """Those of `records` that must be sent again."""
    again = []
    pending = []
    for record in records:
        try:
            pending.append((record, producer.send(**_arguments(record))))
        except KafkaError as error:
            again.append(_retry(record, error))
    flush(producer, stop)
    for record, future in pending:
        if future.failed():
            again.append(_retry(record, future.exception))
    if again:
        if stop():
            raise SendError(f"{len(again)} records for {again[0].topic} not sent before the stop")
        time.sleep(0.5)
    return again


def flush(producer: KafkaProducer, stop: Callable[[], bool]) -> None:
    """Wait until all that was sent is answered; raises SendError where `stop` says so first."""
    while True:
        try:
            producer.flush(timeout=1)
        except KafkaError as error:
            if not _passes(error):
                raise
            if stop():
                raise SendError("records in flight were not acknowledged before the stop") from None
        else:
            return


def close_producer(producer: KafkaProducer, seconds: float = 10) -> None:
    """Close `producer`; what the brokers have not acknowledged within `seconds` is given up."""
    try:
        producer.close(timeout=seconds)
    except KafkaError:
        # kafka-python waits for the records first and, when they do not go, closes nothing.
        producer._sender.force_close()  # noqa: SLF001
        producer.close(timeout=seconds)


def _retry(record: Outgoing, error: BaseException) -> Outgoing:
    if _passes(error):
        return record
    raise SendError(f"topic {record.topic} refuses a record: {error}") from error


def _passes(error: BaseException) -> bool:
    return bool(getattr(error, "retriable", False))


def _arguments(record: Outgoing) -> dict[str, Any]:
    return record._asdict() | {"headers": list(record.headers)}
