"""The columns of some rows, whether they are stored as columns or in a remainder.

    columns of the table        F  G          columns for matching      F  G  H  K
    remainder, JSON (`arrow`)   {"H": 1, "K": null}

Columns are named as the fields of events are; null says that an event has no such field. What a
remainder says of a row counts, as in `arrow.to_events`; there a null is a value.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa

from tocsin.pipelines.detection.cache import MISSING
from tocsin.pipelines.detection.encoded import (
    Encoded,
    Listed,
    Numbers,
    encoded,
    texts_with,
)
from tocsin.pipelines.detection.keywords import Keywords
from tocsin.pipelines.detection.source_text import is_source
from tocsin.schemas.arrow import REMAINDER
from tocsin.schemas.events import Event

_CODED = ({str}, {int}, {bool})


class Stretch(Protocol):
    """Texts of a column as they are stored; between them stands no text."""

    @property
    def data(self) -> bytes:
        """The texts in UTF-8, each of them whole."""

    @property
    def rows(self) -> range:
        """The rows that may have them."""

    def by_row(self) -> Iterable[tuple[int, bytes]] | None:
        """The rows that have a text, and it; None where that is not known."""


class Rows(Protocol):
    """Some rows, whose columns are read when they are asked for."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def names(self) -> frozenset[str]:
        """The columns in which some row may have a value."""

    def read(self, names: Sequence[str]) -> pa.Table:
        """The columns of these names, maybe among others; each is asked for once."""

    def visit(self, name: str, look_at: Callable[[Stretch], object]) -> bool:
        """Show `look_at` a column's texts as they are stored, without reading the column.

        False where that cannot be done, or not to the end; then the column has to be read.
        """


class Columns:
    """The columns of `rows` by the names of fields.

    `stored` are those that have a column of their own, `rest_names` those that stand in a
    remainder. Raises pyarrow.ArrowTypeError for a column of a type that events have no values of,
    and pyarrow.ArrowInvalid for a remainder that is no JSON object.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.stored = rows.names - {REMAINDER}
        self._read: dict[str, pa.ChunkedArray] = {}
        self._encoded: dict[str, Encoded] = {}
        self._rest: _Remainder | None = None
        if REMAINDER in rows.names:
            self._rest = _Remainder(rows.read([REMAINDER]).column(0))
        self.count: int = rows.count
        self.rest_names: frozenset[str] = frozenset() if self._rest is None else self._rest.names
        self.names: frozenset[str] = self.stored | self.rest_names

    def __getitem__(self, name: str) -> Encoded:
        """The column of a field that some event may have."""
        if name not in self._encoded:
            self._encoded[name] = self._made(name)
        return self._encoded[name]

    def prepare(self, names: Iterable[str]) -> None:
        """Read columns that will be asked for, which together is faster than one by one."""
        wanted = sorted(self.stored.intersection(names) - self._read.keys() - self._encoded.keys())
        if wanted:
            table = self._rows.read(wanted)
            self._read.update({name: table.column(name) for name in wanted})

    def _made(self, name: str) -> Encoded:
        if self._rest is None or name not in self._rest.names:
            return self._column(name)
        if name not in self.stored:
            return self._rest.column(name)
        values = self._column(name).at(np.arange(self.count))
        for row, value in self._rest[name].items():
            values[row] = value
        return Listed(values)

    def _column(self, name: str) -> Encoded:
        self.prepare((name,))
        try:
            return encoded(self._read.pop(name))
        except pa.ArrowTypeError as error:
            raise pa.ArrowTypeError(f"column `{name}`: {error}") from error

    def events(self, rows: Numbers, names: Iterable[str] | None) -> list[Event]:
        """The events of some rows, of them the fields `names`; all without."""
        chosen = self.names if names is None else self.names.intersection(names)
        events: list[Event] = [{} for _ in rows]
        for name in chosen & self.stored:
            for event, value in zip(events, self[name].at(rows), strict=True):
                if value is not MISSING:
                    event[name] = value
        if self._rest is not None:
            for event, row in zip(events, rows.tolist(), strict=True):
                rest = self._rest.by_row.get(row, {})
                event.update({name: rest[name] for name in chosen & rest.keys()})
        return events

    def source_names(self, *, native: bool) -> frozenset[str]:
        """The columns in which there may be text of the source."""
        return frozenset(
            name for name in self.names if name == "event.original" or is_source(name, native)
        )

    def visit(self, name: str, look_at: Callable[[Stretch], object]) -> bool:
        """As of `Rows`; False also where the column is there already, or is not all there is."""
        if name in self._encoded or name in self._read or name in self.rest_names:
            return False
        return self._rows.visit(name, look_at)

    def rest_rows_with(self, keywords: Keywords, rows: Numbers) -> Numbers:
        """Those of some rows, in order, in what is not stored of which keywords may stand."""
        return rows[:0] if self._rest is None else self._rest.rows_with(keywords, rows)


class _Remainder:
    """What the JSON of a remainder holds, by row."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        chunks = column.cast(pa.string()).chunks
        self._texts: pa.StringArray = pa.concat_arrays([pa.array([], pa.string()), *chunks])
        texts = enumerate(self._texts.to_numpy(zero_copy_only=False).tolist())
        self.by_row = {row: _object(text, row) for row, text in texts if text is not None}
        self.names: frozenset[str] = frozenset().union(*self.by_row.values())

    def __getitem__(self, name: str) -> dict[int, Any]:
        """The values of a field by row."""
        return {row: rest[name] for row, rest in self.by_row.items() if name in rest}

    def column(self, name: str) -> Encoded:
        """The values of a field that has no other column."""
        found = self[name]
        array = _array(list(found.values()))
        if array is None:
            return Listed([found.get(row, MISSING) for row in range(len(self._texts))])
        rows = np.fromiter(found, np.int64)
        places = np.zeros(len(self._texts), np.int32)
        places[rows] = np.arange(len(rows))
        missing = np.ones(len(places), np.bool_)
        missing[rows] = False
        return encoded(pa.chunked_array([array.take(pa.array(places, mask=missing))]))

    def rows_with(self, keywords: Keywords, rows: Numbers) -> Numbers:
        """Those of some rows in whose JSON keywords may stand."""
        texts = self._texts if len(rows) == len(self._texts) else self._texts.take(rows)
        return rows[[place for place, _ in texts_with(keywords.may_stand_in_json, texts)]]


def _object(text: str, row: int) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise pa.ArrowInvalid(f"column `{REMAINDER}`, row {row}: {error}") from error
    if not isinstance(found, dict):
        raise pa.ArrowInvalid(f"column `{REMAINDER}`, row {row}: expected a JSON object")
    return found


def _array(values: list[Any]) -> pa.Array | None:
    """The values as an array, if they are of one type and Arrow tells distinct ones apart."""
    if set(map(type, values)) not in _CODED:
        return None
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError):  # integers beyond 64 bits
        return None
    return array
