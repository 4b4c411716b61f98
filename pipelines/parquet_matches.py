"""Detections over a Parquet file, row group by row group, reading the columns that rules need.

What a plan does not ask for is not read, nor what the file's statistics say is empty. Texts that
repeat come as the dictionaries that they are stored as; long ones, which do not, as they are.
Keywords look through texts as they are stored (`parquet_pages`) where nothing else needs them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.pipelines.connectors.files import ReadError
from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.detection.encoded import LONG
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.pipelines.detection.tables import match_rows
from tocsin.pipelines.parquet_pages import Texts, UnsupportedChunkError, stored_texts
from tocsin.schemas.arrow import REMAINDER

_TEXTS = (pa.string(), pa.large_string())
_ENCODINGS = {"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}


class _Stored(NamedTuple):
    """How a column of texts is stored.

    `repeats`: it may be read as a dictionary, of which Arrow makes none of some encodings. Texts
    that are short as they are stored are so where they repeat.
    """

    repeats: bool
    is_nullable: bool


def match_parquet(path: Path, detector: Detector) -> Iterator[tuple[int, DetectionRule]]:
    """Every match in the file as (row from 0, rule), sorted by row, then rule id.

    A column holds the field of its name. Raises ReadError where the file is damaged, a name is that
    of several columns, or a column is of a type that events have no values of.
    """
    first = 0
    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
            _check_names(schema)
            texts = _texts(metadata, schema)
        repeating = [name for name, stored in texts.items() if stored.repeats]
        with (
            path.open("rb") as stream,
            pq.ParquetFile(path, metadata=metadata, read_dictionary=repeating) as file,
        ):
            for number in range(metadata.num_row_groups):
                rows = _RowGroup(file, stream, number, frozenset(schema.names), texts)
                for row, rule in match_rows(detector, rows):
                    yield first + row, rule
                first += rows.count
    except pa.ArrowTypeError as error:
        raise ReadError(path, str(error)) from error
    except (pa.ArrowException, OSError) as error:
        raise ReadError(path, f"not readable as Parquet: {error}") from error


def _check_names(schema: pa.Schema) -> None:
    for name, count in Counter(schema.names).items():
        if count > 1:
            raise pa.ArrowTypeError(f"column `{name}`: expected one of this name, found {count}")


class _RowGroup:
    def __init__(
        self,
        file: pq.ParquetFile,
        stream: BinaryIO,
        number: int,
        names: frozenset[str],
        texts: Mapping[str, _Stored],
    ) -> None:
        self._file = file
        self._stream = stream
        self._number = number
        self._texts = texts
        group = file.metadata.row_group(number)
        self.count: int = group.num_rows
        self._chunks = {chunk.path_in_schema: chunk for chunk in _chunks(group)}
        empty = {name for name, chunk in self._chunks.items() if _is_empty(chunk)}
        self.names = names - empty

    def read(self, names: Sequence[str]) -> pa.Table:
        table = self._file.read_row_group(self._number, columns=names, use_threads=False)
        if table.num_rows != self.count:
            reason = f"columns {names} hold {table.num_rows} rows instead of {self.count}"
            raise pa.ArrowInvalid(reason)
        return table

    def visit(self, name: str, look_at: Callable[[Texts], object]) -> bool:
        if name not in self._texts:
            return False
        is_nullable = self._texts[name].is_nullable
        try:
            for texts in stored_texts(self._stream, self._chunks[name], is_nullable=is_nullable):
                look_at(texts)
        except UnsupportedChunkError:
            return False
        return True


def _chunks(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (group.column(place) for place in range(group.num_columns))


def _is_empty(chunk: pq.ColumnChunkMetaData) -> bool:
    statistics = chunk.statistics
    return (
        statistics is not None
        and statistics.has_null_count
        and statistics.null_count == chunk.num_values
    )


def _texts(metadata: pq.FileMetaData, schema: pa.Schema) -> dict[str, _Stored]:
    """The columns of texts, as they are stored.

    A column within a structure may have the path of another one, of which then none is told.
    """
    sizes: Counter[str] = Counter()
    others: set[str] = set()
    for number in range(metadata.num_row_groups):
        for chunk in _chunks(metadata.row_group(number)):
            sizes[chunk.path_in_schema] += chunk.total_uncompressed_size
            if not _ENCODINGS.issuperset(chunk.encodings):
                others.add(chunk.path_in_schema)
    leaves = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    paths = Counter(leaf.path for leaf in leaves)
    names = {field.name for field in schema if field.type in _TEXTS} & paths.keys()
    return {
        leaf.path: _Stored(
            repeats=sizes[leaf.path] < LONG * metadata.num_rows
            and leaf.path not in others
            and leaf.path != REMAINDER,
            is_nullable=leaf.max_definition_level > 0,
        )
        for leaf in leaves
        if leaf.path in names and paths[leaf.path] == 1
    }
