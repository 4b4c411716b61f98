"""Detections over a Parquet file, row group by row group, reading the columns that rules need.

What a plan does not ask for is not read, nor what the file's statistics say is empty. Texts that
repeat come as the dictionaries that they are stored as; long ones, which do not, as they are.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.pipelines.connectors.files import ReadError
from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.detection.encoded import LONG
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.pipelines.detection.tables import match_rows
from tocsin.schemas.arrow import REMAINDER

_TEXTS = (pa.string(), pa.large_string())


def match_parquet(path: Path, detector: Detector) -> Iterator[tuple[int, DetectionRule]]:
    """Every match in the file as (row from 0, rule), sorted by row, then rule id.

    A column holds the field of its name. Raises ReadError where the file is damaged, or a column is
    of a type that events have no values of.
    """
    first = 0
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            schema = file.schema_arrow
        texts = _repeating_texts(metadata, schema)
        names = frozenset(schema.names)
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=texts) as file:
            for number in range(metadata.num_row_groups):
                rows = _RowGroup(file, number, names)
                for row, rule in match_rows(detector, rows):
                    yield first + row, rule
                first += rows.count
    except pa.ArrowTypeError as error:
        raise ReadError(path, str(error)) from error
    except (pa.ArrowException, OSError) as error:
        raise ReadError(path, f"not readable as Parquet: {error}") from error


class _RowGroup:
    def __init__(self, file: pq.ParquetFile, number: int, names: frozenset[str]) -> None:
        self._file = file
        self._number = number
        found = file.metadata.row_group(number)
        self.count: int = found.num_rows
        columns = (found.column(place) for place in range(found.num_columns))
        empty = {column.path_in_schema for column in columns if _is_empty(column)}
        self.names = names - empty

    def column(self, name: str) -> pa.ChunkedArray:
        found = self._file.read_row_group(self._number, columns=[name], use_threads=False)
        return found.column(name)


def _is_empty(column: pq.ColumnChunkMetaData) -> bool:
    statistics = column.statistics
    return (
        statistics is not None
        and statistics.has_null_count
        and statistics.null_count == column.num_values
    )


def _repeating_texts(metadata: pq.FileMetaData, schema: pa.Schema) -> list[str]:
    """The columns of texts that are short as they are stored, as they are where they repeat."""
    sizes: Counter[str] = Counter()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = (group.column(place) for place in range(group.num_columns))
        sizes.update({each.path_in_schema: each.total_uncompressed_size for each in columns})
    return [
        field.name
        for field in schema
        if field.type in _TEXTS
        and field.name != REMAINDER
        and sizes[field.name] < LONG * metadata.num_rows
    ]
