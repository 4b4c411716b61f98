r"""Keywords: whether any of them may stand in an event at all, without looking at each field.

A keyword looks at every text of a record, which no look-up by field can answer. But hardly any
event holds one, and that is told in one pass of Hyperscan over all its text: over the JSON line
that the event was read from, where there is one, else over its texts put together.

A filter never says no wrongly. JSON may write any character as an escape, and two characters beyond
ASCII fold to letters within; so a line with `\u`, KELVIN SIGN or DOTTED I passes, and of a keyword
only a run of characters that JSON writes as they are is looked for. Keywords without such a run,
and those that a number could hold, let every line pass.
"""

import re
from collections.abc import Iterable
from typing import Any

import hyperscan

from tocsin.pipelines.detection.ir import Keyword
from tocsin.pipelines.detection.literals import END, START, needle
from tocsin.pipelines.detection.source_text import is_plain, is_source, source_texts
from tocsin.schemas.events import Event

_PLAIN = re.compile(r"[ !#-.0-\[\]-~]+")
"""Runs of ASCII that JSON writes as they are: no controls, quotes, backslashes and slashes."""

_NUMBER = re.compile(r"[0-9.-]+")
_ESCAPE = rb"\u"
_FOLDED_INTO_ASCII = tuple(
    char.encode() for char in "\N{KELVIN SIGN}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"
)


class KeywordFilter:
    """Tells which events may hold some of `keywords`."""

    def __init__(self, keywords: Iterable[Keyword]) -> None:
        runs = {_run(keyword) for keyword in keywords}
        self._all_pass = None in runs
        patterns = [(run.encode(), hyperscan.HS_FLAG_CASELESS) for run in runs if run]
        patterns += [(char, 0) for char in _FOLDED_INTO_ASCII]
        self._texts = _database(patterns)
        self._lines = _database([*patterns, (_ESCAPE, 0)])

    def may_stand_in(self, event: Event, line: bytes | None, *, native: bool) -> bool:
        """Whether some keyword may stand in `event`, read from the JSON `line` if that is given."""
        if self._all_pass:
            return True
        if line is not None:
            return _finds(self._lines, line)
        return _finds(self._texts, _texts(event, native))


def _run(keyword: Keyword) -> str | None:
    """A run of characters that every text has in which the keyword stands; None without one."""
    found = needle(keyword.predicate)
    if found is None:
        return None
    runs = _PLAIN.findall(found[0].strip(START + END))
    run = max(runs, key=len, default="")
    return None if len(run) < 2 or _NUMBER.fullmatch(run) else run


def _texts(event: Event, native: bool) -> bytes:
    texts = [value for key, value in event.items() if type(value) is str and is_source(key, native)]
    others = {
        key: value
        for key, value in event.items()
        if isinstance(value, list | dict) and is_source(key, native)
    }
    original = event.get("event.original")
    if not native and isinstance(original, str) and is_plain(original):
        texts.append(original)
    texts += [text for _, text in source_texts(others, native)]
    return "\0".join(texts).encode(errors="replace")


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
