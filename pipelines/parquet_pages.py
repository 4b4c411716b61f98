"""The texts of a Parquet column chunk as they are stored, without reading which row has which.

    chunk   header dictionary-page   header index-page   …   header text-page   …
    given          texts                                             texts

In the encoding PLAIN, of dictionary pages and text pages, each text stands whole after its length;
what is looked for in texts is found in such a page if it is in any of them. Index pages hold no
text and are not even decompressed. To read a page costs a tenth of reading its rows.

A chunk in any other encoding, or that does not look as the format says, is left to Arrow, which
reads it or says what is wrong with it. Source: parquet.thrift, Encodings.md and Compression.md of
github.com/apache/parquet-format; thrift-compact-protocol.md of github.com/apache/thrift.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MAX_PAGE = 32 << 20
"""Bytes of a page from which on it is left to Arrow; writers make pages of about a megabyte."""

_CODECS = {
    "UNCOMPRESSED": None, "SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "ZSTD": "zstd",
}  # fmt: skip
"""By the name that Arrow has for them; what it names LZ4 are two formats."""

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12
_WITH_NUMBER = frozenset((_I16, _I32, _I64, _BINARY))
_MAX_DEPTH = 4


class UnsupportedChunkError(Exception):
    """The chunk is stored in a way that is not known here; Arrow may read it."""


class _Page(NamedTuple):
    """Where a page of texts stands in its chunk, after how many bytes of levels, and its rows."""

    kind: int
    start: int
    end: int
    size: int
    levels: int
    is_compressed: bool
    rows: range


@dataclass(frozen=True, slots=True)
class Texts:
    """Stored texts, and between them anything but text; `rows` are those that may have them."""

    data: bytes
    rows: range
    _kind: int
    _levels: bytes | None

    def by_row(self) -> list[tuple[int, bytes]] | None:
        """The rows that have a text, and it; None of a dictionary, which does not tell them.

        Raises UnsupportedChunkError where the page is damaged.
        """
        if self._kind == _DICTIONARY:
            return None
        levels, start = self._levels, 0
        if levels is not None and self._kind == _DATA:
            start = 4 + int.from_bytes(self.data[:4], "little")
            levels = self.data[4:start]
        rows = list(self.rows) if levels is None else _rows_with_values(levels, self.rows)
        texts: list[tuple[int, bytes]] = []
        for row in rows:
            end = start + 4 + int.from_bytes(self.data[start : start + 4], "little")
            texts.append((row, self.data[start + 4 : end]))
            start = end
        if start != len(self.data):
            raise UnsupportedChunkError("texts do not fill their page")
        return texts


def stored_texts(
    file: BinaryIO, chunk: pq.ColumnChunkMetaData, *, is_nullable: bool
) -> Iterator[Texts]:
    """The texts of a chunk of a flat column of texts, page by page.

    Raises UnsupportedChunkError, before or between pages, where the chunk is to be read by Arrow.
    """
    if not chunk.num_values:
        return
    if chunk.compression not in _CODECS:
        raise UnsupportedChunkError(f"compressed as {chunk.compression}")
    codec = _CODECS[chunk.compression]
    data = _bytes_of(file, chunk)
    view = memoryview(data)
    for page in _pages(data, chunk.num_values, is_nullable):
        start = page.start + page.levels
        levels = data[page.start : start] if is_nullable else None
        stored = view[start : page.end]
        if codec is None or not page.is_compressed:
            texts = bytes(stored)
        else:
            texts = _decompressed(stored, codec, page.size - page.levels)
        yield Texts(texts, page.rows, page.kind, levels)


def _decompressed(stored: memoryview, codec: str, size: int) -> bytes:
    if not stored:  # as version 2 may write a page of nulls
        return b""
    try:
        found: bytes = pa.decompress(stored, decompressed_size=size, codec=codec, asbytes=True)
    except (pa.ArrowException, OSError) as error:
        raise UnsupportedChunkError(str(error)) from error
    return found


def _bytes_of(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> bytes:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    size = chunk.total_compressed_size
    end = file.seek(0, 2)
    if not 0 <= start <= start + size <= end:
        raise UnsupportedChunkError("the chunk is not within the file")
    file.seek(start)
    return file.read(size)


def _pages(data: bytes, values: int, is_nullable: bool) -> list[_Page]:
    """The pages of a chunk of so many values, nulls included, that hold texts."""
    found: list[_Page] = []
    place = row = coded = 0
    has_dictionary = False
    while place < len(data):
        header, place = _header(data, place)
        kind, size, stored = (_number(header, field) for field in (1, 2, 3))
        end = place + stored
        if end > len(data) or size > MAX_PAGE:
            raise UnsupportedChunkError("a page is too large")
        if kind == _DICTIONARY:
            if found or row or _number(_struct(header, 7), 2) not in (_PLAIN, _PLAIN_DICTIONARY):
                raise UnsupportedChunkError("a dictionary of another kind")
            has_dictionary = True
            found.append(_Page(kind, place, end, size, 0, True, range(0)))
        elif kind in (_DATA, _DATA_V2):
            count, encoding, levels, is_compressed = _data_page(header, kind, is_nullable)
            if encoding == _PLAIN:
                if levels > min(size, stored):
                    raise UnsupportedChunkError("levels are longer than their page")
                rows = range(row, row + count)
                found.append(_Page(kind, place, end, size, levels, is_compressed, rows))
            elif encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY) and has_dictionary:
                coded = row + count
            else:
                raise UnsupportedChunkError(f"encoding {encoding}")
            row += count
        else:
            raise UnsupportedChunkError(f"a page of type {kind}")
        place = end
    if row != values:
        raise UnsupportedChunkError(f"{row} values instead of {values}")
    if has_dictionary:
        found[0] = found[0]._replace(rows=range(coded))
    return found


def _data_page(header: dict[int, Any], kind: int, is_nullable: bool) -> tuple[int, int, int, bool]:
    """Of a data page its values, nulls included, encoding, bytes of levels ahead, compression."""
    if kind == _DATA:
        old = _struct(header, 5)
        if is_nullable and _number(old, 3) != _RLE:
            raise UnsupportedChunkError("levels in another encoding")
        return _number(old, 1), _number(old, 2), 0, True
    new = _struct(header, 8)
    if _number(new, 6):
        raise UnsupportedChunkError("levels of repetition in a flat column")
    return _number(new, 1), _number(new, 4), _number(new, 5), new.get(7) is not False


def _rows_with_values(levels: bytes, rows: range) -> list[int]:
    """Those of some rows that have a value, by levels of 0 and 1 in the encoding RLE."""
    try:
        return _rows_of_level_one(levels, rows)
    except IndexError:
        raise UnsupportedChunkError("levels are cut off") from None


def _rows_of_level_one(levels: bytes, rows: range) -> list[int]:
    found: list[int] = []
    place, first = 0, rows.start
    while first < rows.stop:
        header, place = _varint(levels, place)
        if header & 1:
            packed = np.frombuffer(levels[place : place + (header >> 1)], np.uint8)
            place += header >> 1
            marks = np.unpackbits(packed, bitorder="little")[: rows.stop - first]
            found += (first + np.flatnonzero(marks)).tolist()
            first += len(marks)
        else:
            after = min(first + (header >> 1), rows.stop)
            if levels[place]:
                found += range(first, after)
            place, first = place + 1, after
    return found


def _number(fields: dict[int, Any], field: int) -> int:
    found = fields.get(field)
    if type(found) is not int or found < 0:
        raise UnsupportedChunkError(f"field {field} of a page header is no count")
    return found


def _struct(fields: dict[int, Any], field: int) -> dict[int, Any]:
    found = fields.get(field)
    if not isinstance(found, dict):
        raise UnsupportedChunkError(f"field {field} of a page header is no struct")
    return found


def _header(data: bytes, place: int) -> tuple[dict[int, Any], int]:
    """The struct at `place` by field, of its binaries the length, and the place after it."""
    try:
        return _read_struct(data, place)
    except IndexError:
        raise UnsupportedChunkError("a page header is cut off") from None


def _read_struct(data: bytes, place: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Thrift's compact protocol, as far as page headers go: no collections."""
    if depth > _MAX_DEPTH:
        raise UnsupportedChunkError("a page header is nested too deeply")
    fields: dict[int, Any] = {}
    field = 0
    while True:
        byte = data[place]
        place += 1
        if not byte:
            return fields, place
        kind = byte & 15
        if byte > 15:
            field += byte >> 4
        else:
            number, place = _varint(data, place)
            field = _signed(number)
        if kind in _WITH_NUMBER:
            number = data[place]
            place += 1
            if number > 127:
                number, place = _varint(data, place - 1)
            if kind == _BINARY:
                fields[field] = number
                place += number
            else:
                fields[field] = _signed(number)
        elif kind in (_TRUE, _FALSE):
            fields[field] = kind == _TRUE
        elif kind == _STRUCT:
            fields[field], place = _read_struct(data, place, depth + 1)
        elif kind in (_BYTE, _DOUBLE):
            place += 1 if kind == _BYTE else 8
        else:
            raise UnsupportedChunkError(f"a page header has a field of type {kind}")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
        if shift > 63:
            raise UnsupportedChunkError("a number in a page header is too long")
