"""`tocsin rules`: check, test, run and explain detection and correlation rules."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.pipelines.cli.options import rules_option
from tocsin.pipelines.cli.terminal import document, error, note

app = typer.Typer(help="Check, test, run and explain rules.", no_args_is_help=True)

paths_argument = Annotated[
    list[Path] | None,
    typer.Argument(help="Files and directories of rules; else the shipped ones."),
]


@app.command()
def check(
    paths: paths_argument = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a refused rule.")
    ] = False,
) -> None:
    r"""Load rules and say which are refused, by path, line and reason.

    Exit status 1 where a rule is refused.

    \b
    tocsin rules check
    tocsin rules check my-rules/ other.yml
    """
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415

    engine = load_engine(paths or [])
    for refusal in engine.refusals:
        if as_json:
            document({"path": refusal.path, "line": refusal.line, "reason": refusal.reason})
        else:
            error(str(refusal))
    for warning in engine.correlations.warnings:
        note(f"warning: {warning}")
    detections, correlations = len(engine.rules.detections), len(engine.correlations.rules)
    note(
        f"{detections} detections and {correlations} correlations accepted, "
        f"{len(engine.refusals)} refused"
    )
    if engine.refusals:
        raise typer.Exit(1)


@app.command()
def run(
    events: Annotated[Path, typer.Option(help="One JSON event a line; - is standard input.")],
    rules: rules_option = None,
    matches: Annotated[
        bool, typer.Option("--matches", help="Print line and rule of each match, no alerts.")
    ] = False,
    native: Annotated[
        bool, typer.Option("--native", help="Events carry their source's own field names.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print only the number of matches or alerts.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that match.")] = 1,
) -> None:
    r"""Evaluate rules over a file of events, in event time, and print the alerts.

    One JSON alert a line, sorted by @timestamp and _id, whatever the order of the events. Refused
    rules and unreadable lines are told on standard error and do not change the exit status.

    \b
    tocsin rules run --rules my-rules --events events.jsonl
    tocsin parse linux auth.log | tocsin rules run --events -
    tocsin rules run --rules windows/ --events sysmon.jsonl --native --matches
    """
    from tocsin.pipelines import rule_run  # noqa: PLC0415
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415

    engine = load_engine(rules or [], native=native)
    for refusal in engine.refusals:
        error(str(refusal))
    errors: list[str] = []
    name = str(events)
    with rule_run.open_events(events) as stream:
        lines = rule_run.read_lines(stream, name, errors, native=native)
        if matches or quiet:
            found = rule_run.match_lines(lines, engine)
            if quiet:
                print(sum(1 for _ in found))  # noqa: T201
            else:
                for number, rule in found:
                    document({"line": number, "rule": rule})
        else:
            for alert in rule_run.alert_lines(lines, name, engine, errors):
                document({"_id": alert.id, **alert.document})
    for problem in errors:
        error(problem)
