"""The `tocsin` command: its sub-commands, and how errors and interrupts end it.

Exit status: 0 all was done; 1 something was refused, unreadable or found wrong; 2 the command line
or the configuration is wrong; 130 interrupted. Results go to standard output, all else to standard
error.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from tocsin.pipelines.cli import backfill, demo, deploy, parse, rules, stream
from tocsin.pipelines.cli.terminal import error
from tocsin.pipelines.config import ConfigError
from tocsin.pipelines.connectors.files import ReadError

app = typer.Typer(
    name="tocsin",
    help="Logs in; ECS events and Sigma alerts out, live from Kafka or from archives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("backfill")(backfill.backfill)
app.command("stream")(stream.stream)
app.command("produce")(stream.produce)
app.command("parse")(parse.parse)
app.command("parsers")(parse.parsers)
app.add_typer(rules.app, name="rules")
app.add_typer(deploy.app, name="deploy")

INTERRUPTED = 130

LISTS = ("--rules",)
"""Options that take every word up to the next option: `--rules DIR FILE --events FILE`."""


def main() -> None:
    """Run the command in `sys.argv` and end the process with its exit status."""
    open_closed_streams()
    status = run(sys.argv[1:])
    if status == INTERRUPTED:
        os._exit(status)  # threads that are deep in native code still are not waited for
    sys.exit(status)


def open_closed_streams() -> None:
    """Give a process that was started without standard streams, as by `>&-`, empty ones."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  # kept open
            setattr(sys, name, stream)


def run(words: Sequence[str]) -> int:
    """Run the command that `words` spell; give its exit status."""
    try:
        app(spread_lists(words), prog_name="tocsin")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except ConfigError as problem:
        for line in problem.problems:
            error(line)
        return 2
    except ReadError as problem:
        error(str(problem))
        return 1
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        place = "" if problem.filename is None else f"{problem.filename}: "
        error(f"{place}{problem.strerror or problem}")
        return 1
    return 0


def spread_lists(words: Sequence[str]) -> list[str]:
    """`words` with each list option repeated before each of its values, as the parser wants it.

    `--rules a b --events f` becomes `--rules a --rules b --events f`.
    """
    spread: list[str] = []
    option: str | None = None
    fresh = False
    for word in words:
        if word in LISTS:
            option, fresh = word, True
            spread.append(word)
        elif word.startswith("-") and word != "-":
            option = None
            spread.append(word)
        else:
            if option is not None and not fresh:
                spread.append(option)
            spread.append(word)
            fresh = False
    return spread
