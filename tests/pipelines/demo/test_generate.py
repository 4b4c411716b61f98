"""The demo's day: reproducible to the byte, of the promised size, in formats that parse whole."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tocsin.pipelines import stages
from tocsin.pipelines.demo.generate import PARSERS, Manifest, generate
from tocsin.schemas.records import Batch, Record

SEED_1 = "fed0774e0ab4b3f6414d37bde85bff57499a934dfb8a3056545f4ea000d947eb"


def digest(manifest: Manifest) -> str:
    """One digest over names and bytes of all files."""
    state = sha256()
    for file in manifest.files:
        state.update(file.path.name.encode() + b"\0" + file.path.read_bytes())
    return state.hexdigest()


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Manifest:
    """The day of seed 1."""
    return generate(tmp_path_factory.mktemp("day"), 1)


def test_a_seed_gives_the_same_bytes_everywhere(day: Manifest):
    """The bytes of seed 1 are known: they hang on no machine, Python, folder or clock."""
    assert digest(day) == SEED_1


def test_another_seed_is_another_day(day: Manifest, tmp_path: Path):
    """Seeds differ in their quiet records, and about as many come of each."""
    other = generate(tmp_path, 2)

    assert digest(other) != digest(day)
    assert abs(other.records - day.records) < 5_000


def test_the_day_has_about_two_hundred_thousand_records(day: Manifest):
    """Every log has its share, and the manifest counts the lines that are there."""
    assert 190_000 <= day.records <= 210_000
    assert {file.path.name for file in day.files} == {f"{name}.log" for name in PARSERS}
    for file in day.files:
        assert file.path.read_bytes().count(b"\n") == file.records > 100


def test_files_are_dated_by_the_end_of_the_day(day: Manifest):
    """Whoever reads the files by their own date comes to the same year and the same indices."""
    midnight = datetime(2026, 11, 18, tzinfo=UTC)

    assert day.end == 1_794_960_000_000_000
    assert {file.path.stat().st_mtime for file in day.files} == {midnight.timestamp()}


def test_the_story_only_adds_records(day: Manifest, tmp_path: Path):
    """Without the story the same quiet records are there, line by line."""
    quiet = generate(tmp_path, 1, story=False)

    added = 0
    for with_story, without in zip(day.files, quiet.files, strict=True):
        lines = with_story.path.read_bytes().splitlines()
        missing = set(without.path.read_bytes().splitlines()) - set(lines)
        assert not missing
        added += len(lines) - without.records
    assert added == day.records - quiet.records > 1_000


def test_every_line_is_of_the_day_and_of_its_format(day: Manifest):
    """A sample of each log parses without dead letters, and no event lies outside the day."""
    for file in day.files:
        lines = file.path.read_bytes().splitlines()
        records = [
            Record(line, f"{file.path.stem}/{number}", day.end)
            for number, line in enumerate(lines)
            if number % 37 == 0
        ]
        normalized = stages.normalize(Batch(day.source_of(file.path), records))

        assert normalized.dead_letters == []
        assert {event["@timestamp"][:10] for event in normalized.events} == {"2026-11-17"}
        assert not [event for event in normalized.events if "tags" in event]


def test_lines_stand_in_order_of_time(day: Manifest):
    """Each log is written as its source would: time never goes back within it."""
    for file in day.files:
        lines = file.path.read_bytes().splitlines()[::50]
        records = [Record(line, f"o/{n}", day.end) for n, line in enumerate(lines)]
        events = stages.normalize(Batch(day.source_of(file.path), records)).events
        seconds = [event["@timestamp"][:19] for event in events]
        assert seconds == sorted(seconds)
