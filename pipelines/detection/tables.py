"""Matching Arrow tables: the plans of `match`, driven by columns instead of events.

    column ─▶ distinct values ─▶ signature of each ─▶ a small number for each row    (`encoded`)
    numbers of a row's columns ─▶ one number ─▶ distinct ones ─▶ a verdict of each

So the work is that of the distinct values, and of the distinct tuples of their signatures, not of
the rows. Columns are named as the fields of events are; null says that an event has no such field.
They are asked for when a plan of the classes that are there needs them; keywords need all that hold
text of the source. What stands in a table's remainder (`schemas.arrow`) is a column too
(`table_columns`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.pipelines.detection.cache import MISSING, ValueCache
from tocsin.pipelines.detection.columns import Signature
from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.detection.encoded import Numbers, Signed
from tocsin.pipelines.detection.ir import Item, Reference, leaves
from tocsin.pipelines.detection.keyword_pass import KeywordPass
from tocsin.pipelines.detection.keywords import Keywords
from tocsin.pipelines.detection.match import Lookups, Running
from tocsin.pipelines.detection.plan import Finding, Verdict
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.pipelines.detection.table_columns import Columns, Rows

Key = tuple[Signature, ...]


class TableRows:
    """The rows of a table in memory."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.count: int = table.num_rows
        self.names: frozenset[str] = frozenset(table.column_names)

    def read(self, names: Sequence[str]) -> pa.Table:
        """The columns of these names."""
        return self._table.select(names)

    def visit(self, name: str, look_at: object) -> bool:  # noqa: ARG002 - as others may
        """Nothing: the columns are there already."""
        return False


def match_table(detector: Detector, table: pa.Table) -> list[tuple[int, DetectionRule]]:
    """Every match as (row of `table`, rule), sorted by row, then rule id."""
    return match_rows(detector, TableRows(table))


def match_rows(detector: Detector, rows: Rows) -> list[tuple[int, DetectionRule]]:
    """Every match as (row, rule), sorted by row, then rule id; reads the columns that it needs.

    Raises pyarrow.ArrowTypeError for a column of a type that events have no values of, and
    pyarrow.ArrowInvalid for a remainder that is no JSON object.
    """
    found = list(_TableMatcher(detector, Columns(rows)).matches())
    found.sort(key=lambda match: (match[0], match[1].info.id))
    return found


