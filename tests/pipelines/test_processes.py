"""Processes that share work end when the work does, or the one that started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tocsin.pipelines.processes import map_forked, run_shares, tell

SCRIPT = """
import sys, time
from pathlib import Path
from tocsin.pipelines.processes import map_forked, run_shares

def work(path: Path) -> None:
    path.touch()
    time.sleep(120)

if __name__ == "__main__":
    shares = [Path(name) for name in sys.argv[2:]]
    if sys.argv[1] == "spawned":
        run_shares(work, shares, print)
    else:
        list(map_forked(work, shares, len(shares)))
"""
SECONDS = 30


def alive(group: int) -> list[int]:
    """The processes of a process group that run still."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended while we looked
        if int(own_group) == group and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def wait_until_none(group: int) -> None:
    until = time.monotonic() + SECONDS
    while alive(group):
        assert time.monotonic() < until, f"still there: {alive(group)}"
        time.sleep(0.05)


@pytest.fixture(params=["spawned", "forked"])
def sharing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with two that share its work and have begun, in a group of their own."""
    script = tmp_path / "sharing.py"
    script.write_text(SCRIPT)
    marks = [tmp_path / "first", tmp_path / "second"]
    process = subprocess.Popen(
        [sys.executable, script, request.param, *marks],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + SECONDS
    while not all(mark.exists() for mark in marks):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    yield process
    for left in alive(process.pid):
        os.kill(left, signal.SIGKILL)
    process.communicate()


def test_results_come_in_the_order_of_the_shares() -> None:
    """Whichever process ends first."""
    assert run_shares(abs, [-5, 7], lambda _: None) == [5, 7]


def test_progress_is_what_the_processes_tell() -> None:
    """All of it, by the time that all are done."""
    progress: list[int] = []
    run_shares(tell, [5, 7], progress.append)

    assert sorted(progress) == [5, 7]


def test_the_failure_of_one_ends_the_others() -> None:
    """The caller hears of it at once, not when the longest share is done."""
    begun = time.monotonic()

    with pytest.raises(ValueError, match="non-negative"):
        run_shares(time.sleep, [120, -1], lambda _: None)

    assert time.monotonic() - begun < 60


def test_forked_processes_inherit_the_work() -> None:
    """Nothing is sent to them but shares, so that a closure does; results come in order."""
    table = {2: "two", 3: "three"}

    assert list(map_forked(lambda share: table[share], [3, 2, 3], 2)) == ["three", "two", "three"]


def test_shares_without_end_are_taken_as_results_are() -> None:
    """A few ahead of them, so that a pipe may be longer than the memory is large."""
    taken = count()
    results = map_forked(abs, iter(taken.__next__, None), 2)

    assert [next(results) for _ in range(20)] == list(range(20))
    assert next(taken) < 40
    results.close()


def test_a_spawned_process_that_dies_is_told() -> None:
    """By an error of the system, which commands tell in a line."""
    with pytest.raises(ChildProcessError, match="has died"):
        run_shares(os._exit, [9, 9], lambda _: None)


def test_the_failure_of_a_forked_process_ends_the_others() -> None:
    """A process that dies is told like one that raises; nobody waits for it forever."""
    begun = time.monotonic()

    with pytest.raises(ValueError, match="non-negative"):
        list(map_forked(time.sleep, [-1, 120], 2))
    with pytest.raises(ChildProcessError, match="has died"):
        list(map_forked(lambda code: os._exit(code) if code else time.sleep(120), [9, 0], 2))

    assert time.monotonic() - begun < 60


def test_forked_processes_end_though_their_starter_answers_sigterm_otherwise() -> None:
    """They inherit its handlers, and a handler that only notes the wish to end must not hold them."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        results = map_forked(time.sleep, [0, 120], 2)
        next(results)
        begun = time.monotonic()
        results.close()
        assert time.monotonic() - begun < 60
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_an_interrupt_ends_all_and_only_the_starter_tells(
    sharing: subprocess.Popen[str], whole_group: bool
) -> None:
    """Ctrl-C in a terminal reaches the whole group, `kill -INT` one process: it is the same."""
    (os.killpg if whole_group else os.kill)(sharing.pid, signal.SIGINT)
    _, told_by_all = sharing.communicate(timeout=SECONDS)
    wait_until_none(sharing.pid)

    assert told_by_all.count("Traceback") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_whose_starter_is_gone_end(
    sharing: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Not even kill -9 leaves somebody at work for nobody."""
    sharing.send_signal(number)
    sharing.wait(SECONDS)

    wait_until_none(sharing.pid)
