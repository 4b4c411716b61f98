"""Backfill: the bounded graph gives what the functions give, in the files that COMMANDS names."""

import gzip
import os
import shutil
from pathlib import Path

import orjson
import pytest

from tocsin.pipelines import stages
from tocsin.pipelines.backfill import Backfill, Result, run_backfill, share
from tocsin.pipelines.connectors.archive import read_archive
from tocsin.pipelines.connectors.files import inspect, read_batches, split
from tocsin.pipelines.inputs import ArchiveUnit, RawUnit, Unit, plan_units
from tocsin.pipelines.transforms import EngineSpec
from tocsin.schemas.records import Source
from tocsin.schemas.times import parse_time

RECEIVED = parse_time("2026-11-24T12:00:00Z")
SOURCE = Source("auth", "linux", organization="city")
LINES = [
    f"Nov 24 10:{minute:02}:{second:02} gw sshd[{minute}]: Failed password for root from "
    f"192.0.2.{minute % 3} port {second} ssh2\n".encode()
    for minute in range(50)
    for second in range(0, 60, 5)
]
ACCEPTED = b"Nov 24 10:50:00 gw sshd[9]: Accepted password for root from 192.0.2.1 port 9 ssh2\n"


def plan(path: Path, range_bytes: int | None = None) -> list[Unit]:
    units, problems = plan_units([path], lambda _: SOURCE, RECEIVED, range_bytes)
    assert problems == []
    return units


def documents(result: Result) -> list[object]:
    return [(alert.id, alert.document) for alert in result.alerts]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of guesses at a password, and the one that was right."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "auth.log").write_bytes(b"".join([*LINES, ACCEPTED, b"\n"]))
    return folder


