r"""Keywords: whether any of them may stand in an event at all, without looking at each field.

A keyword looks at every text of a record, which no look-up by field can answer. But hardly any
event holds one, and that is told in one pass of Hyperscan over all its text: over the JSON line
that the event was read from, where there is one, else over its texts put together. Only what passes
is asked text by text.

The pass never misses. JSON may write any character as an escape, and two characters beyond ASCII
fold to letters within, KELVIN SIGN and DOTTED I; so lines with these or an escape of either or of
ASCII pass, and of a keyword only a run of characters that JSON writes as they are is looked for.
Where a keyword has no such run, or a number could hold it, everything passes.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import hyperscan

from tocsin.pipelines.detection.cache import Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import Atom
from tocsin.pipelines.detection.ir import Predicate
from tocsin.pipelines.detection.literals import END, START, needles_of
from tocsin.pipelines.detection.source_text import is_plain, is_source, source_texts, texts_of
from tocsin.schemas.events import Event

_PLAIN = re.compile(r"[ !#-.0-\[\]-~]+")
"""Runs of ASCII that JSON writes as they are: no controls, quotes, backslashes and slashes."""

_NUMBER = re.compile(r"[0-9.-]+")
_ESCAPES = (rb"\u00", rb"\u212a", rb"\u0130")
_FOLDED_INTO_ASCII = tuple(map(str.encode, "\u212a\u0130"))


class Keywords:
    """The atoms about all texts of the source, ready to be asked of events."""

    def __init__(self, atoms: Mapping[int, Atom], memory: Memory, *, native: bool) -> None:
        self._native = native
        self._values = ValueCache(Column(atoms).signature, memory)
        runs = {_run(each) for atom in atoms.values() for each in atom.predicates}
        self._all_pass = None in runs
        patterns = [(run.encode(), hyperscan.HS_FLAG_CASELESS) for run in runs if run]
        patterns += [(char, 0) for char in _FOLDED_INTO_ASCII]
        self._patterns = patterns

    @cached_property
    def _texts(self) -> "hyperscan.Database":
        return _database(self._patterns)

    @cached_property
    def _lines(self) -> "hyperscan.Database":
        escapes = [(escape, hyperscan.HS_FLAG_CASELESS) for escape in _ESCAPES]
        return _database(self._patterns + escapes)

    def signature(self, event: Event, line: bytes | None) -> Signature:
        """The atoms that are true of `event`, which was read from the JSON `line`, if any."""
        if not self._all_pass:
            if line is None:
                passes = _finds(self._texts, _texts(event, self._native))
            else:
                passes = _finds(self._lines, line)
            if not passes:
                return NOTHING
        texts = source_texts(event, self._native)
        return NOTHING.union(*[self._values[text] for _, text in texts])


def _run(predicate: Predicate) -> str | None:
    """A run of characters that every text has that satisfies the predicate; None without one."""
    found = needles_of(predicate)
    if found is None or len(found.literals) > 1:
        return None
    (literal,) = found.literals
    run = max(_PLAIN.findall(literal.strip(START + END)), key=len, default="")
    return None if len(run) < 2 or _NUMBER.fullmatch(run) else run


def _texts(event: Event, native: bool) -> bytes:
    """All texts of the source in `event`, one after the other."""
    source = _SOURCE_KEYS[native]
    values = [value for key, value in event.items() if source[key]]
    texts = [value for value in values if type(value) is str]
    if len(texts) < len(values):
        texts += [text for value in values if type(value) is not str for text in texts_of(value)]
    original = event.get("event.original")
    if not native and isinstance(original, str) and is_plain(original):
        texts.append(original)
    return "\0".join(texts).encode(errors="replace")


class _SourceKeys(dict[str, bool]):
    """Whether what stands under a key is source text, for the keys that came up."""

    def __init__(self, *, native: bool) -> None:
        super().__init__()
        self._native = native

    def __missing__(self, key: str) -> bool:
        if len(self) > MAX_KEYS:
            self.clear()
        found = self[key] = is_source(key, self._native)
        return found


MAX_KEYS = 10_000
_SOURCE_KEYS = {native: _SourceKeys(native=native) for native in (False, True)}


def _database(patterns: list[tuple[bytes, int]]) -> "hyperscan.Database":
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern for pattern, _ in patterns],
        ids=range(len(patterns)),
        elements=len(patterns),
        flags=[flag | hyperscan.HS_FLAG_SINGLEMATCH for _, flag in patterns],
        literal=True,
    )
    return database


def _finds(database: "hyperscan.Database", data: bytes) -> bool:
    found: list[int] = []
    database.scan(data, match_event_handler=_collect, context=found)
    return bool(found)


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(number)
