"""Plans: what an event id of a Windows channel means in ECS, as data.

A plan classifies the event and lists steps; a step is the name of a value in the event's own data
and what writes it into the event. Writers take any JSON value and leave out what does not fit:
the value itself stays in `winlog.event_data` whatever happens here.

Some values come together again and again, as those of a process do. What their steps come to is
remembered, and written at once.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter, methodcaller
from typing import Any, NamedTuple

from tocsin.parsers.server import windows_values as values
from tocsin.schemas.events import Event

Write = Callable[[Event, Any], None]


@dataclass(frozen=True, slots=True)
class Field:
    """Writes one field: what `of_text` makes of a text, `of_other` of any other value.

    None is not written. Without `of_text` the field holds the text itself.
    """

    name: str
    of_text: Callable[[str], Any] | None = None
    of_other: Callable[[Any], Any] | None = None

    def write(self, event: Event, value: Any) -> None:
        """Write a `value` that is no text."""
        made = None if self.of_other is None else self.of_other(value)
        if made is not None:
            event[self.name] = made


Step = tuple[str, Write | Field]

_Bound = tuple[str, str | None, Callable[[str], Any] | None, Write]
"""A step's name, then of a Field its own name and `of_text` (else twice None), then what writes
all other values."""

MAX_REMEMBERED = 2048
"""Combinations of values that a group remembers."""

MAX_LENGTH = 1024
"""Characters of a combination up to which it is remembered."""

MAX_NARROWED = 8
"""Selections of a group's names for which there is a group of their own. They are as long as
layouts use them, so more would multiply what is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """Steps that write scalars, and what they came to for the texts of a few values.

    Only texts are remembered: Python takes 1, 1.0 and True for one key. `values` takes the values
    of the steps from an event's data.
    """

    names: tuple[str, ...]
    steps: tuple[_Bound, ...]
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    known: dict[tuple[Any, ...], Event] = field(default_factory=dict)
    narrowed: dict[tuple[str, ...], "Remembered"] = field(default_factory=dict)

    def of(self, names: Container[str]) -> "Remembered":
        """A group for events of which `names` are all the names: most often a faster one."""
        there = tuple(name for name in self.names if name in names)
        if there not in self.narrowed:
            if len(self.narrowed) >= MAX_NARROWED:
                return self
            steps = tuple(step for step in self.steps if step[0] in names)
            values = itemgetter(*there) if len(there) > 1 else _getter(there)
            self.narrowed[there] = Remembered(there, steps, values)
        return self.narrowed[there]

    def fields(self, data: Mapping[str, Any]) -> Event:
        """The fields by the values in `data`, for reading."""
        values = self.values(data)
        try:
            found = self.known.get(values)
        except TypeError:  # a list or an object, which is no key
            found = None
        return self._work_out(values, data) if found is None else found

    def _work_out(self, values: tuple[Any, ...], data: Mapping[str, Any]) -> Event:
        found: Event = {}
        _write(self.steps, found, data)
        texts = [value for value in values if value is not None]
        if all(type(text) is str for text in texts) and sum(map(len, texts)) <= MAX_LENGTH:
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            self.known[values] = found
        return found


