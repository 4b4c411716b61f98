"""Drafts of rules as plain data, and back: what `store` writes as JSON.

Each value of the intermediate form is a list: its type's name and its fields in order.

    Item(("User",), Null(), Origin("s", "User", "null", 7))
    ["Item", ["User"], ["Null"], ["Origin", "s", "User", "null", 7, null]]

Types are named in one table; what is not in it cannot be written nor read.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from tocsin.pipelines.detection import drafts, ir, rules
from tocsin.pipelines.detection.documents import Mapping, Sequence
from tocsin.pipelines.detection.drafts import Draft
from tocsin.pipelines.detection.regex import Regex
from tocsin.pipelines.detection.rules import Refusal
from tocsin.schemas.sigma import LogSource

Plain = Any
"""What JSON can say."""

_TYPES: dict[str, type] = {
    each.__name__: each
    for each in (
        drafts.DetectionDraft,
        drafts.Draft,
        drafts.FilterDraft,
        drafts.Skipped,
        ir.And,
        ir.AtLeast,
        ir.Compare,
        ir.Contains,
        ir.EndsWith,
        ir.Equals,
        ir.Exists,
        ir.InNetwork,
        ir.Is,
        ir.Item,
        ir.Keyword,
        ir.Like,
        ir.Matches,
        ir.Not,
        ir.Null,
        ir.Or,
        ir.Origin,
        ir.Reference,
        ir.Selection,
        ir.StartsWith,
        ir.TimePart,
        rules.CorrelationDocument,
        rules.Refusal,
        rules.RuleInfo,
        LogSource,
        Regex,
    )
}
_FIELDS = {each: tuple(field.name for field in fields(each)) for each in _TYPES.values()}


def to_plain(found: Iterable[Draft | Refusal]) -> Plain:
    """The drafts of a file as plain data."""
    return list(map(_plain, found))


def from_plain(data: Plain) -> list[Draft | Refusal]:
    """The drafts of plain data.

    Raises ValueError, TypeError, KeyError, IndexError or AttributeError where it is none.
    """
    found = list(map(_value, data))
    if not all(isinstance(each, Draft | Refusal) for each in found):
        raise TypeError("no drafts")
    return found


def _plain(value: Any) -> Plain:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    kind = type(value)
    if kind in _FIELDS:
        return [kind.__name__, *(_plain(getattr(value, name)) for name in _FIELDS[kind])]
    if isinstance(value, tuple):
        return ["()", *map(_plain, value)]
    if isinstance(value, Mapping):
        items = [[key, _plain(each), value.lines.get(key)] for key, each in value.items()]
        return ["{}", value.line, items]
    if isinstance(value, Sequence):
        return ["[]", value.line, list(map(_plain, value)), value.lines]
    if isinstance(value, dict):
        return ["dict", *([key, _plain(each)] for key, each in value.items())]
    if isinstance(value, Decimal):
        return ["Decimal", str(value)]
    return ["Network", str(ip_network(value))]


def _value(data: Plain) -> Any:
    if not isinstance(data, list):
        return data
    kind = _TYPES.get(data[0])
    if kind is not None:
        return kind(*map(_value, data[1:]))
    return _SPECIAL[data[0]](data)


def _mapping(data: list[Any]) -> Mapping:
    found = Mapping(data[1])
    for key, value, line in data[2]:
        found[key] = _value(value)
        if line is not None:
            found.lines[key] = line
    return found


def _sequence(data: list[Any]) -> Sequence:
    found = Sequence(data[1])
    found.extend(map(_value, data[2]))
    found.lines = data[3]
    return found


_SPECIAL: dict[str, Callable[[list[Any]], Any]] = {
    "()": lambda data: tuple(map(_value, data[1:])),
    "{}": _mapping,
    "[]": _sequence,
    "dict": lambda data: {key: _value(each) for key, each in data[1:]},
    "Decimal": lambda data: Decimal(data[1]),
    "Network": lambda data: ip_network(data[1]),
}
