"""Raw files: every complete line becomes one record, whatever the file went through."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors import files
from tocsin.schemas.records import Source

SOURCE = Source("test", "linux")


def read(path: Path) -> list[bytes]:
    return [record.value for record in files.read_records(files.inspect(path))]


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"", []),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"no final line end", [b"no final line end"]),
        (b"crlf\r\nlf\n", [b"crlf", b"lf"]),
        (b"\n\nblank lines are records\n", [b"", b"", b"blank lines are records"]),
        (b"nul\x00inside\n", [b"nul\x00inside"]),
        ("vt\x0bff\x0cnel\x85ls\u2028one\n".encode(), ["vt\x0bff\x0cnel\x85ls\u2028one".encode()]),
        ("ünïcode\nzwei\n".encode("utf-16"), ["ünïcode".encode(), b"zwei"]),
    ],
)
def test_lines_end_at_line_feed_alone(tmp_path: Path, content: bytes, records: list[bytes]) -> None:
    """One record a line, whatever other separators stand in it."""
    path = tmp_path / "a.log"
    path.write_bytes(content)

    assert read(path) == records


def test_compression_changes_no_place(tmp_path: Path) -> None:
    """The same content has the same places, plain, compressed, or in two gzip members."""
    content = b"first\nsecond\n"
    plain, packed, members = (tmp_path / name for name in ("a", "b", "c"))
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    members.write_bytes(gzip.compress(b"first\n") + gzip.compress(b"second\n"))

    places = [
        [record.place for record in files.read_records(files.inspect(path, received=0))]
        for path in (plain, packed, members)
    ]

    digest = files.inspect(plain).digest
    assert places == [[f"file/{digest}/0", f"file/{digest}/6"]] * 3


def test_truncated_gzip_gives_its_complete_lines_and_says_so(tmp_path: Path) -> None:
    """The lines before the damage are read, then ReadError names the file."""
    lines = b"".join(
        b"line %d %s\n" % (n, bytes(str(hash(n) * 7919), "ascii")) for n in range(9999)
    )
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(lines)[:-2000])
    file = files.inspect(path)

    batches = files.read_batches(SOURCE, files.FileRange(file, 0, file.size))
    records = []
    with pytest.raises(files.ReadError, match=r"cut\.gz: the gzip stream is cut short"):
        for batch in batches:
            records += [record.value for record in batch.records]

    assert file.problem == "the gzip stream is cut short"
    assert len(records) > 5000
    assert lines.startswith(b"\n".join(records))


def test_garbage_after_gzip_is_reported(tmp_path: Path) -> None:
    """What follows the last member is no record."""
    path = tmp_path / "tail.gz"
    path.write_bytes(gzip.compress(b"one\n") + b"garbage")

    with pytest.raises(files.ReadError, match="not gzip from here on"):
        list(files.read_records(files.inspect(path)))


def test_bomb_is_stopped(tmp_path: Path) -> None:
    """A file that unpacks a thousandfold is read no further than the cap."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"A" * (100 << 20)))

    file = files.inspect(path)

    assert file.problem is not None
    assert "unpacks to over 200 times" in file.problem
    assert file.size <= (64 << 20) + (1 << 20)


def test_an_overlong_line_is_cut_and_its_neighbours_keep_their_places(tmp_path: Path) -> None:
    """A line of 5 MiB gives its first MiB; the next line is where it was."""
    path = tmp_path / "long.log"
    path.write_bytes(b"a\n" + b"x" * (5 << 20) + b"\nlast\n")

    records = list(files.read_records(files.inspect(path)))

    assert [len(record.value) for record in records] == [1, 1 << 20, 4]
    assert records[2].place.endswith(f"/{2 + (5 << 20) + 1}")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A path that is not there raises ReadError with the path."""
    with pytest.raises(files.ReadError, match=r"gone\.log: No such file"):
        files.inspect(tmp_path / "gone.log")


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=40),
    size=st.integers(1, 50),
    ended=st.booleans(),
)
def test_ranges_hold_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, ended: bool
) -> None:
    """However a file is split, its ranges together give exactly its records, in order."""
    path = tmp_path_factory.mktemp("ranges") / "a.log"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended else b""))
    file = files.inspect(path)
    if file.utf16 or file.compressed:
        return

    whole = list(files.read_records(file))
    parts = [
        record
        for span in files.split(file, size)
        for batch in files.read_batches(SOURCE, span)
        for record in batch.records
    ]

    assert parts == whole


def test_events_of_an_evtx_file_are_records(tmp_path: Path) -> None:
    """A binary event log gives a JSON text an event, compressed or not, at the same places."""
    corpora = os.environ.get("TOCSIN_CORPORA")
    found = sorted(Path(corpora or "").rglob("*.evtx")) if corpora else []
    if not found:
        pytest.skip("TOCSIN_CORPORA names no folder with .evtx files")
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(found[0].read_bytes()))

    records = list(files.read_records(files.inspect(found[0], received=0)))

    assert b'"Event"' in records[0].value
    assert [record.place.rpartition("/")[2] for record in records] == [
        str(number) for number in range(len(records))
    ]
    assert list(files.read_records(files.inspect(packed, received=0))) == records


def test_a_damaged_evtx_file_is_reported(tmp_path: Path) -> None:
    """The mark alone is no event log."""
    path = tmp_path / "broken.evtx"
    path.write_bytes(b"ElfFile\x00 and no more")

    with pytest.raises(files.ReadError, match=r"broken\.evtx"):
        list(files.read_records(files.inspect(path)))
