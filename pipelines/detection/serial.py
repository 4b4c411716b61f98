"""Rules as plain data, and back: what `store` writes as JSON.

Each value of the intermediate form is a list: its type's name and its fields in order.

    Item(("User",), Null(), Origin("s", "User", "null", 7))
    ["Item", ["User"], ["Null"], ["Origin", "s", "User", "null", 7, null]]

Types are named in one table; what is not in it cannot be written nor read.
"""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from tocsin.pipelines.detection import ir, rules
from tocsin.pipelines.detection.documents import Mapping, Sequence
from tocsin.pipelines.detection.regex import Regex
from tocsin.pipelines.detection.rules import RuleSet
from tocsin.schemas.sigma import FieldMap, LogSource

Plain = Any
"""What JSON can say."""

_TYPES: dict[str, type] = {
    each.__name__: each
    for each in (
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
        rules.DetectionRule,
        rules.Refusal,
        rules.RuleException,
        rules.RuleInfo,
        rules.RuleSet,
        FieldMap,
        LogSource,
        Regex,
    )
}
_FIELDS = {each: tuple(field.name for field in fields(each)) for each in _TYPES.values()}


def to_plain(rules: RuleSet) -> Plain:
    """The rules as plain data; field maps, which many rules share, stand once."""
    writer = _Writer()
    return [writer.plain(rules), writer.shared]


def from_plain(data: Plain) -> RuleSet:
    """The rules of plain data.

    Raises ValueError, TypeError, KeyError, IndexError or AttributeError where it is none.
    """
    body, shared = data
    found = _Reader([_Reader([]).value(each) for each in shared]).value(body)
    if not isinstance(found, RuleSet):
        raise TypeError("no rules")
    return found


class _Writer:
    def __init__(self) -> None:
        self.shared: list[Plain] = []
        self._places: dict[int, int] = {}

    def plain(self, value: Any) -> Plain:
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, FieldMap):
            return ["@", self._place(value)]
        if type(value) in _FIELDS:
            return self._object(value)
        if isinstance(value, tuple):
            return ["()", *map(self.plain, value)]
        if isinstance(value, Mapping):
            items = [[key, self.plain(each), value.lines.get(key)] for key, each in value.items()]
            return ["{}", value.line, items]
        if isinstance(value, Sequence):
            return ["[]", value.line, list(map(self.plain, value)), value.lines]
        if isinstance(value, dict):
            return ["dict", *([key, self.plain(each)] for key, each in value.items())]
        if isinstance(value, Decimal):
            return ["Decimal", str(value)]
        return ["Network", str(ip_network(value))]

    def _object(self, value: Any) -> Plain:
        kind = type(value)
        return [kind.__name__, *(self.plain(getattr(value, name)) for name in _FIELDS[kind])]

    def _place(self, value: FieldMap) -> int:
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self.shared)
            self.shared.append(self._object(value))
        return place


class _Reader:
    def __init__(self, shared: list[Any]) -> None:
        self._shared = shared
        self._special: dict[str, Callable[[list[Any]], Any]] = {
            "()": lambda data: tuple(map(self.value, data[1:])),
            "{}": self._mapping,
            "[]": self._sequence,
            "dict": lambda data: {key: self.value(each) for key, each in data[1:]},
            "Decimal": lambda data: Decimal(data[1]),
            "Network": lambda data: ip_network(data[1]),
            "@": lambda data: self._shared[data[1]],
        }

    def value(self, data: Plain) -> Any:
        if not isinstance(data, list):
            return data
        kind = _TYPES.get(data[0])
        if kind is not None:
            return kind(*map(self.value, data[1:]))
        return self._special[data[0]](data)

    def _mapping(self, data: list[Any]) -> Mapping:
        found = Mapping(data[1])
        for key, value, line in data[2]:
            found[key] = self.value(value)
            if line is not None:
                found.lines[key] = line
        return found

    def _sequence(self, data: list[Any]) -> Sequence:
        found = Sequence(data[1])
        found.extend(map(self.value, data[2]))
        found.lines = data[3]
        return found
