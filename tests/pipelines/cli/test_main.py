"""The command line behaves like the tools its users know."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tocsin.pipelines.cli.main import app, run, spread_lists
from tocsin.pipelines.cli.terminal import safe

REPOSITORY = Path(__file__).parents[3]


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*words, name))


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` answers on standard output with exit status 0."""
    assert run([*words, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_reference(words: tuple[str, ...]) -> None:
    """docs/commands.md has a heading for each command."""
    if words:
        assert f"\n## `tocsin {' '.join(words)}`" in (REPOSITORY / "docs/commands.md").read_text()


def test_help_loads_no_runner() -> None:
    """Nobody waits for Beam, Kafka or Elasticsearch to read a help page."""
    code = (
        "import sys; from tocsin.pipelines.cli.main import run; run(['--help']);"
        "print(sorted({'apache_beam', 'kafka', 'elasticsearch', 'hyperscan'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_empty_ones(streams: str) -> None:
    """As a cron job or a service manager may start it."""
    code = "from tocsin.pipelines.cli.main import main; main()"
    command = f'"$0" -c "{code}" parse linux - {streams}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        input="Nov 24 10:00:00 gw sshd[7]: Connection closed\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_ends_the_command_in_silence(tmp_path: Path) -> None:
    """`| head` gets its lines, and no trace follows them."""
    line = "Nov 24 10:00:00 gw sshd[7]: Connection closed by 192.0.2.7 port 22\n"
    (tmp_path / "auth.log").write_text(line * 20_000)
    code = "from tocsin.pipelines.cli.main import main; main()"
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -c "{code}" parse linux auth.log | head -1', sys.executable],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_an_unknown_command_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is told in one line and ends with 2."""
    assert run(["prase"]) == 2
    assert "No such command 'prase'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "spread"),
    [
        (["--rules", "a", "b", "--events", "f"], ["--rules", "a", "--rules", "b", "--events", "f"]),
        (["p", "--out", "o", "--rules", "a"], ["p", "--out", "o", "--rules", "a"]),
        (["--rules", "a", "-"], ["--rules", "a", "--rules", "-"]),
    ],
)
def test_a_list_option_takes_every_word_up_to_the_next_option(
    words: list[str], spread: list[str]
) -> None:
    """`--rules PATH…` is what COMMANDS promises."""
    assert spread_lists(words) == spread


def test_control_characters_are_shown_not_sent() -> None:
    """An escape sequence or a direction override in a record cannot act on a terminal."""
    assert safe("a\x1b[31mb\u202ec\nd") == r"a\x1b[31mb\u202ec\nd"
