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
from tocsin.pipelines.detection.columns import NOTHING, Signature
from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.detection.match import Lookups, Running
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
        self._rows = table.num_rows
        self._columns = {name: _encoded(table, name) for name in table.column_names}

    def matches(self) -> Iterator[tuple[int, DetectionRule]]:
        every = np.arange(self._rows)
        for key, rows in self._groups(self._matcher.classes, every):
            running = self._matcher.plan_of(key)
            keywords = self._keywords(running, rows)
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
        column = self._columns.get(name)
        if column is None:
            return Signed(np.zeros(len(rows), np.int64), [look_up(MISSING)])
        used, places = np.unique(column.codes[rows], return_inverse=True)
        numbers: dict[Signature, int] = {}
        by_code = [
            numbers.setdefault(look_up(column.values[code]), len(numbers)) for code in used.tolist()
        ]
        return Signed(np.asarray(by_code, np.int64)[places], list(numbers))

    def _keywords(self, running: Running, rows: Numbers) -> dict[int, Signature]:
        """The rows in which keywords stand, with the atoms that are true of them."""
        if running.keywords is None:
            return {}
        holding: set[int] = set()
        for name, column in self._columns.items():
            if name == "event.original" or is_source(name, self._matcher.native):
                codes = column.codes[rows]
                used = ((code, column.values[code]) for code in np.unique(codes).tolist())
                texts = {code: {name: value} for code, value in used if value is not MISSING}
                may_stand = running.keywords.may_stand
                if may_stand(texts.values()):
                    wanted = [code for code, text in texts.items() if may_stand((text,))]
                    holding.update(rows[np.isin(codes, wanted)].tolist())
        found = {row: running.keywords.signature(self._event(row), None) for row in holding}
        return {row: signature for row, signature in found.items() if signature != NOTHING}

    def _event(self, row: int) -> Event:
        values = ((name, each.values[each.codes[row]]) for name, each in self._columns.items())
        return {name: value for name, value in values if value is not MISSING}


def _encoded(table: pa.Table, name: str) -> Encoded:
    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        encoded = column.combine_chunks().dictionary_encode()
        values = encoded.dictionary.to_pylist()
        codes = encoded.indices.fill_null(len(values)).to_numpy().astype(np.int64)
        return Encoded(codes, [*values, MISSING])
    events = to_events(table.select([name]))
    return Encoded(
        np.arange(len(events)), [*(event.get(name, MISSING) for event in events), MISSING]
    )


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
