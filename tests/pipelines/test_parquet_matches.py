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
title: List
id: list
logsource: {product: one}
detection: {s: {L|startswith: x}, condition: s}
"""

texts = st.sampled_from(["", "x", "y", "z", "1", "a Needle", "-" * 300 + "x", "-" * 300 + "needle"])
COLUMNS = {
    "F": (pa.string(), texts),
    "G": (pa.string(), texts),
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


@settings(max_examples=200)
@given(
    batch=st.lists(rows, max_size=12),
    size=st.integers(1, 5),
    repeating=st.booleans(),
    statistics=st.booleans(),
)
def test_rows_are_events_whatever_their_row_groups(
    detector: Detector,
    tmp_path_factory: pytest.TempPathFactory,
    batch: list[dict[str, Any]],
    size: int,
    repeating: bool,
    statistics: bool,
) -> None:
    """Columns may be stored as dictionaries or plain, and say how many nulls they hold or not."""
    path = tmp_path_factory.mktemp("parquet") / "events.parquet"
    pq.write_table(
        pa.Table.from_pylist(batch, SCHEMA),
        path,
        row_group_size=size,
        use_dictionary=repeating,
        write_statistics=statistics,
    )
    events = [{name: value for name, value in row.items() if value is not None} for row in batch]

    expected = [(row, rule.info.id) for row, rule in detector.match(events)]
    assert told(path, detector) == expected


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


def test_a_column_that_events_have_no_values_of_is_named(
    detector: Detector, tmp_path: Path
) -> None:
    """By its name and type."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"logsource.category": ["test"], "F": [b"x"]}), path)

    with pytest.raises(ReadError, match=r"x\.parquet: column `F`: .*, not binary"):
        told(path, detector)
