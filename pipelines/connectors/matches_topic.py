"""The records of the matches topic as bytes: matches, marks and watermarks (DELIVERY §4.1).

Every record is a JSON object under its organisation as key. Lists stand where names would only
repeat: an origin with its reach is `[source, topic id, partition, first, next]`, a match is
`[rule, event id, time, fields]`, times are microseconds. Decoding trusts nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from tocsin.schemas.marks import Kind, Mark, Origin, Watermark
from tocsin.schemas.matches import Match
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME

RECORD_BYTES = 512 << 10
"""Matches are cut into records of about this size; half of what a broker takes by default."""

_OFFSETS = range(1 << 63)
_TIMES = range(BEGINNING_OF_TIME, END_OF_TIME + 1)


class DecodeError(ValueError):
    """A record that nobody who writes to the matches topic wrote; the text says what was wrong."""


@dataclass(frozen=True, slots=True)
class MatchesTopic:
    """The topic that matches and marks go to, and how many partitions it has."""

    name: str
    partitions: int

    def partition(self, organization: str) -> int:
        """The partition of all that concerns `organization`."""
        digest = blake2b(organization.encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.partitions


@dataclass(frozen=True, slots=True)
class Matches:
    """The matches of one organisation in the records of `origin` from `first` up to `next`."""

    organization: str
    origin: Origin
    first: int
    next: int
    matches: tuple[Match, ...]


def encode_matches(matches: Matches, record_bytes: int = RECORD_BYTES) -> Iterator[bytes]:
    """`matches` as one record or, where they are many, as several with the same reach.

    A record is longer than `record_bytes` only where a single match is.
    """
    head = b'{"type":"matches","from":%b,"matches":[' % orjson.dumps(
        [*matches.origin, matches.first, matches.next]
    )
    size = 0
    members: list[bytes] = []
    for match in matches.matches:
        member = orjson.dumps([match.rule, match.event_id, match.time, match.fields])
        if members and size + len(member) > record_bytes:
            yield head + b",".join(members) + b"]}"
            size, members = 0, []
        members.append(member)
        size += len(member) + 1
    if members:
        yield head + b",".join(members) + b"]}"


def encode_mark(mark: Mark) -> bytes:
    """`mark` as a record."""
    return orjson.dumps(
        {
            "type": "mark",
            "from": [*mark.origin, mark.first, mark.next],
            "time": mark.time,
            "kind": mark.kind.value,
            "generation": mark.generation,
        }
    )


def encode_watermark(watermark: Watermark) -> bytes:
    """`watermark` as a record."""
    return orjson.dumps(
        {
            "type": "watermark",
            "time": watermark.time,
            "passed": [list(origin) for origin in watermark.passed],
        }
    )


def decode(key: bytes | None, value: bytes | None) -> Matches | Mark | Watermark:
    """The record with this key and value; raises DecodeError for anything that is none."""
    try:
        organization = (key or b"").decode("ascii")
        body = orjson.loads(value or b"")
        match body:
            case {"type": "matches", "from": reach, "matches": [*members]} if members:
                origin, first, next_ = _reach(reach)
                matches = tuple(_match(organization, member) for member in members)
                return Matches(organization, origin, first, next_, matches)
            case {"type": "mark", "from": reach, "kind": kind}:
                origin, first, next_ = _reach(reach)
                time = _whole(body, "time", _TIMES)
                generation = _whole(body, "generation", range(-1, 1 << 31))
                return Mark(organization, origin, first, next_, time, Kind(kind), generation)
            case {"type": "watermark", "passed": list(passed)}:
                time = _whole(body, "time", _TIMES)
                return Watermark(organization, time, tuple(_origin(member) for member in passed))
    except ValueError as error:
        raise DecodeError(f"no record of the matches topic: {error}") from error
    raise DecodeError("no record of the matches topic: expected matches, a mark or a watermark")


def _reach(reach: Any) -> tuple[Origin, int, int]:
    match reach:
        case [*origin, int(first), int(next_)] if first in _OFFSETS and first <= next_:
            return _origin(origin), first, next_
    raise DecodeError("from: expected [source, topic id, partition, first, next]")


def _origin(origin: Any) -> Origin:
    match origin:
        case [str(source), str(topic_id), int(partition)] if partition >= 0:
            return Origin(source, topic_id, partition)
    raise DecodeError("expected [source, topic id, partition]")


def _match(organization: str, member: Any) -> Match:
    match member:
        case [str(rule), str(event_id), int(time), dict(fields)] if time in _TIMES:
            return Match(organization, rule, event_id, time, fields)
    raise DecodeError("matches: expected [rule, event id, time, fields]")


def _whole(body: dict[str, Any], name: str, allowed: Sequence[int]) -> int:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return value
    raise DecodeError(f"{name}: expected a whole number from {allowed[0]} to {allowed[-1]}")
