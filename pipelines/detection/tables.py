"""Matching Arrow tables: the plans of `match`, driven by columns instead of events.

    column ─▶ distinct values ─▶ signature of each ─▶ a small number for each row
    numbers of a row's columns ─▶ one number ─▶ distinct ones ─▶ a verdict of each

So the work is that of the distinct values, and of the distinct tuples of their signatures, not of
the rows. Columns are named as the fields of events are; null says that an event has no such field.
A table with a remainder (`schemas.arrow`) holds fields as JSON text and is matched event by event.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tocsin.pipelines.detection.cache import MISSING
from tocsin.pipelines.detection.columns import Signature
from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.detection.keywords import Keywords
from tocsin.pipelines.detection.match import Lookups
from tocsin.pipelines.detection.plan import Verdict
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.pipelines.detection.source_text import is_source
from tocsin.schemas.arrow import REMAINDER, to_events
from tocsin.schemas.events import Event

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column: for each row the place of its value in `values`, whose last is `MISSING`."""

    codes: Numbers
    values: list[Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """Some rows of a column: for each the place of its signature."""

    places: Numbers
    signatures: list[Signature]


def match_table(detector: Detector, table: pa.Table) -> list[tuple[int, DetectionRule]]:
    """Every match as (row of `table`, rule), sorted by row, then rule id."""
    if REMAINDER in table.column_names:
        return detector.match(to_events(table))
    found = list(_TableMatcher(detector, table).matches())
    found.sort(key=lambda match: (match[0], match[1].info.id))
    return found


class _TableMatcher:
    def __init__(self, detector: Detector, table: pa.Table) -> None:
        self._detector = detector
        self._matcher = detector.matcher
        self._table = table
        self._names = frozenset(table.column_names)
        self._columns: dict[str, Encoded] = {}
        self._holding: dict[Keywords, dict[int, Signature]] = {}

    def _column(self, name: str) -> Encoded:
        if name not in self._columns:
            self._columns[name] = _encoded(self._table, name)
        return self._columns[name]

    def matches(self) -> Iterator[tuple[int, DetectionRule]]:
        every = np.arange(self._table.num_rows)
        for key, rows in self._groups(self._matcher.classes, every):
            running = self._matcher.plan_of(key)
            keywords = self._keywords(running.keywords)
            for signatures, same in self._groups(running.lookups, rows):
                verdict = running.verdicts[signatures]
                if verdict:
                    plain = (row for row in same.tolist() if row not in keywords)
                    yield from self._settled(verdict, plain)
                for row in keywords.keys() & set(same.tolist()) if keywords else ():
                    verdict = running.verdicts.judge(signatures, keywords[row])
                    yield from self._settled(verdict, (row,))

    def _settled(
        self, verdict: Verdict, rows: Iterable[int]
    ) -> Iterator[tuple[int, DetectionRule]]:
        for row in rows:
            event: Event | None = None
            for finding in verdict:
                if finding.open or finding.rule.exceptions:
                    event = self._event(row) if event is None else event
                    if not self._detector.stands(finding, event):
                        continue
                yield row, finding.rule

    def _groups(
        self, lookups: Lookups, rows: Numbers
    ) -> Iterator[tuple[tuple[Signature, ...], Numbers]]:
        """The distinct tuples of signatures of some rows, each with its rows."""
        if not len(rows):
            return
        signed = [
            self._signed(name, cache.look_up, rows)
            for name, cache in zip(lookups.names, lookups.caches, strict=True)
        ]
        _, first, group = np.unique(
            _combined(signed, len(rows)), return_index=True, return_inverse=True
        )
        order = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group))
        start = 0
        for representative, end in zip(first.tolist(), ends.tolist(), strict=True):
            key = tuple(each.signatures[each.places[representative]] for each in signed)
            yield key, rows[order[start:end]]
            start = end

    def _signed(self, name: str, look_up: Any, rows: Numbers) -> Signed:
        if name not in self._names:
            return Signed(np.zeros(len(rows), np.int64), [look_up(MISSING)])
        column = self._column(name)
        used, places = np.unique(column.codes[rows], return_inverse=True)
        numbers: dict[Signature, int] = {}
        by_code = [
            numbers.setdefault(look_up(column.values[code]), len(numbers)) for code in used.tolist()
        ]
        return Signed(np.asarray(by_code, np.int64)[places], list(numbers))

    def _keywords(self, keywords: Keywords | None) -> dict[int, Signature]:
        """The rows in which keywords stand, with the atoms that are true of them."""
        if keywords is None:
            return {}
        if keywords not in self._holding:
            rows: set[int] = set()
            for name in self._names:
                if name == "event.original" or is_source(name, self._matcher.native):
                    rows.update(_rows_with(keywords, self._column(name)))
            signed = ((row, keywords.signature(self._event(row), None)) for row in rows)
            self._holding[keywords] = {row: found for row, found in signed if found}
        return self._holding[keywords]

    def _event(self, row: int) -> Event:
        columns = ((name, self._column(name)) for name in self._table.column_names)
        values = ((name, each.values[each.codes[row]]) for name, each in columns)
        return {name: value for name, value in values if value is not MISSING}


def _rows_with(keywords: Keywords, column: Encoded) -> list[int]:
    """The rows in whose value in a column keywords may stand."""
    values = column.values[:-1]
    if not keywords.may_stand_in(values):
        return []
    codes = [code for code, value in enumerate(values) if keywords.may_stand_in((value,))]
    found: list[int] = np.flatnonzero(np.isin(column.codes, codes)).tolist()
    return found


def _encoded(table: pa.Table, name: str) -> Encoded:
    column = table.column(name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):  # which it stays where there is no chunk
            return Encoded(np.zeros(0, np.int64), [MISSING])
        values = encoded.dictionary.to_pylist()
        codes = encoded.indices.fill_null(len(values)).to_numpy().astype(np.int64)
        return Encoded(codes, [*values, MISSING])
    found = [event.get(name, MISSING) for event in to_events(table.select([name]))]
    return Encoded(np.arange(len(found)), [*found, MISSING])


def _combined(columns: Sequence[Signed], rows: int) -> Numbers:
    """One number for each row, equal where the signatures of all columns are."""
    combined = np.zeros(rows, np.int64)
    size = 1
    for column in columns:
        count = len(column.signatures)
        if size * count > 1 << 62:
            distinct, combined = np.unique(combined, return_inverse=True)
            size = len(distinct)
        if count > 1:
            combined = combined * count + column.places
            size *= count
    return combined
