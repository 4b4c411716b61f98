r"""Literals in texts: which of thousands of them a text holds, in one pass.

A **needle** is a literal that every text has that satisfies a predicate. Texts are searched folded
and between two marks, so that the ends are characters like any other:

    StartsWith("c:\\")     needle  ^c:\         in   ^c:\windows\system32\cmd.exe$
    EndsWith("\\cmd.exe")  needle  \cmd.exe$

(`^` and `$` stand for the control characters STX and ETX.) Most needles decide their predicate;
those of cased, dash-blind and wildcard predicates only say where to look closer.

Short texts go through an Aho-Corasick automaton. It reports each occurrence, which in long texts
may be many of each of many literals; those go through Hyperscan, which reports each literal once.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

import ahocorasick_rs
import hyperscan

from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    Like,
    Predicate,
    StartsWith,
)
from tocsin.schemas.values import fold

START, END = "\x02", "\x03"

LONG = 1024
"""Characters from which on a text goes through Hyperscan: there the two cost the same for commands,
and no text of this length can have more than some thousand occurrences."""


def marked(folded: str) -> str:
    """A folded text between the marks."""
    return f"{START}{folded}{END}"


def holds_marks(text: str) -> bool:
    """Whether the text has characters that look like marks, so that needles decide nothing."""
    return START in text or END in text


def needle(predicate: Predicate) -> tuple[str, bool] | None:
    """The needle of a predicate about texts, and whether finding it decides; None without one."""
    match predicate:
        case Contains(text, cased, windash):
            found = text or START
        case StartsWith(text, cased, windash):
            found = START + text
        case EndsWith(text, cased, windash):
            found = text + END
        case Equals(text, cased, windash) if windash:
            found = marked(text)
        case Like(segments, cased, windash):
            found = max((part for segment in segments for part in segment), key=len)
        case _:
            return None
    if windash:
        found = max(found.split("-"), key=len)
    if not found:
        return None
    sure = not (cased or windash or isinstance(predicate, Like))
    return fold(found) if cased else found, sure and not holds_marks(getattr(predicate, "text", ""))


class LiteralSearch:
    """Finds which of `needles`, none of them empty, stand in a text."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = needles

    @cached_property
    def _automaton(self) -> "ahocorasick_rs.AhoCorasick":
        return ahocorasick_rs.AhoCorasick(
            self._needles, implementation=ahocorasick_rs.Implementation.ContiguousNFA
        )

    @cached_property
    def _database(self) -> "hyperscan.Database":
        database = hyperscan.Database()
        count = len(self._needles)
        database.compile(
            expressions=[each.encode() for each in self._needles],
            ids=range(count),
            elements=count,
            flags=[hyperscan.HS_FLAG_SINGLEMATCH] * count,
            literal=True,
        )
        return database

    def find(self, text: str) -> AbstractSet[int]:
        """The indices of the needles in `text`, which has no lone surrogates."""
        if not self._needles:
            return frozenset()
        if len(text) < LONG:
            hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
            return {hit[0] for hit in hits} if hits else frozenset()
        found: set[int] = set()
        self._database.scan(text.encode(), match_event_handler=_collect, context=found)
        return found


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.add(number)
