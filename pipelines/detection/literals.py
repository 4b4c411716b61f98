r"""Literals in texts: which of thousands of them a text holds, in one pass.

A **needle** is a literal that every text has that satisfies a predicate. Texts are searched folded
and between two marks, so that the ends are characters like any other:

    StartsWith("c:\\")     needle  ^c:\         in   ^c:\windows\system32\cmd.exe$
    EndsWith("\\cmd.exe")  needle  \cmd.exe$

(`^` and `$` stand for the control characters STX and ETX.) Most needles decide their predicate;
those of cased and wildcard predicates, and of regular expressions (`required`), only say where to
look closer.

Texts go through an Aho-Corasick automaton, which is made in a moment. It reports each occurrence;
where that comes to too many, as in a long text of one character, and where long texts are the rule,
Hyperscan takes over, which reports each literal once. Hyperscan is by far the fastest over many
texts that hold hardly any needle, if it is given all of them at once.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import ahocorasick_rs
import hyperscan

from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    Like,
    Matches,
    Predicate,
    StartsWith,
)
from tocsin.pipelines.detection.patterns import dash_variants
from tocsin.pipelines.detection.required import is_rare, required_literals
from tocsin.schemas.values import fold, is_number

START, END = "\x02", "\x03"
BETWEEN = END + START
"""Stands between texts that follow one another."""

NUL = "\x00"

CHUNK = 4096
"""Characters that the automaton is given at a time."""

MAX_HITS = 20_000
"""Occurrences in one text after which Hyperscan takes over; some milliseconds of them."""

MAX_HITS_EACH = 8
"""Occurrences for each of several texts up to which searching them together pays, as Hyperscan's
binding calls a function for each."""

MAX_NESTING = 16
"""Needles that may end at one place of a text; the public rules have 6 at most."""

MAX_PIECES = 200
"""Pieces of long texts after which Hyperscan, which is faster there, has paid for its making."""

NONE: frozenset[int] = frozenset()

MAX_DASHES = 2
"""Dashes of a literal up to which each spelling of them is a needle: five for each dash."""


def marked(folded: str) -> str:
    """A folded text between the marks."""
    return f"{START}{folded}{END}"


def holds_marks(text: str) -> bool:
    """Whether the text has characters that look like marks, so that needles decide nothing."""
    return START in text or END in text


@dataclass(frozen=True, slots=True)
class Needles:
    """Some literals of which every text that satisfies a predicate has one.

    `sure`: a text that has one satisfies the predicate.
    """

    literals: frozenset[str]
    sure: bool = False

    @property
    def is_common(self) -> bool:
        """Whether finding one tells next to nothing."""
        return min(map(len, self.literals)) < 2 and not any(map(is_rare, self.literals))


def needles_of(predicate: Predicate) -> Needles | None:
    """The needles of a predicate about texts; None where it has none."""
    match predicate:
        case Contains(text, cased, windash):
            found = text or START
        case StartsWith(text, cased, windash):
            found = START + text
        case EndsWith(text, cased, windash):
            found = text + END
        case Equals(text, cased, windash) if not is_number(text):
            found = marked(text)
        case Like(segments, cased, windash):
            found = max((part for segment in segments for part in segment), key=len)
        case Matches(regex):
            literals = required_literals(regex.plain)
            return Needles(literals) if literals else None
        case _:
            return None
    sure = not (cased or isinstance(predicate, Like) or holds_marks(predicate.text))
    if not windash:
        found = fold(found)
    elif found.count("-") <= MAX_DASHES:
        return Needles(frozenset(map(fold, dash_variants(found))), sure) if found else None
    else:
        found, sure = fold(max(found.split("-"), key=len)), False
    return Needles(frozenset((found,)), sure) if found else None


class TooManyError(Exception):
    """Texts hold more than is worth finding in all of them at once."""


class LiteralSearch:
    """Finds which of `needles`, none of them empty, stand in a text."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = needles
        self._pieces = 0
        self._overlap = max(map(len, needles), default=1) - 1

    @cached_property
    def _automaton(self) -> "ahocorasick_rs.AhoCorasick":
        return ahocorasick_rs.AhoCorasick(
            self._needles, implementation=ahocorasick_rs.Implementation.ContiguousNFA
        )

    @cached_property
    def _once(self) -> "hyperscan.Database":
        """Reports each needle at one place."""
        return self._database(hyperscan.HS_FLAG_SINGLEMATCH)

    @cached_property
    def _everywhere(self) -> "hyperscan.Database":
        """Reports each needle at each place where it ends."""
        return self._database(0)

    def _database(self, flag: int) -> "hyperscan.Database":
        database = hyperscan.Database()
        given = [number for number, each in enumerate(self._needles) if NUL not in each]
        database.compile(
            expressions=[self._needles[number].encode() for number in given],
            ids=given,
            elements=len(given),
            flags=[flag] * len(given),
            literal=True,
        )
        return database

    @cached_property
    def _with_nul(self) -> list[int]:
        """The needles that Hyperscan is not given, as its binding ends a literal at NUL."""
        return [number for number, each in enumerate(self._needles) if NUL in each]

    @cached_property
    def _whole(self) -> int:
        """Characters up to which a text goes through the automaton as a whole."""
        nesting = _nesting(self._needles)
        return CHUNK if nesting <= MAX_NESTING else MAX_HITS // nesting

    def find(self, text: str) -> frozenset[int]:
        """The indices of the needles in `text`, which has no lone surrogates."""
        if not self._needles:
            return NONE
        if len(text) <= self._whole:
            hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
            return frozenset([hit[0] for hit in hits]) if hits else NONE
        return frozenset(self._find_in_long(text))

    def find_in_each(self, texts: Sequence[str], joined: str) -> Mapping[int, frozenset[int]]:
        """The indices of the needles in each of some ASCII `texts`, by its index, where it has any.

        Of texts without marks, that is. `joined` are these in their order, `BETWEEN` each other,
        folded. Raises `TooManyError` where searching them one by one is faster.
        """
        if self._with_nul and NUL in joined:
            raise TooManyError
        if len(self._with_nul) == len(self._needles):
            return {}
        return find_in_each(self._everywhere, marked(joined).encode(), texts)

    def _find_in_long(self, text: str) -> set[int]:
        found: set[int] = set()
        count = 0
        for start in range(0, len(text), CHUNK):
            if count > MAX_HITS or self._pieces > MAX_PIECES or self._whole < CHUNK:
                if len(self._with_nul) < len(self._needles):
                    self._once.scan(text.encode(), match_event_handler=_collect, context=found)
                found.update([each for each in self._with_nul if self._needles[each] in text])
                break
            piece = text[start : start + CHUNK + self._overlap]
            hits = self._automaton.find_matches_as_indexes(piece, overlapping=True)
            found.update([hit[0] for hit in hits])
            count += len(hits)
            self._pieces += 1
        return found


