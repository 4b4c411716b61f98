"""Rule files as documents that know their lines.

Rules come from outside, so a file is read as far as it is harmless: at most 1 MiB, 32 levels deep,
without anchors, aliases, merge keys and tags (with which a short text can stand for a huge one),
and without a key twice in one mapping (of which YAML readers silently keep one). A document that
breaks this is refused by itself; the others of its file go on.

Scalars become text, numbers, booleans and null as YAML 1.1 has it, which is what Sigma's own tools
read; but what YAML would turn into a time, a date or a number in base 60 stays the text it is, and
keys are always text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.resolver import Resolver

MAX_BYTES = 1 << 20
"""SigmaHQ's largest rule has 295,078 bytes."""

MAX_DEPTH = 32
"""SigmaHQ's deepest detection has 4 levels."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(
    r"[-+]?(?:0x[0-9a-fA-F_]+|0b[01_]+|0[0-7_]*|[1-9][0-9_]*|[0-9_]*\.[0-9_]*)", re.ASCII
)

MAX_DIGITS = 64
"""Longer numbers stay text: nothing in a log is counted so far, and Python limits the reading."""


class DocumentError(ValueError):
    """A document cannot be used; `line` is where, from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Mapping(dict[str, Any]):
    """A mapping of a document; `line` is its first, `lines` has that of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """The line of `key`, or the mapping's own where it has no such key."""
        return self.lines.get(key, self.line)


class Sequence(list[Any]):
    """A list of a document; `lines` has the line of each element."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file, or the reason why it is none."""

    line: int
    body: Mapping | None
    error: DocumentError | None = None


def read_documents(data: bytes) -> Iterator[Document]:
    """The documents of a file's `data`; empty ones are left out.

    After a violation of YAML's syntax nothing more can be read: it is the last document.
    """
    if len(data) > MAX_BYTES:
        error = DocumentError(1, f"larger than {MAX_BYTES} bytes")
        yield Document(1, None, error)
        return
    events: list[yaml.Event] = []
    try:
        for event in yaml.parse(data, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                events = []
            elif isinstance(event, yaml.DocumentEndEvent):
                yield from _document(events)
            else:
                events.append(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        column = 1 if mark is None else mark.column + 1
        reason = f"not YAML: {error.problem or error.context} (column {column})"
        yield Document(line, None, DocumentError(line, reason))
    except yaml.reader.ReaderError as error:
        line = data[: error.position].count(b"\n") + 1 if isinstance(error.position, int) else 1
        yield Document(line, None, DocumentError(line, f"not YAML: {error.reason}"))


def _document(events: list[yaml.Event]) -> Iterator[Document]:
    line = _line(events[0])
    try:
        body = _Composer(iter(events)).node(0)
    except DocumentError as error:
        yield Document(line, None, error)
        return
    if isinstance(body, Mapping):
        yield Document(line, body)
    elif body is not None:
        reason = "a rule is a mapping of keys to values"
        yield Document(line, None, DocumentError(line, reason))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Composer:
    """Builds the values of one document from the parser's events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events

    def node(self, depth: int) -> Any:
        return self._value(next(self._events), depth)

    def _value(self, event: Any, depth: int) -> Any:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise DocumentError(line, "anchors and aliases (`&`, `*`) are not read")
        if event.tag not in (None, "!"):
            raise DocumentError(line, f"tags are not read: {event.tag}")
        if depth > MAX_DEPTH:
            raise DocumentError(line, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(line, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(line, depth)
        return _scalar(event)

    def _mapping(self, line: int, depth: int) -> Mapping:
        mapping = Mapping(line)
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise DocumentError(line, "keys are plain text")
            self._value(event, depth)
            key = event.value
            if key == "<<" and not event.style:
                raise DocumentError(line, "merge keys (`<<`) are not read")
            if key in mapping:
                raise DocumentError(
                    line, f"key `{key}` a second time (first in line {mapping.lines[key]})"
                )
            mapping.lines[key] = line
            mapping[key] = self.node(depth + 1)
        return mapping

    def _sequence(self, line: int, depth: int) -> Sequence:
        sequence = Sequence(line)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.lines.append(_line(event))
            sequence.append(self._value(event, depth + 1))
        return sequence


_RESOLVER: Any = Resolver()


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.style or event.tag == "!":
        return text
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
    if tag == "null":
        return None
    if tag == "bool":
        return yaml.SafeLoader.bool_values[text.lower()]
    if tag in ("int", "float") and len(text) <= MAX_DIGITS and _NUMBER.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> int | float:
    digits = text.replace("_", "").lower()
    if "." in digits:
        return float(digits)
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    for prefix, base in (("0x", 16), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits.removeprefix(prefix), base)
    if len(digits) > 1 and digits.startswith("0"):
        return sign * int(digits, 8)
    return sign * int(digits)
