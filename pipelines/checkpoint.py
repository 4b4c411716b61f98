"""Where a correlator starts again: what it commits with its offset, and how that is found.

    records of a matches partition ──▶ Retention ──▶ lowest offset needed, with its Checkpoint

The state of correlations is no file: it is what lies within the horizon, and is read again from
the matches topic (SEMANTICS §6.1). A commit says from where, and what held there (DELIVERY §4.8).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from tocsin.schemas.marks import Watermark
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME

METADATA_BYTES = 4096
"""What a broker takes as metadata of a commit by default (`offset.metadata.max.bytes`)."""


SEGMENT = 1000
"""Offsets that are kept or released together: a restart reads at most so many too many."""


@dataclass(frozen=True, slots=True)
class Point:
    """What held for one organisation at an offset of a matches partition.

    `watermark` is the one in force there; of matches with a time of `complete_from` or later
    none lies before it.
    """

    watermark: int = BEGINNING_OF_TIME
    complete_from: int = BEGINNING_OF_TIME


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a commit of a matches partition carries besides its offset.

    `read` is the offset below which everything had been taken in, and every alert that followed
    from it acknowledged. Organisations without a point of their own have that of `others`.
    """

    read: int = 0
    points: Mapping[str, Point] = field(default_factory=dict)
    others: Point = field(default_factory=Point)

    def point(self, organization: str) -> Point:
        """What held for `organization`."""
        return self.points.get(organization, self.others)


def encode_checkpoint(checkpoint: Checkpoint, limit: int = METADATA_BYTES) -> str:
    """`checkpoint` as the metadata of a commit, in at most `limit` bytes.

    Where the organisations are too many, the last ones share one point that claims the least:
    the lowest watermark, and completeness from the latest time.
    """
    names = sorted(checkpoint.points)
    kept = len(names)
    while True:
        shared = [checkpoint.others, *(checkpoint.points[name] for name in names[kept:])]
        body = {
            "read": checkpoint.read,
            "points": {name: _plain(checkpoint.points[name]) for name in names[:kept]},
            "others": [
                min(point.watermark for point in shared),
                max(point.complete_from for point in shared),
            ],
        }
        text = orjson.dumps(body).decode()
        if len(text) <= limit or kept == 0:
            return text
        kept -= 1


def decode_checkpoint(text: str) -> Checkpoint | None:
    """The checkpoint in the metadata of a commit, or None where it holds none."""
    try:
        body = orjson.loads(text)
    except ValueError:
        return None
    match body:
        case {"read": int(read), "points": dict(points), "others": others}:
            try:
                return Checkpoint(
                    read, {name: _point(point) for name, point in points.items()}, _point(others)
                )
            except ValueError:
                return None
    return None


def _plain(point: Point) -> list[int]:
    return [point.watermark, point.complete_from]


def _point(plain: object) -> Point:
    match plain:
        case [int(watermark), int(complete_from)]:
            if all(BEGINNING_OF_TIME <= time <= END_OF_TIME for time in (watermark, complete_from)):
                return Point(watermark, complete_from)
    raise ValueError("expected two times")


@dataclass(slots=True)
class _Segment:
    offset: int
    watermarks: dict[str, int]
    newest: dict[str, int]


class Retention:
    """The lowest offset of a matches partition that some organisation's state still needs.

    Offsets are kept by segments of `span`, each with the watermarks where it begins and the
    newest match of each organisation in it, so memory grows with the horizon alone.
    """

    def __init__(self, offset: int, start: Checkpoint, span: int = SEGMENT) -> None:
        self._span = span
        self._start = start
        self._watermarks: dict[str, int] = {}
        self._complete: dict[str, int] = {}
        self._segments = deque([_Segment(offset, {}, {})])

    def read(self, offset: int) -> None:
        """Note that the record at `offset` is about to be taken in."""
        if offset - self._segments[-1].offset >= self._span:
            self._segments.append(_Segment(offset, dict(self._watermarks), {}))

    def match(self, organization: str, newest: int) -> None:
        """Note that this record holds matches of `organization`, the newest of time `newest`."""
        members = self._segments[-1].newest
        members[organization] = max(members.get(organization, newest), newest)

    def advance(self, watermark: Watermark) -> None:
        """Note that `watermark` took effect at the record that is being read."""
        self._watermarks[watermark.organization] = watermark.time

    def watermark(self, organization: str) -> int:
        """The watermark in force where reading stands."""
        known = self._watermarks.get(organization)
        return self._start.point(organization).watermark if known is None else known

    def release(self, read: int, needed: Mapping[str, int]) -> tuple[int, Checkpoint]:
        """Forget what no state needs; `needed` is the least time that each organisation needs.

        Everything below `read` was taken in, and what followed of it is acknowledged. Gives the
        offset to commit and the checkpoint to commit with it.
        """
        while len(self._segments) > 1 and all(
            newest < needed.get(name, BEGINNING_OF_TIME)
            for name, newest in self._segments[0].newest.items()
        ):
            for name, newest in self._segments.popleft().newest.items():
                self._complete[name] = max(self._complete_from(name), newest + 1)
        segment = self._segments[0]
        names = {*self._start.points, *self._watermarks, *self._complete}
        return segment.offset, Checkpoint(
            read,
            {name: self._point(name, segment) for name in sorted(names)},
            self._start.others,
        )

    def _point(self, name: str, segment: _Segment) -> Point:
        there = segment.watermarks.get(name, self._start.point(name).watermark)
        return Point(there, self._complete_from(name))

    def _complete_from(self, name: str) -> int:
        return self._complete.get(name, self._start.point(name).complete_from)
