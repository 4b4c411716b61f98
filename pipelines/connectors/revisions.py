"""Whose view of a correlation alert stands, and how it is written over the one before.

The same alert may be written by a worker, by the worker that took over from it, and by a backfill,
each with what it had seen. Pure; the sink reads, asks here, and writes guarded by what it read.
Source: DELIVERY §1.6, §3.4.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tocsin.schemas.alerts import Alert
from tocsin.schemas.times import format_micros

WATERMARK = "tocsin.watermark"
INCOMPLETE = "tocsin.incomplete"


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

    `at_creation` is a nested document of what is set once and never again: provenance, and the
    fields that analysts own; an empty object there stands for all below it. An incomplete view
    never replaces a complete one; otherwise the later watermark wins, and of equal ones this one,
    the later writer.
    """
    view = _merged(
        _without(alert.document, at_creation), _nested(WATERMARK, format_micros(watermark))
    )
    if stored is None:
        return Write("create", _merged(at_creation, view))
    if not _wins(view, stored.source):
        return None
    guard = (stored.seq_no, stored.primary_term)
    kept = set(_leaves(_without(stored.source, at_creation)))
    if kept <= set(_leaves(view)):
        return Write("update", {"doc": view}, *guard)
    # A partial update merges objects and so cannot take a field away; a revision that lost one is
    # written whole, with what others own exactly as it stands in the version that the guard names.
    return Write("index", _merged(_common(stored.source, at_creation), view), *guard)


def _wins(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    incomplete = (bool(_value(mine, INCOMPLETE)), bool(_value(theirs, INCOMPLETE)))
    if incomplete[0] != incomplete[1]:
        return incomplete[1]
    # Fixed-width text: its order is that of time. A document without one was written before any.
    return str(_value(mine, WATERMARK)) >= str(_value(theirs, WATERMARK) or "")


def _value(document: Mapping[str, Any], name: str) -> Any:
    found: Any = document
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


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


def _without(document: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """`document` less the leaves of `names`."""
    rest: dict[str, Any] = {}
    for key, value in document.items():
        below = names.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and below:
            if inner := _without(value, below):
                rest[key] = inner
        elif key not in names:
            rest[key] = value
    return rest


def _common(document: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of `names` as they stand in `document`."""
    common: dict[str, Any] = {}
    for key, value in document.items():
        below = names.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and below:
            if inner := _common(value, below):
                common[key] = inner
        elif key in names:
            common[key] = value
    return common


def _leaves(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)