def _getter(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return lambda data: tuple(map(data.get, names))


class Plan(NamedTuple):
    """What an event means: `event.*` classification, groups of steps, then steps in order."""

    action: str | None
    category: tuple[str, ...]
    type: tuple[str, ...]
    groups: tuple[Remembered, ...] = ()
    steps: tuple[_Bound, ...] = ()
    kind: str = "event"
    outcome: str | None = None

    def of(self, names: Container[str]) -> "Plan":
        """The plan for events that have but values of these names."""
        narrowed = (group.of(names) for group in self.groups)
        groups = (group for group in narrowed if group.names)
        steps = (each for each in self.steps if each[0] in names)
        return self._replace(groups=tuple(groups), steps=tuple(steps))


def plan(
    action: str | None,
    category: str,
    types: str,
    *groups: tuple[Step, ...] | Remembered,
    **more: str,
) -> Plan:
    """A plan of groups of steps; `category` and `types` are lists with blanks between."""
    remembered = tuple(group for group in groups if isinstance(group, Remembered))
    steps = _bound(step for group in groups if not isinstance(group, Remembered) for step in group)
    return Plan(action, tuple(category.split()), tuple(types.split()), remembered, steps, **more)


def remembered(*steps: Step) -> Remembered:
    """Steps, in order, that are remembered together."""
    names = tuple(dict.fromkeys(name for name, _ in steps))
    return Remembered(names, _bound(steps), _getter(names))


def _bound(steps: Iterable[Step]) -> tuple[_Bound, ...]:
    return tuple(
        (name, write.name, write.of_text, write.write)
        if isinstance(write, Field)
        else (name, None, None, write)
        for name, write in steps
    )


def apply(chosen: Plan, event: Event, data: Mapping[str, Any]) -> None:
    """Write categories, types and fields of `chosen` into `event` from the source's `data`."""
    if chosen.category:
        event["event.category"] = [*chosen.category]
        event["event.type"] = [*chosen.type]
    for group in chosen.groups:
        event.update(group.fields(data))
    if chosen.steps:
        _write(chosen.steps, event, data)


def _write(steps: tuple[_Bound, ...], event: Event, data: Mapping[str, Any]) -> None:
    for name, target, of_text, write in steps:
        value = data.get(name)
        if value is None or value == "-" or value == "":  # noqa: PLR1714 - `in` takes twice as long
            continue
        if target is None or not isinstance(value, str):
            write(event, value)
        elif of_text is None:
            event[target] = value
        else:
            made = of_text(value)
            if made is not None:
                event[target] = made


def text(field: str) -> Field:
    """Writes text as it is, numbers as text."""
    return Field(field, of_other=_digits)


def _digits(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def number(field: str) -> Field:
    """Writes a decimal or hexadecimal number as an int."""
    return Field(field, values.integer, _integer)


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def choice(field: str, names: Mapping[str, Any], *, otherwise: bool = False) -> Field:
    """Writes what `names` says of a value's text; an unknown value as it is if `otherwise`."""

    def known(value: str) -> Any:
        return names.get(value, value)

    def of_other(value: Any) -> Any:
        return of_text(str(value)) if isinstance(value, int) else None

    of_text = known if otherwise else names.get
    return Field(field, of_text, of_other)


def address(field: str) -> Field:
    """Writes an IP address; what is none is left out."""
    return Field(field, values.address)


def port(field: str) -> Field:
    """Writes a port from 0 to 65535."""

    def within(number: int | None) -> int | None:
        return number if number is not None and 0 <= number <= 65535 else None

    return Field(
        field,
        lambda value: within(values.integer(value)),
        lambda value: within(_integer(value)),
    )


def executable(prefix: str) -> Write:
    """Writes `executable` and `name` of a process."""
    return _located(f"{prefix}.executable", f"{prefix}.name")


def library(prefix: str) -> Write:
    """Writes `path` and `name` of a library."""
    return _located(f"{prefix}.path", f"{prefix}.name")


def _located(path_field: str, name_field: str) -> Write:

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            event[path_field] = value
            event[name_field] = values.base_name(value)

    return write


def command_line(prefix: str) -> Write:
    """Writes `command_line`, `args` and `args_count` of a process."""
    line_field, args_field, count_field = (
        f"{prefix}.{leaf}" for leaf in ("command_line", "args", "args_count")
    )

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            args = values.arguments(value)
            event[line_field], event[args_field], event[count_field] = value, args, len(args)

    return write


def account(prefix: str) -> Write:
    r"""Writes `name` and `domain` of `DOMAIN\name`."""
    name_field, domain_field = f"{prefix}.name", f"{prefix}.domain"

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            domain, event[name_field] = values.split_account(value)
            if domain is not None:
                event[domain_field] = domain

    return write


def principal(prefix: str) -> Write:
    """Writes the `name` of Kerberos's `name@REALM`, if the `domain` that is there is the realm."""
    name_field, domain_field = f"{prefix}.name", f"{prefix}.domain"

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            name, _, realm = value.rpartition("@")
            if name and realm.lower() == str(event.get(domain_field, "")).lower():
                event[name_field] = name

    return write


def guid(field: str) -> Field:
    """Writes a GUID without braces."""
    return Field(field, methodcaller("strip", "{}"))


def path(prefix: str) -> Write:
    """Writes `path`, `name`, `directory` and `extension` of a file."""
    fields = tuple(f"{prefix}.{leaf}" for leaf in ("path", "name", "directory", "extension"))

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            for field, part in zip(fields, values.split_path(value), strict=True):
                if part:
                    event[field] = part

    return write


def hashes(prefix: str) -> Write:
    """Writes `hash.md5` and the like, and the import hash as `pe.imphash`."""
    fields = {name: f"{prefix}.hash.{name}" for name in ("md5", "sha1", "sha256", "sha512")}
    fields["imphash"] = f"{prefix}.pe.imphash"

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            for name, digest in values.hashes(value):
                field = fields.get(name)
                if field is not None:
                    event[field] = digest

    return write


def flag(field: str) -> Field:
    """Writes Sysmon's `true` and `false` as a boolean."""
    return choice(field, {"true": True, "false": False, "True": True, "False": False})


def listed(field: str) -> Write:
    """Writes text as a list of one."""

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            event[field] = [value]

    return write


def words(field: str) -> Write:
    """Writes a list of what blanks separate, as in the privileges of a logon."""

    def write(event: Event, value: Any) -> None:
        if isinstance(value, str):
            event[field] = value.split()

    return write
