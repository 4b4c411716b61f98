"""Regular expressions without a literal: which of them may match a text, in one pass.

Hyperscan runs them all at once over the text's code points. It only spares work: what it finds is
still settled by the expression itself (`regex`).
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import hyperscan

from tocsin.pipelines.detection.ir import Matches, Predicate
from tocsin.pipelines.detection.kinds import SEARCHES_SAFELY

MAX_REPEAT = 64
"""Longer counted repetitions take Hyperscan too long to compile, so such expressions stay open."""

PAYS = 1000
"""Texts after which the pass has paid for its making, a tenth of a second; until then all stay
open."""

MAX_LENGTH = 8192
"""Characters of a text up to which the pass pays. In a longer one each expression is as fast by
itself, and is not even asked if nothing else of its rule holds."""

_COUNT = re.compile(r"\{(\d+)")
_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_ALLOWEMPTY


def is_filterable(predicate: Predicate) -> bool:
    """Whether the pass can tell of the predicate that it does not hold."""
    if not isinstance(predicate, Matches):
        return False
    counts = _COUNT.findall(predicate.regex.plain)
    return all(int(count) <= MAX_REPEAT for count in counts)


class ExpressionFilter:
    """Finds which of some expressions in plain form may match a text."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._expressions = expressions
        self._asked = 0

    @cached_property
    def _database(self) -> "hyperscan.Database | None":
        if not SEARCHES_SAFELY:
            return None
        database = hyperscan.Database()
        count = len(self._expressions)
        try:
            database.compile(
                expressions=[each.encode() for each in self._expressions],
                ids=range(count),
                elements=count,
                flags=[_FLAGS] * count,
            )
        except hyperscan.HyperscanError:  # too large together, so each stays open
            return None
        return database

    def find(self, text: str) -> frozenset[int]:
        """The indices of those that may match `text`, which has no lone surrogates."""
        if not self._expressions:
            return frozenset()
        self._asked += 1
        if self._asked < PAYS or len(text) > MAX_LENGTH or self._database is None:
            return frozenset(range(len(self._expressions)))
        found: set[int] = set()
        self._database.scan(text.encode(), match_event_handler=_collect, context=found)
        return frozenset(found)


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.add(number)