@pytest.fixture(scope="module")
def once(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The result of one process over the whole file."""
    out = tmp_path_factory.mktemp("once")
    return run_backfill(Backfill(tuple(plan(logs)), EngineSpec(), out)), out


def test_the_graph_gives_what_the_functions_give(logs: Path, once: tuple[Result, Path]) -> None:
    """Beam adds nothing and loses nothing."""
    result, _ = once
    engine = EngineSpec().load()
    file = inspect(logs / "auth.log", RECEIVED)
    alerts, matches = [], []
    for batch in read_batches(SOURCE, split(file)[0]):
        found = stages.detect(stages.normalize(batch).events, engine)
        alerts += found.alerts
        matches += found.matches
    alerts += stages.correlate_history(matches, engine).alerts

    assert sorted(alert.id for alert in alerts) == sorted(alert.id for alert in result.alerts)
    assert any(alert.document["rule"]["name"] == "SSH password guessed" for alert in result.alerts)


def test_the_files_are_those_that_commands_names(once: tuple[Result, Path]) -> None:
    """Events as Parquet, alerts sorted by time and id with their `_id`, and nothing passing."""
    result, out = once

    alerts = [orjson.loads(line) for line in (out / "alerts.ndjson").read_bytes().splitlines()]
    events = [
        event for path in (out / "events").iterdir() for part in read_archive(path)
        for event in part.events
    ]  # fmt: skip
    assert [alert["_id"] for alert in alerts] == [alert.id for alert in result.alerts]
    assert alerts == sorted(alerts, key=lambda alert: (alert["@timestamp"], alert["_id"]))
    assert len(events) == len(LINES) + 1
    assert (out / "dead_letters.ndjson").read_bytes() == b""
    assert not (out / ".parts").exists()


def test_accounts_balance_by_source(once: tuple[Result, Path]) -> None:
    """Records = events + dead letters + filtered."""
    account = once[0].accounts["auth"]

    assert account["records"] == len(LINES) + 2
    assert account["events"] == len(LINES) + 1
    assert account["filtered"] == 1


@pytest.mark.slow
def test_ranges_and_processes_change_nothing(
    logs: Path, once: tuple[Result, Path], tmp_path: Path
) -> None:
    """Two processes over ranges of a file give the alerts of one over the whole."""
    units = plan(logs, range_bytes=9_000)

    result = run_backfill(Backfill(tuple(units), EngineSpec(), tmp_path, workers=2))

    assert len(units) > 4
    assert documents(result) == documents(once[0])


def test_the_archive_gives_the_same_alerts(once: tuple[Result, Path], tmp_path: Path) -> None:
    """Parquet of one run is the input of another."""
    units = plan(once[1] / "events")

    result = run_backfill(Backfill(tuple(units), EngineSpec(), tmp_path))

    assert all(isinstance(unit, ArchiveUnit) for unit in units)
    assert documents(result) == documents(once[0])


def test_a_compressed_file_gives_the_same_alerts(
    logs: Path, once: tuple[Result, Path], tmp_path: Path
) -> None:
    """Ids come from content, not from how it is stored."""
    packed = tmp_path / "auth.log.gz"
    packed.write_bytes(gzip.compress((logs / "auth.log").read_bytes()))

    result = run_backfill(Backfill(tuple(plan(packed)), EngineSpec(), tmp_path / "out"))

    assert documents(result) == documents(once[0])


def test_a_damaged_file_is_done_up_to_the_damage(logs: Path, tmp_path: Path) -> None:
    """Its readable records become events, and the result names it."""
    damaged = tmp_path / "auth.log.gz"
    damaged.write_bytes(gzip.compress((logs / "auth.log").read_bytes())[:-200])

    result = run_backfill(Backfill(tuple(plan(damaged)), EngineSpec(), tmp_path / "out"))

    assert result.problems == ((str(damaged), "the gzip stream is cut short"),)
    assert result.accounts["auth"]["events"] > 100


def test_an_archive_is_not_replaced_by_what_is_read_of_it(
    once: tuple[Result, Path], tmp_path: Path
) -> None:
    """A backfill of OUT/events into OUT would remove its input before it reads it."""
    out = tmp_path / "once"
    shutil.copytree(once[1], out)
    before = sorted(out.rglob("*"))

    with pytest.raises(OSError, match="to be replaced by the results"):
        run_backfill(Backfill(tuple(plan(out / "events")), EngineSpec(), out))

    assert sorted(out.rglob("*")) == before


def test_what_is_called_parquet_and_is_none_is_told(tmp_path: Path) -> None:
    """It is a damaged archive, and no log whose parser somebody forgot to name."""
    damaged = tmp_path / "2026-11-24.parquet"
    damaged.write_bytes(b"\x00" * 100)

    result = run_backfill(Backfill(tuple(plan(damaged)), EngineSpec(), tmp_path / "out"))

    ((path, reason),) = result.problems
    assert path == str(damaged)
    assert reason.startswith("not readable as Parquet")


def test_the_same_content_under_two_names_is_read_once(logs: Path, tmp_path: Path) -> None:
    """Two copies of a file would be the same events."""
    copy = tmp_path / "copy.log"
    copy.write_bytes((logs / "auth.log").read_bytes())

    units, _ = plan_units([logs / "auth.log", copy], lambda _: SOURCE)

    assert len(units) == 1


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing path, a folder without files and a pipe are problems, not silence."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "empty").mkdir()

    units, problems = plan_units([tmp_path / "gone", tmp_path / "empty", pipe], lambda _: SOURCE)

    assert units == []
    assert [str(problem) for problem in problems] == [
        f"{tmp_path}/gone: No such file or directory",
        f"{tmp_path}/empty: a folder without files",
        f"{pipe}: neither a file nor a folder",
    ]


def test_a_file_that_cannot_be_looked_at_does_not_stop_the_others(
    logs: Path, tmp_path: Path
) -> None:
    """A link to nothing is named, with what the system says."""
    copy = tmp_path / "auth.log"
    copy.write_bytes((logs / "auth.log").read_bytes())
    rotated = tmp_path / "auth.log.1"
    rotated.symlink_to("gone")

    units, problems = plan_units([tmp_path], lambda _: SOURCE)

    assert [unit.path for unit in units] == [copy]
    assert [str(problem) for problem in problems] == [f"{rotated}: No such file or directory"]


def test_work_is_shared_by_size(logs: Path) -> None:
    """Largest first, each to the shard that has the least."""
    file = inspect(logs / "auth.log")
    units = [RawUnit(SOURCE, span) for span in split(file, 1000)]

    shards = share(units, 3)

    sizes = [sum(unit.size for unit in shard) for shard in shards]
    assert sorted(unit.span.start for shard in shards for unit in shard) == [
        unit.span.start for unit in units
    ]
    assert max(sizes) - min(sizes) <= 1000
