"""Columns of tables as codes: for each row the place of its value among the column's values.

    column  a  b  ∅  a      codes  0  1  2  0      values  a  b      (2, their count, for no value)

Work is done once for a code. Values stay as Arrow has them until someone asks for them; long texts,
which hardly ever repeat, are not looked through for equal ones.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tocsin.pipelines.detection.cache import MISSING, ValueCache
from tocsin.pipelines.detection.columns import Signature
from tocsin.pipelines.detection.source_text import texts_of
from tocsin.schemas.arrow import to_events

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Marks = npt.NDArray[np.bool_]

LONG = 256
"""Mean length in bytes from which on texts are taken one by one."""

_CODED = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean)
_LISTED = (pa.types.is_floating, pa.types.is_timestamp, pa.types.is_null)

_SMALL = 1 << 20
"""Bytes of values that are kept as Python has them too, once many are asked for."""

Owner = TypeVar("Owner")
Found = TypeVar("Found")

Find = Callable[[bytes], AbstractSet[Owner]]
"""Tells for whom something is in some UTF-8; what is in a part of it is in the whole."""

Wanted = Mapping[Owner, Numbers]
"""The rows in which to look for each."""


@dataclass(frozen=True, slots=True)
class Held(Generic[Owner]):
    """A value in which something was found for somebody, and the rows that have it."""

    owner: Owner
    value: Any
    rows: Numbers


_SCAN = 1 << 16
"""Bytes of texts that are searched at a time; if anything is found, each is searched."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Some rows of a column: for each the place of its signature, or None if there is but one."""

    places: Numbers | None
    signatures: Sequence[Signature]


class Coded:
    """A column of texts, integers or booleans, as a dictionary or, of long texts, plain."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array
        self._is_dictionary = isinstance(array, pa.DictionaryArray)
        self._values: pa.Array = array.dictionary if self._is_dictionary else array
        self._listed: list[Any] | None = None

    @cached_property
    def _codes(self) -> Codes:
        """For each row the place of its value; any number where it has none."""
        if not self._is_dictionary:
            return np.arange(len(self._values), dtype=np.int32)
        indices = self._array.indices
        if indices.null_count:
            bare = [None, indices.buffers()[1]]
            indices = pa.Array.from_buffers(indices.type, len(indices), bare, 0, indices.offset)
        found: Codes = indices.to_numpy()
        return found

    @cached_property
    def _there(self) -> Marks | None:
        """Which rows have a value; None if all have."""
        if not self._array.null_count:
            return None
        bits = np.frombuffer(self._array.buffers()[0], np.uint8)
        end = self._array.offset + len(self._array)
        marks = np.unpackbits(bits, count=end, bitorder="little")[self._array.offset :]
        return marks.view(np.bool_)

    def _present(self, rows: Numbers) -> Numbers:
        """Those of some rows that have a value."""
        return rows if self._there is None else rows[self._there[rows]]

    def signed(self, cache: ValueCache, rows: Numbers) -> Signed:
        """The signatures by `cache` of the values in some rows."""
        present = self._present(rows)
        if not len(present):
            return Signed(None, [cache[MISSING]])
        codes = self._codes[present]
        used = _distinct(codes, len(self._values))
        signatures = cache.look_up_each(self._values_at(used))
        if len(present) < len(rows):
            signatures = [*signatures, cache[MISSING]]
        numbers: dict[Signature, int] = {}
        places = [numbers.setdefault(each, len(numbers)) for each in signatures]
        if len(numbers) == 1:
            return Signed(None, signatures[:1])
        by_code = np.empty(len(self._values), np.int64)
        by_code[used] = places[: len(used)]
        found = by_code[codes]
        if self._there is not None and len(present) < len(rows):
            found, some = np.full(len(rows), places[-1], np.int64), found
            found[self._there[rows]] = some
        return Signed(found, list(numbers))

    def _values_at(self, places: Numbers) -> list[Any]:
        """The values at some places."""
        if len(places) == len(self._values):
            return self._listed or _python(self._values)
        are_many = self._listed is None and 4 * len(places) > len(self._values)
        if are_many and self._values.nbytes <= _SMALL:
            self._listed = _python(self._values)
        if self._listed is not None:
            return [self._listed[place] for place in places.tolist()]
        return _python(self._values.take(places))

    def at(self, rows: Numbers) -> list[Any]:
        """The values in some rows, `MISSING` where there is none."""
        array = self._array.take(rows)
        values = _python(array.dictionary_decode() if self._is_dictionary else array)
        return [MISSING if value is None else value for value in values]

    def holding(self, find: Find[Owner], wanted: Wanted[Owner]) -> Iterator[Held[Owner]]:
        """The values in which something was found, in rows that are wanted by whom it is for.

        No integer and no boolean holds anything that is looked for.
        """
        values = self._values
        if not pa.types.is_string(values.type):
            return
        used: Numbers | None = None
        if 2 * sum(map(len, wanted.values())) < len(self._array):
            rows = self._present(np.concatenate(list(wanted.values())))
            used = _distinct(self._codes[rows], len(values))
            values = values.take(used)
        found: dict[Owner, list[int]] = defaultdict(list)
        for place, owners in texts_with(find, values):
            for owner in owners & wanted.keys():
                found[owner].append(place)
        for owner, places in found.items():
            sought = np.asarray(places) if used is None else used[places]
            rows = self._present(wanted[owner])
            rows = rows[np.isin(self._codes[rows], sought)]
            rows = rows[np.argsort(self._codes[rows], kind="stable")]
            codes, starts = np.unique(self._codes[rows], return_index=True)
            values_held = self._values_at(codes.astype(np.int64))
            for value, first, after in zip(values_held, starts, [*starts[1:], None], strict=False):
                yield Held(owner, value, rows[first:after])


class Listed:
    """A column of anything else, such as lists and times: a value for each row, or `MISSING`."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def signed(self, cache: ValueCache, rows: Numbers) -> Signed:
        """The signatures by `cache` of the values in some rows."""
        found = cache.look_up_each(self.at(rows))
        numbers: dict[Signature, int] = {}
        places = [numbers.setdefault(each, len(numbers)) for each in found]
        return Signed(np.asarray(places, np.int64), list(numbers))

    def at(self, rows: Numbers) -> list[Any]:
        """The values in some rows, `MISSING` where there is none."""
        return [self._values[row] for row in rows.tolist()]

    def holding(self, find: Find[Owner], wanted: Wanted[Owner]) -> Iterator[Held[Owner]]:
        """The values in which something was found, in rows that are wanted by whom it is for."""
        for owner, rows in wanted.items():
            values = self.at(rows)
            texts = list(map(_joined, values))
            if owner in find(b"\0".join(texts)):
                for place, text in enumerate(texts):
                    if owner in find(text):
                        yield Held(owner, values[place], rows[place : place + 1])


