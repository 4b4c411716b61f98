"""Texts are found in the pages that they are stored in, or the chunk is left to Arrow."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.parquet_pages import Texts, UnsupportedChunkError, stored_texts

texts = st.lists(
    st.none() | st.text(max_size=4) | st.sampled_from(["", "Wörter", "x" * 40, "y" * 700]),
    max_size=40,
)
OPTIONS = st.fixed_dictionaries(
    {
        "compression": st.sampled_from(["none", "snappy", "gzip", "brotli", "zstd"]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "use_dictionary": st.booleans(),
        "dictionary_pagesize_limit": st.sampled_from([1, 64, 1 << 20]),
        "data_page_size": st.sampled_from([1, 64, 1 << 20]),
        "write_batch_size": st.sampled_from([1, 5, 1024]),
        "write_statistics": st.booleans(),
    }
)


def written(values: list[str | None], kind: pa.DataType, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"F": pa.array(values, kind)}), file, **options)
    return file.getvalue()


def chunk_of(file: bytes) -> pq.ColumnChunkMetaData:
    return pq.ParquetFile(io.BytesIO(file)).metadata.row_group(0).column(0)


def pages_of(file: bytes, *, is_nullable: bool = True) -> list[Texts]:
    return list(stored_texts(io.BytesIO(file), chunk_of(file), is_nullable=is_nullable))


@settings(max_examples=400)
@given(texts, st.sampled_from([pa.string(), pa.large_string()]), OPTIONS)
def test_each_text_stands_in_a_page_of_its_row(
    values: list[str | None], kind: pa.DataType, options: dict[str, Any]
) -> None:
    """Whatever the codec and version, of dictionaries that were given up on the way too."""
    pages = pages_of(written(values or [None], kind, **options))

    for row, text in enumerate(values):
        if text is not None:
            stored = len(text.encode()).to_bytes(4, "little") + text.encode()
            assert any(row in page.rows and stored in page.data for page in pages), text


@settings(max_examples=400)
@given(texts, OPTIONS)
def test_a_page_of_texts_tells_which_row_has_which(
    values: list[str | None], options: dict[str, Any]
) -> None:
    """All that are not null, in order."""
    options["use_dictionary"] = False
    pages = pages_of(written(values, pa.string(), **options))

    found = [each for page in pages for each in page.by_row() or ()]
    assert found == [(row, text.encode()) for row, text in enumerate(values) if text is not None]


def test_a_column_that_has_no_nulls_has_no_levels() -> None:
    """As its schema says that it must have a value."""
    file = io.BytesIO()
    schema = pa.schema([pa.field("F", pa.string(), nullable=False)])
    table = pa.table({"F": ["a", "bb"]}, schema)
    pq.write_table(table, file, use_dictionary=False, compression="none")

    (page,) = pages_of(file.getvalue(), is_nullable=False)
    assert page.data == b"\1\0\0\0a\2\0\0\0bb"
    assert page.by_row() == [(0, b"a"), (1, b"bb")]


def test_a_dictionary_does_not_tell_which_row_has_which() -> None:
    """The indices would, which are not read."""
    (page,) = pages_of(written(["a", "b", "a"], pa.string()))

    assert page.rows == range(3)
    assert page.by_row() is None


def test_many_nulls_and_values_in_turns_are_told_apart() -> None:
    """Levels are runs of one level, and packed bits where it changes often."""
    values = [None] * 100 + ["x"] * 100 + ["y", None, "z"] * 50
    (page,) = pages_of(written(values, pa.string(), use_dictionary=False))

    present = [*range(100, 200), *(200 + row for row in range(150) if row % 3 != 1)]
    assert [row for row, _ in page.by_row() or ()] == present


def test_a_page_tells_the_rows_that_may_have_its_texts() -> None:
    """Of a dictionary up to where it was given up, of a page of texts those within."""
    values = ["a", "bb", None, "ccc", "dddd"]
    options = {"dictionary_pagesize_limit": 10, "data_page_size": 1, "write_batch_size": 1}
    pages = pages_of(written(values, pa.string(), compression="none", **options))

    assert [page.rows for page in pages] == [range(2), range(2, 4), range(4, 5)]
    assert pages[0].data == b"\1\0\0\0a\2\0\0\0bb"
    assert pages[1].data.endswith(b"\3\0\0\0ccc")


def test_a_row_group_without_rows_has_no_texts() -> None:
    """As a table without rows is written."""
    file = written([], pa.string())

    assert chunk_of(file).num_values == 0
    assert pages_of(file) == []


@pytest.mark.parametrize(
    "options",
    [
        {"column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False},
        {"column_encoding": "DELTA_LENGTH_BYTE_ARRAY", "use_dictionary": False},
        {"compression": "lz4"},
    ],
)
def test_what_does_not_show_texts_is_left_to_arrow(options: dict[str, Any]) -> None:
    """Encodings that cut texts into pieces, and a codec of which there are two."""
    with pytest.raises(UnsupportedChunkError):
        pages_of(written(["needle", "needles"], pa.string(), **options))


@settings(max_examples=400)
@given(texts, OPTIONS, st.data())
def test_damage_is_left_to_arrow_or_not_met(
    values: list[str | None], options: dict[str, Any], data: st.DataObject
) -> None:
    """Any byte of a chunk may be another one."""
    file = written([*values, "x"], pa.string(), **options)
    chunk = chunk_of(file)
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(4, 4 + chunk.total_compressed_size - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        pages = list(stored_texts(io.BytesIO(damaged), chunk, is_nullable=True))
        found = [row for page in pages for row, _ in page.by_row() or ()]
    except UnsupportedChunkError:
        return
    assert all(row < chunk.num_values for row in found)


@pytest.mark.parametrize("kept", [4, 10, 40])
def test_a_chunk_that_is_cut_off_is_left_to_arrow(kept: int) -> None:
    """The file ends within a page or its header."""
    file = written(["needle"] * 3, pa.string(), use_dictionary=False)
    assert kept < 4 + chunk_of(file).total_compressed_size

    with pytest.raises(UnsupportedChunkError):
        list(stored_texts(io.BytesIO(file[:kept]), chunk_of(file), is_nullable=True))
