"""How a run is shown: its progress, its alerts as a table, and the accounts that balance."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tocsin.pipelines.alerts.documents import entity
from tocsin.pipelines.cli.terminal import document, safe
from tocsin.pipelines.engine import Engine
from tocsin.pipelines.report.page import write_report
from tocsin.pipelines.report.summary import Step, Summary
from tocsin.schemas.alerts import Alert

if TYPE_CHECKING:
    from tocsin.pipelines.backfill import Result

STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}

PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe, where there is no edge to keep to."""

TOTALS = ("records", "events", "dead_letters", "filtered")


@contextmanager
def progress_bar(total: int, what: str = "reading") -> Iterator[Callable[[int], None]]:
    """A function to be told bytes read; it draws a bar where standard error is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


def print_alerts(alerts: tuple[Alert, ...], most: int | None = None) -> None:
    """The alerts as a table on standard output: time, level, rule, entity, reason.

    An alert is a line, cut to the width; whole they stand in the results and the report.
    """
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("time", width=19)
    table.add_column("level", width=8)
    for column, ratio in (("rule", 4), ("entity", 3), ("reason", 4)):
        table.add_column(column, ratio=ratio, no_wrap=True)
    shown = alerts if most is None else alerts[:most]
    for alert in shown:
        found = alert.document
        rule = found["rule"]
        level = found["tocsin"]["rule"]["level"]
        table.add_row(
            found["@timestamp"][:19].replace("T", " "),
            Text(level, STYLES.get(level, "")),
            safe(rule["name"]),
            safe(entity(found)),
            safe(_evidence(found["event"]["reason"], rule["name"])),
        )
    console.print(table)
    if len(shown) < len(alerts):
        console.print(f"… and {len(alerts) - len(shown)} more")


def _evidence(reason: str, rule: str) -> str:
    """`reason` without the `rule` and entity that it begins with, as these have columns."""
    after = reason.removeprefix(rule)
    return reason if after == reason else after.partition(": ")[2] or reason


def save_report(
    path: Path, title: str, result: "Result", engine: Engine, story: Sequence[Step] = ()
) -> None:
    """The HTML report of a run: its alerts, accounts and, where it is known, the story."""
    rules = {rule.info.id: rule.info.title for rule in engine.rules.detections}
    rules |= {rule.id: rule.info.title for rule in engine.correlations.rules}
    alerts = [{"_id": alert.id, **alert.document} for alert in result.alerts]
    write_report(path, Summary(title, alerts, result.accounts, rules, story))


def print_summary(result: "Result", out: Path, *, as_json: bool = False) -> None:
    """What became of the records, by source and in all, and where the results are."""
    totals = {
        name: sum(account.get(name, 0) for account in result.accounts.values()) for name in TOTALS
    }
    if as_json:
        document(
            {
                **totals,
                "alerts": len(result.alerts),
                "sources": result.accounts,
                "problems": [f"{path}: {reason}" for path, reason in result.problems],
                "out": str(out),
            }
        )
        return
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source")
    for name in TOTALS:
        table.add_column(name.replace("_", " "), justify="right")
    for source, account in result.accounts.items():
        if account.get("records"):
            table.add_row(safe(source), *(f"{account.get(name, 0):,}" for name in TOTALS))
    table.add_row("all", *(f"{totals[name]:,}" for name in TOTALS), style="bold")
    console.print(table)
    console.print(f"\n{len(result.alerts):,} alerts; results in {safe(str(out))}")
    if result.problems:
        files = len({path for path, _ in result.problems})
        what = "1 file not read, or not to its end"
        console.print(what if files == 1 else f"{files:,} files not read, or not to their end")


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else PLAIN_WIDTH, highlight=False, markup=False)
