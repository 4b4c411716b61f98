"""The archive: files named by what they hold, whole or not there at all."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors.archive import (
    ArchiveWriter,
    Stretch,
    covering,
    read_archive,
    stretch_of,
)
from tocsin.pipelines.connectors.files import ReadError
from tocsin.schemas.events import Event
from tocsin.schemas.records import EventBatch


def event(number: int) -> Event:
    return {
        "@timestamp": f"2026-11-24T10:00:{number:02}.000000Z",
        "event.id": f"e{number}",
        "organization.name": "city",
        "event.category": ["network"],
        "source.port": number,
    }


def batch(first: int, after: int, log: str = "log") -> EventBatch:
    return EventBatch("edge", log, 0, first, after, [event(n) for n in range(first, after)])


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    """Batches of one block are one file, which says what it holds."""
    with ArchiveWriter(tmp_path, block_size=100) as archive:
        archive.write(batch(0, 3))
        archive.write(batch(3, 5))

    (path,) = tmp_path.iterdir()
    assert stretch_of(path) == Stretch("log", 0, 0, 0, 5)
    assert [found for part in read_archive(path) for found in part.events] == [
        event(n) for n in range(5)
    ]


def test_no_file_crosses_a_line_of_the_grid(tmp_path: Path) -> None:
    """Batches of different blocks are different files."""
    with ArchiveWriter(tmp_path, block_size=4) as archive:
        archive.write(batch(2, 4))
        archive.write(batch(4, 6))

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["log_0_000000_2_4.parquet", "log_0_000001_4_6.parquet"]


def test_what_an_error_leaves_is_nothing(tmp_path: Path) -> None:
    """A file under way is discarded, so whatever has its name is whole."""

    def fail() -> None:
        with ArchiveWriter(tmp_path) as archive:
            archive.write(batch(0, 3))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_small_batches_share_a_row_group(tmp_path: Path) -> None:
    """A file of a thousand row groups would be read slowly for ever."""
    with ArchiveWriter(tmp_path, block_size=1000) as archive:
        for first in range(0, 60, 3):
            archive.write(batch(first, first + 3))

    (path,) = tmp_path.iterdir()
    assert pq.ParquetFile(path).num_row_groups == 1
    assert [found["event.id"] for part in read_archive(path) for found in part.events] == [
        f"e{n}" for n in range(60)
    ]


def test_what_waits_is_bounded_over_all_files(tmp_path: Path) -> None:
    """The file with the most rows that wait writes them, and only that one."""
    with ArchiveWriter(tmp_path, block_size=1000, waiting_rows=10) as archive:
        for first in range(0, 16, 4):
            archive.write(batch(first, first + 4))
        archive.write(batch(0, 2, log="other"))

    groups = {path.name: pq.ParquetFile(path).num_row_groups for path in sorted(tmp_path.iterdir())}
    assert groups == {"log_0_000000_0_16.parquet": 2, "other_0_000000_0_2.parquet": 1}


def test_writing_again_comes_to_the_same_file(tmp_path: Path) -> None:
    """A repeat replaces a file by its like."""
    for _ in range(2):
        with ArchiveWriter(tmp_path) as archive:
            archive.write(batch(0, 3))

    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """What is no Parquet raises ReadError with the path."""
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 and no more")

    with pytest.raises(ReadError, match=r"x\.parquet: not readable as Parquet"):
        list(read_archive(path))


IDENTITY = {
    "@timestamp": pa.array([0], pa.timestamp("us", "UTC")),
    "event.id": pa.array(["e0"]),
    "organization.name": pa.array(["city"]),
}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"price": pa.array([7])}, "no column @timestamp"),
        (IDENTITY | {"@timestamp": pa.array(["noon"])}, "column @timestamp is string"),
        (IDENTITY | {"event.id": pa.array([7])}, "column event.id is int64"),
        (IDENTITY | {"event.id": pa.array([None], pa.string())}, "rows without event.id"),
    ],
)
def test_parquet_of_something_else_is_no_archive(
    columns: dict[str, pa.Array], reason: str, tmp_path: Path
) -> None:
    """Rows that no alert could be named after raise ReadError with what they lack."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path)

    with pytest.raises(ReadError) as told:
        list(read_archive(path))
    assert str(told.value) == f"{path}: not an archive of events: {reason}"


def test_rows_that_say_which_event_they_are_make_an_archive(tmp_path: Path) -> None:
    """Other columns may be missing, as in an archive that somebody has thinned out."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(IDENTITY), path)

    (part,) = read_archive(path)
    assert part.events == [
        {
            "@timestamp": "1970-01-01T00:00:00.000000Z",
            "event.id": "e0",
            "organization.name": "city",
        }
    ]


def stretch(first: int, after: int) -> Stretch:
    return Stretch("log", 0, 0, first, after)


@pytest.mark.parametrize(
    ("stretches", "chosen"),
    [
        ([stretch(0, 9), stretch(0, 5)], [stretch(0, 9)]),
        ([stretch(0, 5), stretch(4, 9)], [stretch(0, 5), stretch(4, 9)]),
        (
            [stretch(0, 5), stretch(2, 7), stretch(4, 9)],
            [stretch(0, 5), stretch(4, 9)],
        ),
        ([stretch(0, 2), stretch(6, 9)], [stretch(0, 2), stretch(6, 9)]),
    ],
)
def test_readers_take_the_fewest_files_that_cover_a_block(
    stretches: list[Stretch], chosen: list[Stretch]
) -> None:
    """A smaller file beside one that holds it too is not read."""
    assert covering(stretches) == chosen


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=8))
def test_nothing_that_is_held_is_left_out(spans: list[tuple[int, int]]) -> None:
    """The chosen files hold every position that any file holds."""
    stretches = [stretch(first, first + length) for first, length in spans]

    def positions(files: list[Stretch]) -> set[int]:
        return {position for file in files for position in range(file.first, file.next)}

    assert positions(covering(stretches)) == positions(stretches)
