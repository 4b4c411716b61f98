"""Memoryless identity: ids that follow from what a thing is, never from when it was processed.

DELIVERY §1: 128-bit BLAKE2b in lower-case base32, over length-prefixed parts, so that no two
different lists of parts share a digest input.
"""

from base64 import b32encode
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import orjson

DIGEST_BYTES = 16


def digest(*parts: str | bytes) -> str:
    """The id of `parts`, 26 characters of base32."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(b"%d:" % len(data))
        state.update(data)
    return b32encode(state.digest()).rstrip(b"=").decode().lower()


def event_id(organization: str, place: str) -> str:
    """The id of the event that the record at `place` becomes."""
    return digest(organization, place)


def alert_id(organization: str, rule: str, event: str) -> str:
    """The id of the alert that detection `rule` raises on one event."""
    return digest(organization, rule, "event", event)


def period_alert_id(
    organization: str, rule: str, group: Mapping[str, str | bool | None], period_start: int
) -> str:
    """The id of the alert of one group and period, `period_start` in microseconds."""
    members = orjson.dumps(dict(group), option=orjson.OPT_SORT_KEYS)
    return digest(organization, rule, "period", members, str(period_start))


def content_digest(chunks: Iterable[bytes]) -> str:
    """The digest of a file's decompressed content, read in `chunks`."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for chunk in chunks:
        state.update(chunk)
    return b32encode(state.digest()).rstrip(b"=").decode().lower()
