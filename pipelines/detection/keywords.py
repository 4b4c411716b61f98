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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from os.path import commonprefix
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
_SLASH = r"\/"
_ESCAPES = (r"\u00", r"\u212a", r"\u0130", _SLASH)
FOLDED_INTO_ASCII = "\u212a\u0130"


MIN_SHARED = 6
"""Characters that runs must begin with in common to be looked for as one."""

MAX_JOINED = 8 << 20
"""Bytes of a batch up to which it is copied to be passed at once."""


class Keywords:
    """The atoms about all texts of the source, ready to be asked of events.

    Where none of those in `sought` is true, none is told to be; `all_sought` tells whether there
    are no others. Texts in which one is true hold one of `runs`, but for case, or one of
    FOLDED_INTO_ASCII; unless they `all_pass`.
    """

    def __init__(
        self, atoms: Mapping[int, Atom], sought: Iterable[int], memory: Memory, *, native: bool
    ) -> None:
        self._native = native
        self._values = ValueCache(Column(atoms).signature, memory)
        sought = frozenset(sought)
        runs = {_run(each) for number in sought for each in atoms[number].predicates}
        self.runs = frozenset(run for run in runs if run)
        self.all_pass = None in runs
        self.all_sought = sought == atoms.keys()
        self._runs = _shared(self.runs)

    @cached_property
    def _texts(self) -> "hyperscan.Database":
        return database(self._runs, FOLDED_INTO_ASCII)

    @cached_property
    def _lines(self) -> "hyperscan.Database":
        escaped = (orjson.dumps(run)[1:-1].decode() for run in self._runs)
        written = sorted({*self._runs, *escaped})
        escapes = [each for each in _ESCAPES if each != _SLASH or "/" in "".join(written)]
        return database([*written, *escapes], FOLDED_INTO_ASCII)

    def may_stand_in(self, values: Iterable[Any]) -> bool:
        """Whether any of the keywords looked for may stand in any of some values of source text."""
        texts = (text for value in values for text in texts_of(value))
        return self.all_pass or _finds(self._texts, "\0".join(texts))

    def may_stand_in_utf8(self, texts: bytes) -> bool:
        """Whether any of the keywords looked for may stand in texts that follow one another."""
        return self.all_pass or _finds(self._texts, texts)

    def may_stand_in_json(self, lines: bytes) -> bool:
        """Whether any of the keywords looked for may stand in some JSON that orjson has written."""
        return self.all_pass or _finds(self._lines, lines)

    def found_in(
        self, events: Sequence[Event], lines: Sequence[bytes] | None, indices: Sequence[int]
    ) -> Iterator[tuple[int, Signature]]:
        """The index and the atoms that are true of each event of a batch that has any of them.

        `indices` are the events to look at, `lines` the JSON lines that the events were read from.
        Hardly any batch holds a keyword, so all of it is passed at once.
        """
        if not self.all_pass and not self._may_hold(events, lines, indices):
            return
        for index in indices:
            found = self.signature(events[index], None if lines is None else lines[index])
            if found:
                yield index, found

    def _may_hold(
        self, events: Sequence[Event], lines: Sequence[bytes] | None, indices: Sequence[int]
    ) -> bool:
        if lines is not None:
            chosen = [lines[index] for index in indices]
            return sum(map(len, chosen)) > MAX_JOINED or _finds(self._lines, b"\n".join(chosen))
        records: list[str] = []
        texts: list[str] = []
        for index in indices:
            record = self._record(events[index])
            if record is None:
                texts += _texts(events[index], self._native)
            else:
                records.append(record)
        return (
            sum(map(len, records)) + sum(map(len, texts)) > MAX_JOINED
            or (bool(records) and _finds(self._lines, "\n".join(records)))
            or (bool(texts) and _finds(self._texts, "\0".join(texts)))
        )

    def _record(self, event: Event) -> str | None:
        """The record that a normalised event was parsed from, if it looks like a JSON object.

        All source text is in it, as it is or as JSON writes it, since parsers only move values.
        """
        original = None if self._native else event.get("event.original")
        return original if isinstance(original, str) and original[:1] == "{" else None

    def signature(self, event: Event, line: bytes | None) -> Signature:
        """The atoms that are true of `event`, which was read from the JSON `line`, if any."""
        written: str | bytes | None = self._record(event) if line is None else line
        if not self.all_pass and written is not None and not _finds(self._lines, written):
            return NOTHING
        texts = _texts(event, self._native)
        if not self.all_pass and written is None and not _finds(self._texts, "\0".join(texts)):
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


def _shared(runs: Iterable[str]) -> list[str]:
    """Fewer runs, of which one stands in each text that holds any of `runs`.

    Of runs that begin alike the common beginning will do: the fewer they are, the faster the pass.
    """
    shared: list[str] = []
    for run in sorted(runs):
        common = commonprefix([shared[-1], run]) if shared else ""  # noqa: RUF071 - texts, no paths
        if len(common) >= MIN_SHARED:
            shared[-1] = common
        else:
            shared.append(run)
    return shared


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


def database(folded: Iterable[str], exact: Iterable[str]) -> "hyperscan.Database":
    """Texts to look for, numbered in their order: some whatever their case, then some as they are.

    Case is that of ASCII.
    """
    literals = [(text.encode(), hyperscan.HS_FLAG_CASELESS) for text in folded]
    literals += [(text.encode(), 0) for text in exact]
    made = hyperscan.Database()
    made.compile(
        expressions=[text for text, _ in literals],
        ids=range(len(literals)),
        elements=len(literals),
        flags=[flag | hyperscan.HS_FLAG_SINGLEMATCH for _, flag in literals],
        literal=True,
    )
    return made


def hits(searched: "hyperscan.Database", data: str | bytes) -> list[int]:
    """The numbers of the texts of a database that stand in `data`, each once."""
    found: list[int] = []
    if isinstance(data, str):
        data = data.encode(errors="replace")
    searched.scan(data, match_event_handler=_collect, context=found)
    return found


def _finds(searched: "hyperscan.Database", data: str | bytes) -> bool:
    return bool(hits(searched, data))


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(number)
