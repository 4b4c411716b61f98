r"""Keywords: whether any of them may stand in an event at all, without looking at each field.

A keyword looks at every text of a record, which no look-up by field can answer. But hardly any
event holds one, and that is told in one pass of Hyperscan over all its text: over the JSON line
that the event was read from, where there is one, else over its texts put together. Only what passes
is asked text by text.

The pass never misses. Of a keyword a run of ASCII is looked for, in lines as JSON writes it. JSON
may write any character as an escape, and two characters beyond ASCII fold to letters within, KELVIN
SIGN and DOTTED I; lines that hold such pass. Where a keyword has no such run, or a number could
hold it, everything passes.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import hyperscan
import orjson

from tocsin.pipelines.detection.cache import Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import Atom
from tocsin.pipelines.detection.ir import Predicate
from tocsin.pipelines.detection.literals import END, START, needles_of
from tocsin.pipelines.detection.source_text import is_plain, is_source, texts_of
from tocsin.schemas.events import Event

_PLAIN = re.compile(r"[ -~]+")
"""Runs of ASCII without controls."""

_NUMBER = re.compile(r"[0-9.-]+")
_ESCAPES = (r"\u00", r"\u212a", r"\u0130", r"\/")
_FOLDED_INTO_ASCII = "\u212a\u0130"


class Keywords:
    """The atoms about all texts of the source, ready to be asked of events.

    Where none of those in `sought` is true, none is told to be.
    """

    def __init__(
        self, atoms: Mapping[int, Atom], sought: Iterable[int], memory: Memory, *, native: bool
    ) -> None:
        self._native = native
        self._values = ValueCache(Column(atoms).signature, memory)
        runs = {_run(each) for number in sought for each in atoms[number].predicates}
        self._all_pass = None in runs
        self._runs = sorted(run for run in runs if run)

    @cached_property
    def _texts(self) -> "hyperscan.Database":
        return _database(self._runs, _FOLDED_INTO_ASCII)

    @cached_property
    def _lines(self) -> "hyperscan.Database":
        written = [orjson.dumps(run)[1:-1].decode() for run in self._runs]
        return _database([*written, *_ESCAPES], _FOLDED_INTO_ASCII)

    def may_stand_in(self, values: Iterable[Any]) -> bool:
        """Whether any of the keywords looked for may stand in any of some values of source text."""
        texts = (text for value in values for text in texts_of(value))
        return self._all_pass or _finds(self._texts, "\0".join(texts))

    def may_stand_in_utf8(self, texts: bytes) -> bool:
        """Whether any of the keywords looked for may stand in texts that follow one another."""
        return self._all_pass or _finds(self._texts, texts)

    def signature(self, event: Event, line: bytes | None) -> Signature:
        """The atoms that are true of `event`, which was read from the JSON `line`, if any."""
        if self._all_pass or line is None:
            texts = _texts(event, self._native)
            if not self._all_pass and not _finds(self._texts, "\0".join(texts)):
                return NOTHING
        elif _finds(self._lines, line):
            texts = _texts(event, self._native)
        else:
            return NOTHING
        return NOTHING.union(*map(self._values.__getitem__, texts))


def _run(predicate: Predicate) -> str | None:
    """A run of characters that every text has that satisfies the predicate; None without one."""
    found = needles_of(predicate)
    if found is None or len(found.literals) > 1:
        return None
    (literal,) = found.literals
    run = max(_PLAIN.findall(literal.strip(START + END)), key=len, default="")
    return None if not run or _NUMBER.fullmatch(run) else run


def _texts(event: Event, native: bool) -> list[str]:
    """All texts of the source in `event`."""
    source = _SOURCE_KEYS[native]
    values = [value for key, value in event.items() if source[key]]
    texts = [value for value in values if type(value) is str]
    if len(texts) < len(values):
        texts += [text for value in values if type(value) is not str for text in texts_of(value)]
    original = event.get("event.original")
    if not native and isinstance(original, str) and is_plain(original):
        texts.append(original)
    return texts


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


def _database(folded: Iterable[str], exact: Iterable[str]) -> "hyperscan.Database":
    literals = [(text.encode(), hyperscan.HS_FLAG_CASELESS) for text in folded]
    literals += [(text.encode(), 0) for text in exact]
    database = hyperscan.Database()
    database.compile(
        expressions=[text for text, _ in literals],
        ids=range(len(literals)),
        elements=len(literals),
        flags=[flag | hyperscan.HS_FLAG_SINGLEMATCH for _, flag in literals],
        literal=True,
    )
    return database


def _finds(database: "hyperscan.Database", data: str | bytes) -> bool:
    found: list[int] = []
    if isinstance(data, str):
        data = data.encode(errors="replace")
    database.scan(data, match_event_handler=_collect, context=found)
    return bool(found)


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(number)
