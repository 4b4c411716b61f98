"""`tocsin backfill` and `tocsin demo` as users call them."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tocsin.pipelines.cli.main import run

INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from tocsin.pipelines.cli.main import main; main()"
)
"""The command, also where tests were started in the background, which ignores interrupts."""

LINE = "Nov 24 10:00:00 gw sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2\n"


def test_a_backfill_leaves_its_files_and_a_summary(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The parser follows from the file's name; the summary is JSON on request."""
    (tmp_path / "linux-gw.log").write_text(LINE * 3)
    out = tmp_path / "out"

    assert run(["backfill", str(tmp_path / "linux-gw.log"), "--out", str(out), "--json"]) == 0

    summary = orjson.loads(capfd.readouterr().out)
    assert (summary["records"], summary["events"], summary["dead_letters"]) == (3, 3, 0)
    assert {path.name for path in out.iterdir()} == {
        "events", "alerts.ndjson", "dead_letters.ndjson", "report.html",
    }  # fmt: skip


def test_a_missing_file_does_not_stop_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the exit status is 1."""
    (tmp_path / "linux.log").write_text(LINE)
    words = [str(tmp_path / "gone.log"), str(tmp_path / "linux.log")]

    assert run(["backfill", *words, "--out", str(tmp_path / "out"), "--json"]) == 1

    told = capfd.readouterr()
    assert "gone.log: No such file or directory" in told.err
    assert orjson.loads(told.out)["events"] == 1


@pytest.mark.slow
def test_an_interrupt_in_the_midst_is_status_130_without_a_trace(tmp_path: Path) -> None:
    """Ctrl-C where the one worker is this process, in the depth of a Beam graph."""
    (tmp_path / "linux.log").write_text("".join(LINE.replace("7", str(n)) for n in range(300_000)))
    out = tmp_path / "out"
    words = ["backfill", tmp_path / "linux.log", "--out", out, "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not any(out.glob("events/.*.part")):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


@pytest.mark.slow
def test_a_file_of_unknown_format_does_not_stop_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is named with what was expected, counted in the summary, and the exit status is 1."""
    (tmp_path / "logs" / "old").mkdir(parents=True)
    (tmp_path / "logs" / "README").write_text("what these are\n")
    (tmp_path / "logs" / "linux.log").write_text(LINE)
    (tmp_path / "logs" / "old" / "linux.log").write_text(LINE * 2)
    words = ["backfill", str(tmp_path / "logs"), "--out", str(tmp_path / "out")]

    assert run([*words, "--json"]) == 1

    told = capfd.readouterr()
    reason = (
        f"{tmp_path}/logs/README: unknown format: its name begins with no parser's "
        "(see `tocsin parsers`); give --parser"
    )
    assert told.err == f"tocsin: {reason}\n"
    summary = orjson.loads(told.out)
    assert (summary["records"], summary["events"]) == (3, 3)
    assert summary["problems"] == [reason]

    assert run(words) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "1 file not read, or not to its end"


def test_where_no_format_is_known_nothing_is_begun(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command line lacks --parser: status 2, and results of an earlier run stay."""
    (tmp_path / "messages").write_text(LINE)

    assert run(["backfill", str(tmp_path / "messages"), "--out", str(tmp_path / "out")]) == 2

    told = capfd.readouterr()
    assert told.out == ""
    assert "messages: unknown format" in told.err
    assert "give --parser" in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_demo_is_the_same_bytes_in_two_folders(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Same seed, same alerts.ndjson, whatever the folder, what stands in it, and the processes."""
    digests = []
    for name, workers in (("one", "1"), ("two", "2")):
        (tmp_path / name / "logs").mkdir(parents=True)
        (tmp_path / name / "logs" / "mine.log").write_text("somebody's own")
        assert run(["demo", "--out", str(tmp_path / name), "--workers", workers]) == 0
        assert (tmp_path / name / "logs" / "mine.log").exists()
        content = (tmp_path / name / "alerts.ndjson").read_bytes()
        digests.append(hashlib.blake2b(content).hexdigest())
        assert str(tmp_path).encode() not in content

    assert digests[0] == digests[1]
    assert "alerts; results in" in capfd.readouterr().out
