"""Regular expressions without a literal: which of them may match a text, in one pass.

Hyperscan runs them all at once over the text's code points. It only spares work: what it finds is
still settled by the expression itself (`regex`). Many texts go through it together, where no
expression could take neighbours of a text for a part of it without end.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import hyperscan

from tocsin.pipelines.detection.ir import Matches, Predicate
from tocsin.pipelines.detection.kinds import SEARCHES_SAFELY
from tocsin.pipelines.detection.literals import find_in_each, marked
from tocsin.pipelines.detection.required import TOKEN

MAX_REPEAT = 64
"""Longer counted repetitions take Hyperscan too long to compile, so such expressions stay open."""

PAYS = 1000
"""Texts after which the pass has paid for its making, a tenth of a second; until then all stay
open."""

MAX_LENGTH = 8192
"""Characters of a text up to which the pass pays. In a longer one each expression is as fast by
itself, and is not even asked if nothing else of its rule holds."""

_LINE_START = "(?m:^)"
_COUNT = re.compile(r"\d+")
_FLAGS = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_ALLOWEMPTY


def is_filterable(predicate: Predicate) -> bool:
    """Whether the pass can tell of the predicate that it does not hold."""
    if not isinstance(predicate, Matches):
        return False
    tokens = TOKEN.finditer(predicate.regex.plain)
    bounds = (token[0] for token in tokens if token.lastgroup == "bounds")
    return all(int(count) <= MAX_REPEAT for each in bounds for count in _COUNT.findall(each))


def is_local(plain: str) -> bool:
    """Whether a match of the expression in plain form is limited and looks at nothing else.

    Such a match is found in any longer text as well.
    """
    for token in TOKEN.finditer(plain):
        endless = token.lastgroup == "bounds" and token[0].endswith(("*", "+", ",}"))
        if endless or token.lastgroup == "anchor":
            return False
    return True


class ExpressionFilter:
    """Finds which of some expressions in plain form may match a text."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._expressions = expressions
        # Hyperscan, like PCRE, begins no line after a last LF.
        self._open_after_last_line = frozenset(
            number for number, each in enumerate(expressions) if _LINE_START in each
        )
        self._asked = 0

    @cached_property
    def _once(self) -> "hyperscan.Database | None":
        """Reports each expression at one place."""
        return self._database(hyperscan.HS_FLAG_SINGLEMATCH)

    @cached_property
    def _everywhere(self) -> "hyperscan.Database | None":
        """Reports each expression at each place where it ends; None where that is of no use."""
        return self._database(0) if all(map(is_local, self._expressions)) else None

    def _database(self, flag: int) -> "hyperscan.Database | None":
        if not SEARCHES_SAFELY:
            return None
        database = hyperscan.Database()
        count = len(self._expressions)
        try:
            database.compile(
                expressions=[each.encode() for each in self._expressions],
                ids=range(count),
                elements=count,
                flags=[_FLAGS | flag] * count,
            )
        except hyperscan.HyperscanError:  # too large together, so each stays open
            return None
        return database

    def find(self, text: str) -> frozenset[int]:
        """The indices of those that may match `text`, which has no lone surrogates."""
        if not self._expressions:
            return frozenset()
        self._asked += 1
        if self._asked < PAYS or len(text) > MAX_LENGTH or self._once is None:
            return frozenset(range(len(self._expressions)))
        found: set[int] = set()
        self._once.scan(text.encode(), match_event_handler=_collect, context=found)
        if text.endswith("\n"):
            found |= self._open_after_last_line
        return frozenset(found)

    def find_in_each(self, texts: Sequence[str], joined: str) -> Mapping[int, frozenset[int]]:
        """The indices of those that may match each of some ASCII `texts`, by its index, if any may.

        `joined` are these in their order, `BETWEEN` each other. Raises `TooManyError` where asking
        them one by one is faster.
        """
        if not self._expressions:
            return {}
        if self._asked < PAYS or self._everywhere is None:
            return dict(enumerate(map(self.find, texts)))
        return find_in_each(self._everywhere, marked(joined).encode(), texts)


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.add(number)
