"""Whose view of a correlation alert stands, and how it is written over the one before.

The same alert may be written by a worker, by the worker that took over from it, and by a backfill,
each with what it had seen. Pure; the sink reads, asks here, and writes guarded by what it read.
Source: DELIVERY §1.6, §3.4.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import flatten, nest
from tocsin.schemas.fields import ANALYST_FIELDS
from tocsin.schemas.times import format_micros

WATERMARK = "tocsin.watermark"
INCOMPLETE = "tocsin.incomplete"

PROVENANCE = (
    "event.created",
    "event.ingested",
    "tocsin.detected",
    "tocsin.origin",
    "tocsin.run",
)
"""What says when and by whom an alert was first written; never part of its meaning."""


class Stored(NamedTuple):
    """A document as it was read: its content and the version that a guarded write names."""

    source: Mapping[str, Any]
    seq_no: int
    primary_term: int


@dataclass(frozen=True, slots=True)
class Write:
    """One action of a bulk request: `create`, `update` (a partial document) or `index`."""

    action: str
    body: Mapping[str, Any]
    seq_no: int | None = None
    primary_term: int | None = None


def revise(
    alert: Alert, stored: Stored | None, watermark: int, at_creation: Mapping[str, Any]
) -> Write | None:
    """How `alert`, seen at `watermark` (microseconds), is written, or None where `stored` stands.

    `at_creation` is the nested document of what is set once; its fields, those of provenance and
    those that analysts own are never written again. An incomplete view never replaces a complete
    one; otherwise the later watermark wins, and of equal ones this one, the later writer.
    """
    once = {*PROVENANCE, *ANALYST_FIELDS, *flatten(at_creation)}
    seen = nest({WATERMARK: format_micros(watermark)})
    view = _merged(_less(alert.document, once, ""), seen)
    if stored is None:
        return Write("create", _merged(at_creation, view))
    mine, theirs = flatten(view), flatten(stored.source)
    if not _wins(mine, theirs):
        return None
    guard = (stored.seq_no, stored.primary_term)
    kept = {name: value for name, value in theirs.items() if _is_among(name, once)}
    if theirs.keys() - kept.keys() <= mine.keys():
        return Write("update", {"doc": view}, *guard)
    # A partial update merges objects and so cannot take a field away; a revision that lost one is
    # written whole, with what others own exactly as it stands in the version that the guard names.
    return Write("index", _merged(nest(kept), view), *guard)


def _wins(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    incomplete = bool(theirs.get(INCOMPLETE))
    if bool(mine.get(INCOMPLETE)) != incomplete:
        return incomplete
    # Fixed-width text: its order is that of time. A document without one was written before any.
    return str(mine[WATERMARK]) >= str(theirs.get(WATERMARK) or "")


def _is_among(name: str, names: Collection[str]) -> bool:
    """Whether flat `name` is one of `names` or lies below one."""
    return name in names or any(
        name[:at] in names for at, character in enumerate(name) if character == "."
    )


def _less(document: Mapping[str, Any], names: Collection[str], prefix: str) -> dict[str, Any]:
    """`document`, which lies below `prefix`, without `names`; all else keeps its shape."""
    rest: dict[str, Any] = {}
    for key, value in document.items():
        if prefix + key in names:
            continue
        rest[key] = _less(value, names, f"{prefix}{key}.") if isinstance(value, Mapping) else value
    return rest


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both documents in one; where both have a leaf, that of `second`."""
    merged = dict(first)
    for key, value in second.items():
        held = merged.get(key)
        if isinstance(held, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(held, value)
        else:
            merged[key] = value
    return merged
