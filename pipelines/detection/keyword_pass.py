"""Keywords in columns: the rows that hold any, by one pass over all texts for all classes.

    stored texts of a column ─▶ stretch with a keyword ─▶ its rows of classes that look for it
        ─▶ the column, if there are any ─▶ values with the keyword ─▶ rows ─▶ their atoms

Classes look for different keywords, but all are looked for at once, and what is found tells for
whom. A column that no plan needs is not even read, unless a class looks for a keyword in it, in
rows that may have it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from threading import get_ident
from typing import TYPE_CHECKING

import numpy as np

from tocsin.pipelines.detection.columns import NOTHING, Signature
from tocsin.pipelines.detection.encoded import Held, Numbers, Wanted
from tocsin.pipelines.detection.keywords import FOLDED_INTO_ASCII, Keywords, database, hits
from tocsin.pipelines.detection.table_columns import Columns, Stretch

if TYPE_CHECKING:
    import hyperscan

TOGETHER = 64
"""Texts that are searched at a time; if anything is found, each is."""

Owners = frozenset[Keywords]

NOBODY: Owners = frozenset()


class KeywordPass:
    """Keywords, each in the rows of the classes that look for it."""

    def __init__(self, columns: Columns, wanted: Wanted[Keywords], *, native: bool) -> None:
        self._columns = columns
        self._names = columns.source_names(native=native)
        self._wanted = {keywords: np.sort(rows) for keywords, rows in wanted.items()}

    def signatures(self) -> dict[Keywords, dict[int, Signature]]:
        """By row the atoms that are true of it, where any is."""
        looking = {each: rows for each, rows in self._wanted.items() if not each.all_pass}
        found = self._in_columns(looking) if looking else {}
        for keywords, rows in self._wanted.items():
            if keywords.all_pass:
                found[keywords] = self._of_events(keywords, rows, self._names)
            elif not keywords.all_sought and found[keywords]:  # others stand anywhere
                some = np.fromiter(found[keywords], np.int64)
                found[keywords] = self._of_events(keywords, some, self._names)
        return found

    def _in_columns(self, looking: Wanted[Keywords]) -> dict[Keywords, dict[int, Signature]]:
        """What is true of rows by the values in which keywords were found."""
        rest = self._columns.rest_names
        found = {
            keywords: self._of_events(keywords, self._columns.rest_rows_with(keywords, rows), rest)
            for keywords, rows in looking.items()
        }
        search = Search(looking)
        for name in sorted(self._columns.stored & self._names):
            for held in self._held(name, search, looking):
                keywords = held.owner
                atoms = keywords.signature({name: held.value}, None)
                if atoms:
                    by_row = found[keywords]
                    by_row.update(
                        {row: by_row.get(row, NOTHING) | atoms for row in held.rows.tolist()}
                    )
        return found

    def _held(
        self, name: str, search: "Search", looking: Wanted[Keywords]
    ) -> Iterator[Held[Keywords]]:
        """The values of a column in which keywords may stand."""
        stored = _StoredTexts(search, looking)
        if self._columns.visit(name, stored.look_at):
            yield from stored.held
            looking = stored.unsettled()
        if looking:
            yield from self._columns[name].holding(search.find, looking)

    def _of_events(
        self, keywords: Keywords, rows: Numbers, names: Collection[str]
    ) -> dict[int, Signature]:
        """What is true of each of some rows of whose fields all that matter are `names`."""
        if not len(rows):
            return {}
        self._columns.prepare(names)
        events = self._columns.events(rows, names)
        found = zip(rows.tolist(), (keywords.signature(each, None) for each in events), strict=True)
        return {row: atoms for row, atoms in found if atoms}


class _StoredTexts:
    """What is found in a column as it is stored; where rows are not told, what is left to do."""

    def __init__(self, search: "Search", looking: Wanted[Keywords]) -> None:
        self.held: list[Held[Keywords]] = []
        self._find = search.find
        self._looking = looking
        self._unsettled: dict[Keywords, list[Numbers]] = defaultdict(list)

    def look_at(self, stretch: Stretch) -> None:
        """Look at some texts, and row by row if somebody looks for what is found in them there."""
        inside: dict[Keywords, Numbers] = {}
        for keywords in self._find(stretch.data):
            rows = self._looking[keywords]
            first, after = np.searchsorted(rows, (stretch.rows.start, stretch.rows.stop))
            if first < after:
                inside[keywords] = rows[first:after]
        if not inside:
            return
        texts = stretch.by_row()
        if texts is None:
            for keywords, rows in inside.items():
                self._unsettled[keywords].append(rows)
            return
        by_row = dict(texts)
        for keywords, rows in inside.items():
            own = [(row, by_row[row]) for row in rows.tolist() if row in by_row]
            for first in range(0, len(own), TOGETHER):
                self._look_at_each(keywords, own[first : first + TOGETHER])

    def _look_at_each(self, keywords: Keywords, texts: Sequence[tuple[int, bytes]]) -> None:
        if keywords in self._find(b"\0".join(text for _, text in texts)):
            self.held += [
                Held(keywords, text.decode(errors="replace"), np.array([row]))
                for row, text in texts
                if keywords in self._find(text)
            ]

    def unsettled(self) -> dict[Keywords, Numbers]:
        """The rows of which the column has to be read."""
        return {each: np.unique(np.concatenate(rows)) for each, rows in self._unsettled.items()}


class Search:
    """What several keywords look for, looked for at once; none of them lets everything pass."""

    def __init__(self, keywords: Collection[Keywords]) -> None:
        owners: dict[str, set[Keywords]] = defaultdict(set)
        for each in keywords:
            for run in each.runs:
                owners[run].add(each)
        runs = sorted(owners)
        self._database = _database(tuple(runs), get_ident())
        self._owners = [frozenset(owners[run]) for run in runs]
        self._owners += [frozenset(keywords)] * len(FOLDED_INTO_ASCII)

    def find(self, texts: bytes) -> Owners:
        """Those whose keywords may stand in some UTF-8."""
        found = hits(self._database, texts)
        return NOBODY.union(*(self._owners[number] for number in found)) if found else NOBODY


@lru_cache(maxsize=64)
def _database(runs: tuple[str, ...], _thread: int) -> "hyperscan.Database":
    """One for each thread, as Hyperscan's scratch space is for one."""
    return database(runs, FOLDED_INTO_ASCII)
