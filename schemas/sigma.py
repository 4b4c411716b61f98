"""Sigma's log sources and fields, and where our events keep them.

`logsources/*.yml` is the one table. A rule's log source is (product, category, service), each
possibly absent. A **gate** says which events belong to it; **targets** say which event fields a
Sigma field of it stands for, of which the first that an event has counts (SEMANTICS §2.9, §3.2).

A rule is covered by every entry whose keys it shares. An entry's gate takes the place of that of
entries that it refines (`windows process_creation` refines `windows`); gates of entries that do
not refine one another hold together. A rule that names less than the entries do (only
`category: process_creation`) stands for all of them. The same table as one pySigma processing
pipeline is in `tocsin.schemas.sigma_pipeline`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import product as pairs
from typing import Any

import yaml

from tocsin.schemas.fields import ROOTS
from tocsin.schemas.values import canonical

Scalar = str | int
Alternative = Mapping[str, tuple[Scalar, ...]]
"""Fields and their allowed values, all of which must hold; no values: the field is present."""
Gate = tuple[Alternative, ...]
"""Alternatives of which one must hold; values compare as Sigma's equality does, lists by any
element. `({},)` holds for every event."""

_NO_FIELDS: Mapping[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class LogSource:
    """A rule's `logsource`, in lower case, absent keys None."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def named(self) -> dict[str, str]:
        """The keys that are there, by name."""
        parts = {"product": self.product, "category": self.category, "service": self.service}
        return {name: value for name, value in parts.items() if value is not None}

    def covers(self, other: "LogSource") -> bool:
        """Whether `other` has all keys of this one, with the same values."""
        return self.named().items() <= other.named().items()

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.named().items())


@dataclass(frozen=True, slots=True)
class Entry:
    """One log source of the table. `derived` ones gather entries that have more keys."""

    source: LogSource
    gate: Gate
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remainder: str | None = None
    derived: bool = False

    def covers(self, source: LogSource) -> bool:
        """Whether this entry speaks for rules of `source`."""
        return self.source == source if self.derived else self.source.covers(source)


@dataclass(frozen=True, slots=True)
class FieldMap:
    """What the events of one log source are, and where they keep its fields.

    `gate` is None where no parser feeds the log source; then `reason` says why, and fields keep
    their names. `remainder` is the prefix of fields that no entry names.
    """

    gate: Gate | None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remainder: str | None = None
    reason: str = ""

    def targets(self, name: str) -> tuple[str, ...]:
        """The event fields that Sigma field `name` stands for; the first present counts."""
        if name in self.fields:
            return self.fields[name]
        root, dot, _ = name.partition(".")
        if self.remainder is None or (dot and root in ROOTS):
            return (name,)
        return (self.remainder + name,)


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that `logsources/*.yml` say, most specific entries first.

    `unfed` says of log sources that no parser feeds why; `differs` of Sigma fields why a verdict
    on them may not be that on the source's own fields.
    """

    entries: tuple[Entry, ...]
    unfed: Mapping[LogSource, str]
    differs: Mapping[str, str]


def field_map(
    product: str | None, category: str | None, service: str | None, *, native: bool = False
) -> FieldMap:
    """The field map of a rule's log source.

    With `native`, events carry the names of their source: Windows ones `Channel` and `EventID`,
    all others a `logsource` object, whose keys the gate then compares.
    """
    parts = (part.lower() if part else None for part in (product, category, service))
    return _field_map(LogSource(*parts), native)


def gate(
    product: str | None, category: str | None, service: str | None, *, native: bool = False
) -> Gate | None:
    """Which events belong to a log source; None where no parser feeds it."""
    return field_map(product, category, service, native=native).gate


def field_targets(
    product: str | None, category: str | None, service: str | None, name: str
) -> tuple[str, ...]:
    """The event fields that Sigma field `name` of a log source stands for, in order."""
    return field_map(product, category, service).targets(name)


@lru_cache(maxsize=4096)
def _field_map(source: LogSource, native: bool) -> FieldMap:
    if not native:
        return _resolve(read_table(), source)
    found = _resolve(read_table(native=True), source)
    own: Alternative = {f"logsource.{name}": (value,) for name, value in source.named().items()}
    if found.gate is None or source.product == "ecs":
        return FieldMap((own,))
    if source.product is None:
        return FieldMap((*found.gate, own), found.fields)
    return FieldMap(found.gate, found.fields)


def _resolve(table: Table, source: LogSource) -> FieldMap:
    covering = [entry for entry in table.entries if entry.covers(source)]
    explained = {key for entry in covering for key in entry.source.named()}
    if not covering or explained != set(source.named()):
        return FieldMap(None, reason=_reason(table, source))
    gates = [
        entry.gate
        for entry in covering
        if not any(entry is not other and entry.source.covers(other.source) for other in covering)
    ]
    fields: dict[str, tuple[str, ...]] = {}
    for entry in reversed(covering):
        fields.update(entry.fields)
    remainder = next((entry.remainder for entry in covering if entry.remainder), None)
    return FieldMap(_together(gates), fields, remainder)


def _reason(table: Table, source: LogSource) -> str:
    for unfed, reason in table.unfed.items():
        if unfed.covers(source):
            return reason
    return f"no parser feeds log source {str(source) or 'without keys'}"


def _together(gates: Iterable[Gate]) -> Gate:
    result: Gate = ({},)
    for following in gates:
        merged = (_both(one, two) for one, two in pairs(result, following))
        result = tuple(alternative for alternative in merged if alternative is not None)
    return result


def _both(one: Alternative, two: Alternative) -> Alternative | None:
    """What holds where both hold; None where nothing can."""
    result = dict(one)
    for name, values in two.items():
        if not result.get(name) or not values:
            result[name] = result.get(name) or values
            continue
        allowed = {canonical(value) for value in values}
        result[name] = tuple(value for value in result[name] if canonical(value) in allowed)
        if not result[name]:
            return None
    return result


@lru_cache(maxsize=2)
def read_table(*, native: bool = False) -> Table:
    """The table; with `native` only what is written in a source's own names, in those names."""
    entries: list[Entry] = []
    unfed: dict[LogSource, str] = {}
    differs: dict[str, str] = {}
    folder = files("tocsin.schemas") / "logsources"
    for path in sorted(folder.iterdir(), key=lambda item: item.name):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = document.get("names")
        differs.update(document.get("differs", {}))
        for item in document.get("unfed", ()):
            unfed[_source(document, item)] = item["reason"]
        if native and names is None:
            continue
        names = None if native else names
        entries.extend(_entry(document, item, names) for item in document.get("sources", ()))
    entries.extend(_derived(entries))
    entries.sort(key=lambda entry: -len(entry.source.named()))
    return Table(tuple(entries), {} if native else unfed, {} if native else differs)