class _TableMatcher:
    def __init__(self, detector: Detector, columns: Columns) -> None:
        self._detector = detector
        self._matcher = detector.matcher
        self._columns = columns
        self._holding: dict[Keywords, dict[int, Signature]] = {}
        self._unsettled: dict[str, list[tuple[Finding, Numbers]]] = defaultdict(list)

    def matches(self) -> Iterator[tuple[int, DetectionRule]]:
        classes = self._classes()
        names: set[str] = set()
        by_keywords: dict[Keywords, list[Numbers]] = defaultdict(list)
        for key, rows in classes:
            running = self._matcher.plan_of(key)
            names.update(running.lookups.names)
            if running.keywords is not None:
                by_keywords[running.keywords].append(rows)
        self._columns.prepare(names)
        self._look_for({each: np.concatenate(found) for each, found in by_keywords.items()})
        for key, rows in classes:
            yield from self._of_class(self._matcher.plan_of(key), rows)
        for findings in self._unsettled.values():
            yield from self._settled(findings)

    def _classes(self) -> list[tuple[Key, Numbers]]:
        """The classes that are there, each with its rows."""
        rows = np.arange(self._columns.count)
        keys, groups = self._grouped(self._matcher.classes, rows)
        order = np.argsort(groups, kind="stable")
        ends = np.cumsum(np.bincount(groups, minlength=len(keys)))
        return list(zip(keys, np.split(order, ends[:-1]), strict=True)) if keys else []

    def _of_class(self, running: Running, rows: Numbers) -> Iterator[tuple[int, DetectionRule]]:
        keys, groups = self._grouped(running.lookups, rows)
        keywords: dict[int, Signature] = {}
        if running.keywords is not None:
            if running.keywords not in self._holding:  # of a plan that was made again
                self._look_for({running.keywords: rows})
            keywords = self._holding[running.keywords]
        apart = np.isin(rows, list(keywords)) if keywords else np.zeros(len(rows), np.bool_)
        for place in np.flatnonzero(apart).tolist():
            row = int(rows[place])
            verdict = running.verdicts.judge(keys[groups[place]], keywords[row])
            yield from self._found(verdict, rows[place : place + 1])
        for group, key in enumerate(keys):
            verdict = running.verdicts[key]
            if verdict:
                yield from self._found(verdict, rows[(groups == group) & ~apart])

    def _found(self, verdict: Verdict, rows: Numbers) -> Iterator[tuple[int, DetectionRule]]:
        """The matches by a verdict on some rows that are settled; others wait for all of them."""
        for finding in verdict:
            if finding.open or finding.rule.exceptions:
                self._unsettled[finding.rule.info.id].append((finding, rows))
            else:
                yield from zip(rows.tolist(), repeat(finding.rule))

    def _settled(
        self, findings: Sequence[tuple[Finding, Numbers]]
    ) -> Iterator[tuple[int, DetectionRule]]:
        """The matches by findings of one rule that depend on their events."""
        rows = np.concatenate([each for _, each in findings])
        events = iter(self._columns.events(rows, _fields(findings[0][0].rule)))
        for finding, own in findings:
            for row, event in zip(own.tolist(), events, strict=False):
                if self._detector.stands(finding, event):
                    yield row, finding.rule

    def _grouped(self, lookups: Lookups, rows: Numbers) -> tuple[list[Key], Numbers]:
        """The distinct tuples of signatures of some rows; for each row which of them it has."""
        if not len(rows):
            return [], rows
        if not lookups.names:
            return [()], np.zeros(len(rows), np.int64)
        signed = [
            self._signed(name, cache, rows)
            for name, cache in zip(lookups.names, lookups.caches, strict=True)
        ]
        groups, count = _numbered(signed, len(rows))
        some = np.empty(count, np.int64)
        some[groups] = np.arange(len(rows))
        return list(zip(*(_signatures_at(each, some) for each in signed), strict=True)), groups

    def _signed(self, name: str, cache: ValueCache, rows: Numbers) -> Signed:
        if name not in self._columns.names:
            return Signed(None, [cache.look_up(MISSING)])
        return self._columns[name].signed(cache, rows)

    def _look_for(self, wanted: Mapping[Keywords, Numbers]) -> None:
        """Note in which rows which keywords stand."""
        native = self._matcher.native
        self._holding.update(KeywordPass(self._columns, wanted, native=native).signatures())


def _fields(rule: DetectionRule) -> set[str] | None:
    """What settles whether a finding of the rule stands; None if all fields may."""
    names = {"@timestamp"} if rule.exceptions else set[str]()
    for node in (rule.condition, *(each.condition for each in rule.exceptions)):
        for leaf in leaves(node):
            if not isinstance(leaf, Item):
                return None
            names.update(leaf.targets)
            if isinstance(leaf.predicate, Reference):
                names.update(leaf.predicate.targets)
    return names


def _signatures_at(signed: Signed, places: Numbers) -> Iterable[Signature]:
    if signed.places is None:
        return repeat(signed.signatures[0], len(places))
    return [signed.signatures[each] for each in signed.places[places].tolist()]


def _numbered(columns: Sequence[Signed], rows: int) -> tuple[Numbers, int]:
    """A number for each row, equal where the signatures of all columns are, and their count."""
    combined = np.zeros(rows, np.int64)
    size = 1
    for column in columns:
        if column.places is not None:
            count = len(column.signatures)
            if size * count > 1 << 62:
                combined, size = _renumbered(combined)
            combined = combined * count + column.places
            size *= count
    return _renumbered(combined)


def _renumbered(numbers: Numbers) -> tuple[Numbers, int]:
    """The numbers, whatever they are, as numbers from 0, in order of coming; and their count."""
    found: Any = pa.array(numbers).dictionary_encode()
    return found.indices.to_numpy().astype(np.int64), len(found.dictionary)
