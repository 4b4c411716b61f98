"""Records and where they come from: the input side of every host.

A record is bytes with a place. Its place makes its event's id, so it must survive restarts,
renames and replays (DELIVERY §1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NamedTuple, Self

from tocsin.schemas.events import Event
from tocsin.schemas.marks import Kind
from tocsin.schemas.times import BEGINNING_OF_TIME


def kafka_place(topic_id: str, partition: int, offset: int) -> str:
    """The place of a record in Kafka; topic ids survive names, so a recreated topic differs."""
    return f"kafka/{topic_id}/{partition}/{offset}"


def file_place(content_digest: str, position: int) -> str:
    """The place of a record in a file: digest of its decompressed content and byte position."""
    return f"file/{content_digest}/{position}"


class Record(NamedTuple):
    """One record: its bytes, its place, and its record time in microseconds since the epoch."""

    value: bytes
    place: str
    received: int


@dataclass(frozen=True, slots=True)
class Source:
    """What configuration says about where records come from; data never chooses any of it.

    `parser` is a key of `tocsin.parsers.PARSERS`; `timezone` is the zone of times that name
    none; a source of `history` never holds the live watermark (DELIVERY §5.2); `place` says
    whether a record's place is its offset or stands in its headers (§1.3).
    """

    name: str
    parser: str
    organization: str = "default"
    timezone: tzinfo = UTC
    topic: str | None = None
    path: str | None = None
    history: bool = False
    place: str = "offset"
    generation: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one source and partition, in order: the unit that moves.

    `first` and `next` are the fetch positions that the batch covers; gaps of offsets between
    them are done with it. `log` is the topic id or content digest. For files `partition` is 0 and
    positions are bytes. `kind` and `reached` are what its reader knows of the partition's time
    whatever the records say: an idle one has reached the moment of the fetch that showed its end,
    a finished history the end of time.
    """

    source: Source
    records: Sequence[Record]
    partition: int = 0
    first: int = 0
    next: int = 0
    log: str = ""
    kind: Kind = Kind.PROGRESS
    reached: int = BEGINNING_OF_TIME


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The events of a batch of records, with what else the batch says (see `Batch`)."""

    source: str
    log: str
    partition: int
    first: int
    next: int
    events: list[Event]
    organization: str = ""
    kind: Kind = Kind.PROGRESS
    reached: int = BEGINNING_OF_TIME

    @classmethod
    def of(cls, batch: Batch, events: list[Event]) -> Self:
        """The events that `batch` became."""
        return cls(
            batch.source.name,
            batch.log,
            batch.partition,
            batch.first,
            batch.next,
            events,
            batch.source.organization,
            batch.kind,
            batch.reached,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be processed, with stage and reason.

    `reason` may quote values of the record: it is personal data like the record itself.
    """

    value: bytes
    place: str
    received: int
    source: str
    organization: str
    stage: str
    reason: str