def find_in_each(
    database: "hyperscan.Database", joined: bytes, texts: Sequence[str]
) -> Mapping[int, frozenset[int]]:
    """The expressions found in each of some ASCII `texts`, by its index, where there are any.

    `joined` are these with the marks around each. `database` reports expressions wherever they end.
    Raises `TooManyError` for more than is worth it.
    """
    hits: list[tuple[int, int]] = []
    most = MAX_HITS_EACH * len(texts)

    def collect(number: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
        hits.append((number, end))
        return len(hits) > most

    try:
        database.scan(joined, match_event_handler=collect)
    except hyperscan.ScanTerminated as error:
        raise TooManyError from error
    if not hits:
        return {}
    found: dict[int, set[int]] = {}
    ends = list(accumulate([len(text) + len(BETWEEN) for text in texts]))
    start = last = 0
    for number, end in hits:
        if not start < end <= last:
            place = bisect_left(ends, end)
            start, last = ends[place] - len(texts[place]) - len(BETWEEN), ends[place]
            here = found.setdefault(place, set())
        here.add(number)
    return {place: frozenset(each) for place, each in found.items()}


def _nesting(needles: Sequence[str]) -> int:
    """How many needles can end at one place: the longest chain in which each ends with the next."""
    deepest = 0
    chain: list[str] = []
    for needle in sorted(each[::-1] for each in needles):
        while chain and not needle.startswith(chain[-1]):
            chain.pop()
        chain.append(needle)
        deepest = max(deepest, len(chain))
    return deepest


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.add(number)
