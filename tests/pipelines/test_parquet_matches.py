"""Parquet gives the matches of its rows, whatever its row groups are."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.connectors.archive import ArchiveWriter
from tocsin.pipelines.connectors.files import ReadError
from tocsin.pipelines.detection.detector import Detector, compile_rules
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.parquet_matches import match_parquet
from tocsin.schemas.records import EventBatch

RULES = """
title: Text
id: text
logsource: {category: test}
detection: {s: {F|contains: [x, y]}, f: {G: [1, z]}, condition: s and not f}
---
title: Word
id: word
logsource: {category: test}
detection: {words: [needle], s: {N: null}, condition: words or s}
---
title: Other
id: other
logsource: {product: two}
detection: {words: [other], no: [needle], condition: words and not no}
---
title: List
id: list
logsource: {product: one}
detection: {s: {L|startswith: x}, condition: s}
"""

texts = st.sampled_from(["", "x", "y", "z", "1", "a Needle", "-" * 300 + "x", "-" * 300 + "needle"])
COLUMNS = {
    "F": (pa.string(), texts),
    "G": (pa.string(), texts),
    "K": (pa.large_string(), texts | st.sampled_from(["NEEDLES", "other", "é", "\u212a"])),
    "N": (pa.int64(), st.integers(-2, 2)),
    "L": (pa.list_(pa.string()), st.lists(st.none() | texts, max_size=2)),
    "logsource.category": (pa.string(), st.sampled_from(["test", "other"])),
    "logsource.product": (pa.string(), st.sampled_from(["one", "two"])),
}
rows = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in COLUMNS.items()})
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])


def detector_of(folder: Path, rules: str, *, native: bool) -> Detector:
    (folder / "rules.yml").write_text(rules)
    return compile_rules(load_rules([folder], native=native))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Rules over texts, lists, what is missing, and keywords."""
    return detector_of(tmp_path_factory.mktemp("rules"), RULES, native=True)


def told(path: Path, detector: Detector) -> list[tuple[int, str]]:
    return [(row, rule.info.id) for row, rule in match_parquet(path, detector)]


OPTIONS = st.fixed_dictionaries(
    {
        "row_group_size": st.integers(1, 5) | st.just(100),
        "compression": st.sampled_from(["none", "snappy", "gzip", "brotli", "zstd", "lz4"]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "use_dictionary": st.booleans(),
        "dictionary_pagesize_limit": st.sampled_from([1, 16, 1 << 20]),
        "data_page_size": st.sampled_from([8, 32, 1 << 20]),
        "write_batch_size": st.sampled_from([1, 3, 1024]),
        "write_statistics": st.booleans(),
    },
)


@settings(max_examples=400)
@given(batch=st.lists(rows, max_size=12), options=OPTIONS, delta=st.booleans())
def test_rows_are_events_whatever_their_row_groups(
    detector: Detector,
    tmp_path_factory: pytest.TempPathFactory,
    batch: list[dict[str, Any]],
    options: dict[str, Any],
    delta: bool,
) -> None:
    """Columns may be stored in any encoding, and say how many nulls they hold or not."""
    path = tmp_path_factory.mktemp("parquet") / "events.parquet"
    if delta:
        options |= {"use_dictionary": False, "column_encoding": {"K": "DELTA_BYTE_ARRAY"}}
    pq.write_table(pa.Table.from_pylist(batch, SCHEMA), path, **options)
    events = [{name: value for name, value in row.items() if value is not None} for row in batch]

    expected = [(row, rule.info.id) for row, rule in detector.match(events)]
    assert told(path, detector) == expected


def test_keywords_are_found_in_columns_that_nothing_else_reads(
    detector: Detector, tmp_path: Path
) -> None:
    """In whatever page, and only in the rows of the class that looks for them."""
    path = tmp_path / "events.parquet"
    columns = {
        "logsource.category": ["test", "test", "other", "test", None, "test"],
        "logsource.product": [None, "two", None, "two", "two", None],
        "K": ["x", "another", "needle", "other needle", "other", "needle"],
        "N": [1] * 6,
    }
    options = {"use_dictionary": False, "data_page_size": 1, "write_batch_size": 1}
    pq.write_table(pa.table(columns), path, **options)

    assert told(path, detector) == [(1, "other"), (3, "word"), (4, "other"), (5, "word")]


def test_keywords_are_looked_for_in_what_the_remainder_says(
    detector: Detector, tmp_path: Path
) -> None:
    """It counts where it names a field that has a column."""
    path = tmp_path / "events.parquet"
    columns = {
        "logsource.category": ["test"] * 3,
        "K": ["needle", "x", "needle"],
        "N": [1] * 3,
        "remainder": ['{"K": "x"}', '{"K": "needle"}', None],
    }
    pq.write_table(pa.table(columns), path, use_dictionary=False)

    assert told(path, detector) == [(1, "word"), (2, "word")]


def test_rows_are_numbered_through_all_row_groups(detector: Detector, tmp_path: Path) -> None:
    """As if the file were one table."""
    path = tmp_path / "events.parquet"
    columns = {"logsource.product": ["one"] * 5, "L": [["x"], ["y"], None, ["y", "xx"], ["X"]]}
    pq.write_table(pa.table(columns), path, row_group_size=2)

    assert told(path, detector) == [(0, "list"), (3, "list"), (4, "list")]


def test_the_archive_is_parquet_too(tmp_path: Path) -> None:
    """Fields that have a column and those that have none."""
    rule = """
title: Ann
id: ann
logsource: {product: windows, service: security}
detection: {s: {TargetUserName: ann, MemberName: web}, condition: s}
"""
    events = [
        {
            "winlog.channel": "Security",
            "winlog.event_data.MemberName": "web",
            "winlog.event_data.TargetUserName": user,
        }
        for user in ("bob", "Ann")
    ]
    with ArchiveWriter(tmp_path / "events") as archive:
        archive.write(EventBatch("edge", "log", 0, 0, 2, events))
    (path,) = (tmp_path / "events").iterdir()

    assert told(path, detector_of(tmp_path, rule, native=False)) == [(1, "ann")]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"{}\n"])
