"""Marks and watermarks: how far the records of a source are done, and the time that follows.

Both travel on the matches topic, beside the matches that they speak of (DELIVERY §4.2 to §4.4).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Why a mark was written."""

    OPEN = "open"
    PROGRESS = "progress"
    IDLE = "idle"
    CLOSED = "closed"


class Origin(NamedTuple):
    """A source partition. The topic's id is part of it: a topic made anew counts from nought."""

    source: str
    topic_id: str
    partition: int


@dataclass(frozen=True, slots=True)
class Mark:
    """That the records of the offsets from `first` up to `next` are done.

    `time` is the highest time of the partition so far, less the lateness, in microseconds;
    `generation` is that of the consumer that wrote it, so that a zombie is known.
    """

    organization: str
    origin: Origin
    first: int
    next: int
    time: int
    kind: Kind
    generation: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """Below `time` nothing more is expected of `organization`, but of the partitions `passed`."""

    organization: str
    time: int
    passed: tuple[Origin, ...] = ()