Encoded = Coded | Listed


def encoded(column: pa.ChunkedArray) -> Encoded:
    """`column`, whose nulls say that an event has no such field.

    Raises pyarrow.ArrowTypeError where events have no values of its type.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind, column = pa.string(), column.cast(pa.string())
    if not _is_coded(kind):
        if not _is_of_events(kind):
            raise pa.ArrowTypeError(f"expected text, numbers, times or lists of these, not {kind}")
        return Listed([event.get("", MISSING) for event in to_events(pa.table({"": column}))])
    if column.type == kind and (kind != pa.string() or column.nbytes < LONG * len(column)):
        column = column.dictionary_encode()
    if column.num_chunks == 1:
        array = column.chunk(0)
    else:
        array = column.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # which it stays where there is no chunk
            return Coded(pa.array([], kind))
    if isinstance(array, pa.DictionaryArray) and array.dictionary.null_count:
        array = array.dictionary_decode().dictionary_encode()  # a null by another name
    return Coded(array)


def _is_coded(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _CODED)


def _is_of_events(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) and _is_coded(kind.value_type):
        return True
    kind = kind.value_type if pa.types.is_list(kind) else kind
    return any(is_kind(kind) for is_kind in _LISTED)


def _distinct(codes: Codes, size: int) -> Numbers:
    """Which numbers from 0 to before `size` are in `codes`, in order."""
    if size > 8 * len(codes):
        return np.unique(codes).astype(np.int64, copy=False)
    marks = np.zeros(size, np.bool_)
    marks[codes] = True
    return np.flatnonzero(marks)


def _python(values: pa.Array) -> list[Any]:
    """The values, None for null, several times faster than by `to_pylist`."""
    if values.null_count and not pa.types.is_string(values.type):
        found: list[Any] = values.to_pylist()
    else:
        found = values.to_numpy(zero_copy_only=False).tolist()
    return found


def _joined(value: Any) -> bytes:
    """The texts in a value, one after another."""
    return "\0".join(texts_of(value)).encode(errors="replace")


def texts_with(
    find: Callable[[bytes], Found], texts: pa.StringArray
) -> Iterator[tuple[int, Found]]:
    """The places of the `texts` in which there is anything, and what; also among others."""
    _, offsets, data = texts.buffers()
    if data is None:
        return
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    view = memoryview(data)
    first = 0
    while first < len(texts):
        after = int(np.searchsorted(starts, starts[first] + _SCAN, "right")) - 1
        after = min(max(after, first + 1), len(texts))
        if find(bytes(view[starts[first] : starts[after]])):
            for place in range(first, after):
                found = find(bytes(view[starts[place] : starts[place + 1]]))
                if found:
                    yield place, found
        first = after
