"""Matches by line: numbers, unreadable lines, nesting, and processes that share a file."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.pipelines import rule_matches
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.pipelines.rule_matches import match_file

RULES = """
title: Failed
id: failed
logsource: {product: ecs}
taxonomy: ecs
detection: {selection: {event.outcome: failure}, condition: selection}
---
title: Ann
id: ann
logsource: {product: ecs}
taxonomy: ecs
detection: {selection: {user.name: ann}, condition: selection}
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Two detections over ECS events."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    return load_engine([folder])


def matches(path, engine, errors, workers=1):
    found = match_file(path, engine.detector, errors, native=False, workers=workers)
    return list(found)


def test_matches_are_told_by_line_and_rule(engine, tmp_path):
    """Nested and dotted keys are one; a line counts if it is blank or no event, which is told."""
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"event": {"outcome": "failure"}, "user.name": "ann"}\n'
        "\n"
        '{"event.outcome": "success"}\n'
        "{\n"
        "[1]\n"
        '{"user": {"name": "Ann"}}'
    )
    errors: list[str] = []

    assert matches(path, engine, errors) == [(1, "ann"), (1, "failed"), (6, "ann")]
    assert len(errors) == 2
    assert errors[0].startswith(f"{path}:4: ")
    assert errors[1] == f"{path}:5: expected a JSON object"


def test_a_line_nested_too_deeply_is_told(engine, tmp_path):
    """And costs nothing but itself."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"a":' * 70 + "1" + "}" * 70 + '\n{"user.name": "ann"}\n')
    errors: list[str] = []

    assert matches(path, engine, errors) == [(2, "ann")]
    assert errors == [f"{path}:1: object nested deeper than 64 levels"]


def test_processes_that_share_a_file_tell_the_same(engine, tmp_path, monkeypatch):
    """Wherever the cuts fall: parts are cut at bytes, and lines are of all lengths."""
    path = tmp_path / "events.jsonl"
    lines = []
    for number in range(1000):
        user = "ann" if number % 7 == 0 else "bob"
        lines.append(f'{{"user.name": "{user}", "n": "{"x" * (number % 50)}"}}\n')
    lines[500] = "broken\n"
    path.write_text("".join(lines))
    one: list[str] = []
    three: list[str] = []
    packed: list[str] = []
    compressed = tmp_path / "events.jsonl.gz"
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(rule_matches, "BLOCK", 1_000)

    expected = [(number + 1, "ann") for number in range(0, 1000, 7)]
    assert matches(path, engine, one) == expected
    assert matches(path, engine, three, workers=3) == expected
    assert matches(compressed, engine, packed, workers=3) == expected
    assert one == three
    assert packed == [problem.replace(str(path), str(compressed)) for problem in one]
    assert one[0].startswith(f"{path}:501: ")


def test_compressed_and_empty_files(engine, tmp_path):
    """Nothing is in an empty file, and what is cut short is told."""
    compressed, empty = tmp_path / "events.jsonl.gz", tmp_path / "empty.jsonl"
    compressed.write_bytes(gzip.compress(b'{"user.name": "ann"}\n'))
    empty.touch()

    assert matches(compressed, engine, [], workers=2) == [(1, "ann")]
    assert matches(empty, engine, [], workers=2) == []
    compressed.write_bytes(compressed.read_bytes()[:-9])
    with pytest.raises(EOFError):
        matches(compressed, engine, [], workers=2)


def test_rows_of_parquet_are_its_lines(engine, tmp_path):
    """Counted from 1, as lines are."""
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table({"user.name": ["ann", None, "Ann"]}), path)

    assert matches(path, engine, []) == [(1, "ann"), (3, "ann")]
