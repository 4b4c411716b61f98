"""The archive: events as Parquet, in files that are named by what they hold and never overwritten.

Files are cut on a fixed grid of positions a partition, so that whoever writes a stretch of a log
again comes to the same files (DELIVERY §2.3). A file is written under a passing name and renamed
when it is whole: whatever has its name is complete.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.pipelines.connectors.files import BLOCK_BYTES, ReadError
from tocsin.schemas.arrow import to_events, to_table
from tocsin.schemas.records import EventBatch

_NAME = re.compile(
    r"(?P<log>[\w-]+)_(?P<partition>\d+)_(?P<block>\d+)_(?P<first>\d+)_(?P<next>\d+)"
)
_MAGIC = b"PAR1"

_IDENTITY: Mapping[str, Callable[[pa.DataType], bool]] = {
    "@timestamp": pa.types.is_timestamp,
    "event.id": pa.types.is_string,
    "organization.name": pa.types.is_string,
}
"""What every event has, as alerts and matches are named by it, and the type of its column."""

GROUP_ROWS = 16_384
"""Rows of a row group at least, but the last: smaller ones cost size, and time of every reader."""

WAITING_ROWS = 4 * GROUP_ROWS
"""Rows that may wait for their row groups in all files together, some KB each."""


class Stretch(NamedTuple):
    """What an archive file holds: positions [first, next) of one block of a log's partition."""

    log: str
    partition: int
    block: int
    first: int
    next: int

    def file_name(self) -> str:
        """The name under which the stretch is archived."""
        block = f"{self.block:06d}"
        return f"{self.log}_{self.partition}_{block}_{self.first}_{self.next}.parquet"


def stretch_of(path: Path) -> Stretch | None:
    """What the archive file `path` says in its name, or None where it is named otherwise."""
    name = _NAME.fullmatch(path.stem)
    if name is None or path.suffix != ".parquet":
        return None
    numbers = (int(name[part]) for part in ("partition", "block", "first", "next"))
    return Stretch(name["log"], *numbers)


class ArchiveWriter:
    """Writes batches of events below `folder`, a file for each run of a block; a context manager.

    Batches of one block are appended in the order given; leaving the context closes every file.
    Until then `waiting_rows` at most are kept, that row groups may be large.
    Where an error leaves it, nothing of the open files stays.
    """

    def __init__(
        self, folder: Path, block_size: int = BLOCK_BYTES, waiting_rows: int = WAITING_ROWS
    ) -> None:
        self._folder = folder
        self._waiting_rows = waiting_rows
        self._block_size = block_size
        self._open: dict[tuple[str, int, int], _OpenFile] = {}

    def write(self, batch: EventBatch) -> None:
        """Append the events of `batch`; it lies within one block of the grid."""
        if not batch.events:
            return
        block = batch.first // self._block_size
        key = (batch.log, batch.partition, block)
        file = self._open.get(key)
        if file is None:
            file = self._open[key] = _OpenFile(self._folder, *key, batch.first)
        file.append(to_table(batch.events), batch.next)
        while sum(each.waiting for each in self._open.values()) > self._waiting_rows:
            max(self._open.values(), key=lambda each: each.waiting).flush()

    def close(self) -> None:
        """Finish every open file under its own name."""
        while self._open:
            self._open.popitem()[1].finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        while self._open:
            self._open.popitem()[1].discard()


class _OpenFile:
    """A file under way, under its passing name; `waiting` rows are not written yet."""

    def __init__(self, folder: Path, log: str, partition: int, block: int, first: int) -> None:
        self._folder = folder
        self._stretch = Stretch(log, partition, block, first, first)
        self._path = folder / f".{uuid4().hex}.parquet.part"
        self._writer: pq.ParquetWriter | None = None
        self._tables: list[pa.Table] = []
        self.waiting = 0

    def append(self, table: pa.Table, after: int) -> None:
        self._tables.append(table)
        self.waiting += table.num_rows
        self._stretch = self._stretch._replace(next=after)
        if self.waiting >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        if not self._tables:
            return
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            schema = self._tables[0].schema
            self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")
        self._writer.write_table(pa.concat_tables(self._tables))
        self._tables.clear()
        self.waiting = 0

    def finish(self) -> None:
        self.flush()
        if self._writer is not None:
            self._writer.close()
            self._path.replace(self._folder / self._stretch.file_name())

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._path.unlink(missing_ok=True)


def is_archive(path: Path) -> bool:
    """Whether `path` begins as a Parquet file does, or is called one and must then be readable."""
    with path.open("rb") as file:
        return path.suffix == ".parquet" or file.read(len(_MAGIC)) == _MAGIC


def read_archive(path: Path, rows: int = 4096) -> Iterator[EventBatch]:
    """The events of an archive file in batches; raises ReadError where it is damaged or foreign."""
    stretch = stretch_of(path) or Stretch(path.stem, 0, 0, 0, 0)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                if strange := _strange(batch):
                    raise ReadError(path, f"not an archive of events: {strange}")
                events = to_events(pa.Table.from_batches([batch]))
                yield EventBatch(
                    path.stem, stretch.log, stretch.partition, stretch.first, stretch.next, events
                )
    except (pa.ArrowException, OSError) as error:
        raise ReadError(path, f"not readable as Parquet: {error}") from error


def _strange(batch: pa.RecordBatch) -> str | None:
    """What rows of `batch` lack that every event has, or None."""
    for name, fits in _IDENTITY.items():
        index = batch.schema.get_field_index(name)
        if index < 0:
            return f"no column {name}"
        column = batch.column(index)
        if not fits(column.type):
            return f"column {name} is {column.type}"
        if column.null_count:
            return f"rows without {name}"
    return None


def covering(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The fewest of `stretches` that hold all that any of them holds, in order."""
    chosen: list[Stretch] = []
    ordered = sorted(stretches, key=lambda found: (found[:3], found.first, -found.next))
    for stretch in ordered:
        if chosen and chosen[-1][:3] == stretch[:3] and stretch.next <= chosen[-1].next:
            continue
        while (
            len(chosen) > 1 and chosen[-2][:3] == stretch[:3] and stretch.first <= chosen[-2].next
        ):
            chosen.pop()
        chosen.append(stretch)
    return chosen