def _source(document: Mapping[str, Any], item: Mapping[str, Any]) -> LogSource:
    product = item.get("product", document.get("product"))
    return LogSource(product, item.get("category"), item.get("service"))


def _entry(
    document: Mapping[str, Any], item: Mapping[str, Any], names: Mapping[str, str] | None
) -> Entry:
    """The entry of `item`, its source's own names translated by `names` and the remainder."""
    remainder = item.get("remainder", document.get("remainder"))
    native = "names" in document and names is None

    def translate(name: str) -> str:
        if names is None or name.startswith("winlog."):
            return name
        return names.get(name) or remainder + name

    alternatives = tuple(
        {translate(name): _values(value) for name, value in alternative.items()}
        for alternative in item["gate"]
    )
    fields = {
        name: tuple(translate(target) for target in targets if not _is_foreign(target, native))
        for name, targets in item.get("fields", {}).items()
    }
    fields.update({name: (target,) for name, target in (names or {}).items()})
    return Entry(
        _source(document, item), alternatives, fields, remainder=None if native else remainder
    )


def _is_foreign(target: str, native: bool) -> bool:
    """Whether `target` is a place in our events, which an event in source names has not."""
    return native and target.startswith("winlog.")


def _values(value: Scalar | list[Scalar]) -> tuple[Scalar, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _derived(entries: list[Entry]) -> Iterator[Entry]:
    """Entries for what can be named with fewer keys: all that have them, in the table's order."""
    present = {entry.source for entry in entries}
    narrower: dict[LogSource, list[Entry]] = {}
    for entry in entries:
        keys = entry.source.named()
        if len(keys) > 1 and entry.source.product != "ecs":
            for name in ("category", "service"):
                if name in keys and (general := LogSource(**{name: keys[name]})) not in present:
                    narrower.setdefault(general, []).append(entry)
    for general, found in narrower.items():
        fields: dict[str, tuple[str, ...]] = {}
        for entry in found:
            for name, targets in entry.fields.items():
                fields[name] = tuple(dict.fromkeys((*fields.get(name, ()), *targets)))
        alternatives = tuple(alternative for entry in found for alternative in entry.gate)
        remainder = next((entry.remainder for entry in found if entry.remainder), None)
        yield Entry(general, alternatives, fields, remainder, derived=True)