def test_a_damaged_file_is_named(detector: Detector, tmp_path: Path, content: bytes) -> None:
    """What is no Parquet raises ReadError with the path."""
    path = tmp_path / "x.parquet"
    path.write_bytes(content)

    with pytest.raises(ReadError, match=r"x\.parquet: not readable as Parquet"):
        told(path, detector)


def test_a_damaged_column_that_only_keywords_need_is_told(
    detector: Detector, tmp_path: Path
) -> None:
    """Its pages are not taken for pages without a keyword."""
    path = tmp_path / "x.parquet"
    table = pa.table({"logsource.category": ["test"] * 3, "K": ["x", "needle", "y"]})
    pq.write_table(table, path, use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    start, end = chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size
    content[start:end] = b"\xff" * (end - start)
    path.write_bytes(content)

    with pytest.raises(ReadError, match=r"x\.parquet: not readable as Parquet"):
        told(path, detector)


def test_texts_that_arrow_makes_no_dictionaries_of_are_read(
    detector: Detector, tmp_path: Path
) -> None:
    """As other writers store texts that begin alike."""
    path = tmp_path / "x.parquet"
    table = pa.table({"logsource.category": ["test"] * 2, "F": ["xa", "b"], "G": ["2", "z"]})
    encodings = {"F": "DELTA_BYTE_ARRAY", "G": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(table, path, use_dictionary=False, column_encoding=encodings)

    assert told(path, detector) == [(0, "text"), (0, "word"), (1, "word")]


def test_a_column_that_events_have_no_values_of_is_named(
    detector: Detector, tmp_path: Path
) -> None:
    """By its name and type."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"logsource.category": ["test"], "F": [b"x"]}), path)

    with pytest.raises(ReadError, match=r"x\.parquet: column `F`: .*, not binary"):
        told(path, detector)


def test_a_name_of_two_columns_is_told(detector: Detector, tmp_path: Path) -> None:
    """A field has one value."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table([["x"], ["y"]], names=["F", "F"]), path)

    with pytest.raises(ReadError, match=r"x\.parquet: column `F`: .* found 2"):
        told(path, detector)
