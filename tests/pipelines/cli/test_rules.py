"""`tocsin rules`: refused rules are named, results alone go to standard output."""

import gzip
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.pipelines.cli.main import run
from tocsin.pipelines.cli.options import cache_folder

RULE = """title: Root
id: 22222222-2222-4222-8222-222222222222
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {user.name: root}
  condition: selection
"""
BROKEN = RULE.replace("user.name:", "user.name|contians:").replace("2222-4222", "2222-4333")
EVENT = {
    "@timestamp": "2026-11-24T10:00:00Z",
    "event": {"category": ["authentication"], "id": "e1"},
    "user": {"name": "root"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good rule, a broken one, and a file of two events of which one matches."""
    (tmp_path / "good.yml").write_text(RULE)
    (tmp_path / "broken.yml").write_text(BROKEN)
    other = EVENT | {"user": {"name": "ann"}}
    (tmp_path / "events.jsonl").write_bytes(orjson.dumps(other) + b"\n" + orjson.dumps(EVENT))
    return tmp_path


def test_rules_are_kept_as_they_were_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By all commands alike, and what changes is seen."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert run(["rules", "check", str(folder)]) == 1
    (entry,) = (tmp_path / "home" / "tocsin").iterdir()
    assert run(["rules", "run", "--rules", str(folder), "--events", "/dev/null"]) == 0
    assert list((tmp_path / "home" / "tocsin").iterdir()) == [entry]

    (folder / "broken.yml").write_text(RULE.replace("2222-4222", "2222-4333"))
    capfd.readouterr()
    assert run(["rules", "check", str(folder)]) == 0
    assert "2 detections" in capfd.readouterr().err


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As services may be; a relative folder is as none given."""
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/someone"))
    assert cache_folder() == Path("/home/someone/.cache/tocsin")

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder() is None


def test_check_names_what_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`path:line: reason` on standard error, exit status 1; as JSON on request."""
    assert run(["rules", "check", str(folder)]) == 1
    told = capfd.readouterr()
    assert "broken.yml:6: " in told.err
    assert "contians" in told.err
    assert told.out == ""

    assert run(["rules", "check", str(folder), "--json"]) == 1
    assert orjson.loads(capfd.readouterr().out)["line"] == 6


@pytest.mark.parametrize("command", ["check", "migrate", "test"])
def test_a_directory_without_files_is_told(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A job whose folder is mistyped fails: status 1, the folder and what was expected there."""
    assert run(["rules", command, str(tmp_path)]) == 1

    what = "test files (*.test.yml)" if command == "test" else "rule files (*.yml, *.yaml)"
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == f"tocsin: {tmp_path}: no {what} below this directory"


def test_the_shipped_rules_are_all_accepted(capfd: pytest.CaptureFixture[str]) -> None:
    """Without paths the rules that come with Tocsin are checked."""
    assert run(["rules", "check"]) == 0
    assert " 0 refused" in capfd.readouterr().err


def test_run_goes_on_without_what_is_refused(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0, the alert on standard output, the refusal on standard error."""
    words = ["rules", "run", "--rules", str(folder), "--events", str(folder / "events.jsonl")]
    assert run(words) == 0

    told = capfd.readouterr()
    alert = orjson.loads(told.out)
    assert alert["rule"]["name"] == "Root"
    assert alert["_id"]
    assert "broken.yml:6: " in told.err


def test_run_tells_matches_by_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--matches` gives line and rule, `--quiet` only how many."""
    files = [str(folder / "good.yml"), str(folder / "broken.yml")]
    words = ["rules", "run", "--rules", *files, "--events", str(folder / "events.jsonl")]
    assert run([*words, "--matches"]) == 0
    assert capfd.readouterr().out == ('{"line":2,"rule":"22222222-2222-4222-8222-222222222222"}\n')

    assert run([*words, "--matches", "--quiet"]) == 0
    assert capfd.readouterr().out == "1\n"


def test_rows_of_parquet_are_matched_and_nothing_else(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By their number; alerts want whole events and their ids."""
    path = folder / "events.parquet"
    columns = {"event.category": ["authentication"] * 3, "user.name": ["ann", "ROOT", None]}
    pq.write_table(pa.table(columns), path)
    words = ["rules", "run", "--rules", str(folder / "good.yml"), "--events", str(path)]

    assert run([*words, "--matches"]) == 0
    assert orjson.loads(capfd.readouterr().out) == {
        "line": 2,
        "rule": "22222222-2222-4222-8222-222222222222",
    }
    assert run(words) == 2
    assert "Parquet is read for --matches" in capfd.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["run", "--matches"], ["run", "--quiet"], ["run"], ["cost"], ["explain", "Root"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("content", "reason"),
    [(gzip.compress(b"{}\n")[:-9], "cut short"), (b"{}\n", "not gzip")],
    ids=["truncated", "plain"],
)
def test_a_damaged_file_of_events_is_named(
    folder: Path,
    command: list[str],
    content: bytes,
    reason: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One message with the place and what is wrong, exit status 1, whatever is done with it."""
    events = folder / "events.jsonl.gz"
    events.write_bytes(content)
    words = ["--rules", str(folder / "good.yml"), "--events", str(events)]
    assert run(["rules", *command, *words]) == 1

    told = capfd.readouterr().err
    assert told.startswith(f"tocsin: {events}: ")
    assert reason in told
    assert len(told.splitlines()) == 1


def test_explain_shows_the_condition_as_a_tree(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """For each event yes or no at every item."""
    words = ["--rules", str(folder / "good.yml"), "--events", str(folder / "events.jsonl")]
    assert run(["rules", "explain", "Root", *words]) == 0

    shown = capfd.readouterr().out
    first, _, second = shown.partition(f"{folder / 'events.jsonl'}:2\n")
    assert "no " in first
    assert "`root`" in second
    assert "no " not in second


def test_explain_wants_one_rule(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A name that no rule has ends with status 2."""
    words = ["--rules", str(folder / "good.yml"), "--events", "-"]
    assert run(["rules", "explain", "Toor", *words]) == 2
    assert "0 detections are called 'Toor'" in capfd.readouterr().err


def test_the_pipeline_is_one_that_pysigma_takes(capfd: pytest.CaptureFixture[str]) -> None:
    """What is printed is what `sigma convert -p` reads."""
    from sigma.processing.pipeline import ProcessingPipeline

    assert run(["rules", "pipeline"]) == 0
    assert ProcessingPipeline.from_yaml(capfd.readouterr().out).items


def test_run_tells_what_correlations_could_not_count(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By rule, on standard error, so that an empty result can be understood."""
    (folder / "many.yml").write_text(
        "title: Many\ncorrelation: {type: event_count, group-by: [host.name], timespan: 5m,"
        " rules: [22222222-2222-4222-8222-222222222222], condition: {gte: 2}}\n"
    )
    words = ["rules", "run", "--rules", str(folder), "--events", str(folder / "events.jsonl")]

    assert run(words) == 0
    told = capfd.readouterr()
    assert told.out == ""
    assert "Many: 1 matches lack a field that it groups by" in told.err


OLD = RULE.replace("condition: selection", "condition: selection | count() by user.name > 5") + (
    "  timeframe: 5m\n"
)


def test_migrate_keeps_the_folders_of_the_rules(tmp_path: Path) -> None:
    """Two files of one name in two folders become two files again."""
    for name in ("linux", "windows"):
        (tmp_path / "old" / name).mkdir(parents=True)
        (tmp_path / "old" / name / "root.yml").write_text(OLD)
    new = tmp_path / "new"

    assert run(["rules", "migrate", str(tmp_path / "old"), "--out", str(new)]) == 0

    assert sorted(path.relative_to(new).as_posix() for path in new.rglob("*.yml")) == [
        "linux/root.yml",
        "windows/root.yml",
    ]


def test_migrate_does_not_write_over_what_it_reads(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file may hold other rules, which would be gone."""
    rule = tmp_path / "root.yml"
    rule.write_text(OLD)

    assert run(["rules", "migrate", str(rule), "--out", str(tmp_path)]) == 1

    assert rule.read_text() == OLD
    assert f"{rule}: would be replaced" in capfd.readouterr().err


def test_migrate_reads_the_files_that_are_loaded_as_rules(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both endings of YAML; not tests beside rules, and nothing of hidden folders."""
    for name in ("a.yaml", "a.test.yml", ".git/b.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(OLD)

    assert run(["rules", "migrate", str(tmp_path)]) == 0

    assert capfd.readouterr().out.count("event_count") == 1


def test_migrate_names_what_is_no_rule(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read as YAML is told by path and line, with status 1."""
    (tmp_path / "broken.yml").write_text("title: [open\n")
    (tmp_path / "root.yml").write_text(OLD)

    assert run(["rules", "migrate", str(tmp_path)]) == 1

    told = capfd.readouterr()
    assert f"{tmp_path / 'broken.yml'}:2: not YAML" in told.err
    assert "event_count" in told.out


def test_check_warns_of_what_may_mean_something_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A warning names file and line, and does not make the check fail."""
    (tmp_path / "few.yml").write_text(
        f"{RULE}---\ntitle: Few\ncorrelation: {{type: event_count, timespan: 5m,"
        " rules: [22222222-2222-4222-8222-222222222222], condition: {lt: 3}}\n"
    )

    assert run(["rules", "check", str(tmp_path)]) == 0
    told = capfd.readouterr().err
    assert f"warning: {tmp_path / 'few.yml'}:9: a condition with lt, lte or neq" in told
