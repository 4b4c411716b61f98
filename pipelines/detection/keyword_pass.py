"""Keywords in columns: the rows that hold any, by one pass over all texts for all classes.

    stored texts of a column ─▶ stretch with a keyword ─▶ its rows of classes that look for it
        ─▶ the column, if there are any ─▶ values with the keyword ─▶ rows ─▶ their atoms

Classes look for different keywords, but all are looked for at once, and what is found tells for
whom. A column that no plan needs is not even read, unless a class looks for a keyword in it, in
rows that may have it.
"""

from collections import defaultdict
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tocsin.pipelines.detection.columns import Signature
from tocsin.pipelines.detection.encoded import Numbers, Wanted
from tocsin.pipelines.detection.keywords import FOLDED_INTO_ASCII, Keywords, database, hits
from tocsin.pipelines.detection.table_columns import Columns

if TYPE_CHECKING:
    import hyperscan

Owners = frozenset[Keywords]

NOBODY: Owners = frozenset()


class KeywordPass:
    """Keywords, each in the rows of the classes that look for it."""

    def __init__(self, columns: Columns, wanted: Wanted[Keywords], *, native: bool) -> None:
        self._columns = columns
        self._names = columns.source_names(native=native)
        self._wanted = {keywords: np.sort(rows) for keywords, rows in wanted.items()}
        self._search = Search([each for each in wanted if not each.all_pass])

    def signatures(self) -> dict[Keywords, dict[int, Signature]]:
        """By row the atoms that are true of it, where any is."""
        looking = {each: rows for each, rows in self._wanted.items() if not each.all_pass}
        holding: dict[Keywords, list[Numbers]] = defaultdict(list)
        names: dict[Keywords, set[str]] = defaultdict(set)
        for name in sorted(self._columns.stored & self._names) if looking else ():
            for keywords, rows in self._in_column(name, looking).items():
                holding[keywords].append(rows)
                names[keywords].add(name)
        found: dict[Keywords, dict[int, Signature]] = {}
        for keywords, rows in self._wanted.items():
            if keywords.all_pass:
                found[keywords] = self._of_rows(keywords, rows, self._names)
            else:
                rest = self._columns.rest_rows_with(keywords, rows)
                held = np.unique(np.concatenate([*holding[keywords], rest]))
                read = names[keywords] if keywords.all_sought else self._names
                found[keywords] = self._of_rows(keywords, held, read)
        return found

    def _in_column(self, name: str, looking: Wanted[Keywords]) -> Wanted[Keywords]:
        """The rows of a column in which keywords stand."""
        stretches = self._columns.search(name, self._search.find)
        if stretches is not None:
            suspected: dict[Keywords, list[Numbers]] = defaultdict(list)
            for owners, span in stretches:
                for keywords in owners:
                    rows = looking[keywords]
                    first, after = np.searchsorted(rows, (span.start, span.stop))
                    if first < after:
                        suspected[keywords].append(rows[first:after])
            looking = {each: np.concatenate(found) for each, found in suspected.items()}
        return self._columns[name].rows_with(self._search.find, looking) if looking else {}

    def _of_rows(
        self, keywords: Keywords, rows: Numbers, names: Collection[str]
    ) -> dict[int, Signature]:
        """What is true of each of some rows of whose columns all that matter are `names`."""
        if not len(rows):
            return {}
        self._columns.prepare(names)
        events = self._columns.events(rows, {*names, *self._columns.rest_names})
        found = zip(rows.tolist(), (keywords.signature(each, None) for each in events), strict=True)
        return {row: atoms for row, atoms in found if atoms}


class Search:
    """What several keywords look for, looked for at once; none of them lets everything pass."""

    def __init__(self, keywords: Collection[Keywords]) -> None:
        owners: dict[str, set[Keywords]] = defaultdict(set)
        for each in keywords:
            for run in each.runs:
                owners[run].add(each)
        runs = sorted(owners)
        self._database = _database(tuple(runs))
        self._owners = [frozenset(owners[run]) for run in runs]
        self._owners += [frozenset(keywords)] * len(FOLDED_INTO_ASCII)

    def find(self, texts: bytes) -> Owners:
        """Those whose keywords may stand in some UTF-8."""
        found = hits(self._database, texts)
        return NOBODY.union(*(self._owners[number] for number in found)) if found else NOBODY


@lru_cache(maxsize=64)
def _database(runs: tuple[str, ...]) -> "hyperscan.Database":
    return database(runs, FOLDED_INTO_ASCII)
