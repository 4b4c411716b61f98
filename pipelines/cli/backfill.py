"""`tocsin backfill`: archives to events and alerts in a folder."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tocsin.parsers import PARSERS
from tocsin.pipelines.cli.options import (
    cache_folder,
    moment,
    organization_option,
    received_option,
    rules_option,
    source_of,
    timezone_option,
)
from tocsin.pipelines.cli.terminal import error, note_uncounted
from tocsin.pipelines.connectors.files import UnknownFormatError


def backfill(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Raw logs (`.gz` too), Parquet, or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made where it is missing.")],
    parser: Annotated[
        str | None,
        typer.Option(help="Format of the raw logs; else each file's name begins with it."),
    ] = None,
    organization: organization_option = "default",
    rules: rules_option = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core where it is not given.")
    ] = None,
    timezone: timezone_option = "UTC",
    received: received_option = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON document.")
    ] = False,
) -> None:
    """Run the rules over archived logs: the same events and alerts as live.

    In the folder OUT: events/ (Parquet), alerts.ndjson, dead_letters.ndjson, report.html.
    Exit status 1 where a file's format is unknown or it could not be read to its end; the rest is
    done all the same. 2 where no file's format is known.

    \b
    tocsin backfill firewall.log.gz --parser fortigate --out result
    tocsin backfill archive/2026-11 --out result --workers 8 --rules my-rules
    tocsin backfill result/events --out again --rules new-rules
    """
    from tocsin.pipelines.backfill import Backfill, run_backfill  # noqa: PLC0415
    from tocsin.pipelines.cli.summary import print_summary, progress_bar, save_report  # noqa: PLC0415
    from tocsin.pipelines.inputs import plan_units  # noqa: PLC0415
    from tocsin.pipelines.transforms import EngineSpec  # noqa: PLC0415

    when = moment(received, "--received")
    units, problems = plan_units(
        paths,
        lambda path: source_of(parser or parser_named(path), timezone, organization),
        when,
    )
    for problem in problems:
        error(str(problem))
    if not units and problems:
        unknown = all(isinstance(problem, UnknownFormatError) for problem in problems)
        raise typer.Exit(2 if unknown else 1)
    spec = EngineSpec(tuple(map(str, rules or ())), cache_folder=cache_folder())
    for refusal in spec.load().refusals:
        error(str(refusal))
    job = Backfill(tuple(units), spec, out, workers or os.cpu_count() or 1)
    with progress_bar(sum(unit.size for unit in units)) as progress:
        result = run_backfill(job, progress)
    for path, reason in result.problems:
        error(f"{path}: {reason}")
    unread = ((str(problem.path), problem.reason) for problem in problems)
    result = replace(result, problems=(*unread, *result.problems))
    save_report(out / "report.html", "Backfill", result, spec.load())
    print_summary(result, out, as_json=as_json)
    note_uncounted(result.uncounted, spec.load().correlations)
    if result.problems:
        raise typer.Exit(1)


def parser_named(path: Path) -> str:
    """The parser whose name that of `path` begins with; raises UnknownFormatError for none."""
    named = [name for name in PARSERS if path.name.lower().startswith(name)]
    if not named:
        reason = "unknown format: its name begins with no parser's (see `tocsin parsers`)"
        raise UnknownFormatError(path, f"{reason}; give --parser")
    return max(named, key=len)
