"""`tocsin rules`: check, test, run and explain detection and correlation rules."""

import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import Annotated

import typer

from tocsin.pipelines.cli.options import cache_folder, rules_option
from tocsin.pipelines.cli.terminal import document, error, note, note_uncounted
from tocsin.pipelines.connectors.files import ReadError

app = typer.Typer(help="Check, test, run and explain rules.", no_args_is_help=True)

paths_argument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Files and directories of rules; else the shipped ones."),
]


@app.command()
def check(
    paths: paths_argument = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a refused rule.")
    ] = False,
) -> None:
    """Load rules and say which are refused, by path, line and reason.

    Exit status 1 where a rule is refused, or a directory holds none.

    \b
    tocsin rules check
    tocsin rules check my-rules/ other.yml
    """
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415

    engine = load_engine(paths or [], cache_folder=cache_folder())
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
    events: Annotated[
        Path,
        typer.Option(
            help="One JSON event a line, - is standard input; for matches also a Parquet file."
        ),
    ],
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
    """Evaluate rules over a file of events, in event time, and print the alerts.

    One JSON alert a line, sorted by @timestamp and _id, whatever the order of the events. Refused
    rules, unreadable lines and how many matches correlations could not count are told on standard
    error and do not change the exit status.

    \b
    tocsin rules run --rules my-rules --events events.jsonl
    tocsin parse linux auth.log | tocsin rules run --events -
    tocsin rules run --rules windows/ --events sysmon.jsonl --native --matches
    """
    from tocsin.pipelines import rule_run  # noqa: PLC0415
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415
    from tocsin.pipelines.rule_matches import match_file  # noqa: PLC0415

    if events.suffix == ".parquet" and not (matches or quiet):
        raise typer.BadParameter(
            f"{events}: Parquet is read for --matches and --quiet alone", param_hint="--events"
        )
    engine = load_engine(rules or [], native=native, cache_folder=cache_folder())
    for refusal in engine.refusals:
        error(str(refusal))
    if engine.rules.skipped:
        note(f"{len(engine.rules.skipped)} rules over ECS fields skipped, as events are native")
    errors: list[str] = []
    name = str(events)
    if matches or quiet:
        found = match_file(events, engine.detector, errors, native=native, workers=workers)
        with _damage_named(events):
            if quiet:
                print(sum(1 for _ in found))  # noqa: T201
            else:
                for number, rule in found:
                    document({"line": number, "rule": rule})
    else:
        with _damage_named(events), rule_run.open_events(events) as stream:
            lines = rule_run.read_lines(stream, name, errors, native=native)
            done = rule_run.alert_lines(lines, name, engine, errors)
        for alert in done.alerts:
            document({"_id": alert.id, **alert.document})
        note_uncounted(done.uncounted, engine.correlations)
    for problem in errors:
        error(problem)


@app.command("test")
def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Test files, or directories of rules; else the shipped rules."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a test.")
    ] = False,
) -> None:
    """Run the tests that stand beside rules, from raw lines to alerts.

    Exit status 1 where a test fails, a rule is refused, or a PATH has no tests.

    \b
    tocsin rules test
    tocsin rules test my-rules/ssh_brute_force.test.yml
    """
    from tocsin.pipelines.engine import SHIPPED, load_engine  # noqa: PLC0415
    from tocsin.pipelines.rule_tests import (  # noqa: PLC0415
        RuleTestError,
        load_rule_tests,
        run_rule_test,
    )

    places = paths or [SHIPPED]
    try:
        tests = load_rule_tests(places)
    except RuleTestError as failure:
        error(str(failure))
        raise typer.Exit(1) from failure
    folders = [place if place.is_dir() else place.parent for place in places]
    engine = load_engine(list(dict.fromkeys(folders)), cache_folder=cache_folder())
    for refusal in engine.refusals:
        error(str(refusal))
    failed = 0
    for case in tests:
        problems = run_rule_test(case, engine)
        failed += bool(problems)
        if as_json:
            document({"test": str(case), "passed": not problems, "problems": problems})
        for problem in () if as_json else problems:
            error(f"{case}: {problem}")
    note(f"{len(tests) - failed} passed, {failed} failed")
    if failed or engine.refusals:
        raise typer.Exit(1)


@app.command()
def explain(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="A detection's name or title, or how its id begins."),
    ],
    events: Annotated[Path, typer.Option(help="One JSON event a line; - is standard input.")],
    rules: rules_option = None,
    line: Annotated[
        int | None, typer.Option(min=1, help="Only the event on this line; else each.")
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Events carry their source's own field names.")
    ] = False,
) -> None:
    """Show why a detection matches an event or not: its condition as a tree of yes and no.

    \b
    tocsin rules explain 5af54681 --rules windows/ --events one.jsonl
    tocsin parse linux auth.log | tocsin rules explain "Root shell by sudo" --events - --line 3
    """
    from tocsin.pipelines import rule_run  # noqa: PLC0415
    from tocsin.pipelines.detection.explain import explain as explain_rule  # noqa: PLC0415
    from tocsin.pipelines.detection.explain import lines  # noqa: PLC0415
    from tocsin.pipelines.detection.store import stored_rules  # noqa: PLC0415
    from tocsin.pipelines.engine import SHIPPED  # noqa: PLC0415

    loaded = stored_rules(rules or [SHIPPED], cache_folder(), native=native)
    chosen = [
        found
        for found in loaded.detections
        if rule in (found.info.name, found.info.title) or found.info.id.startswith(rule)
    ]
    if len(chosen) != 1:
        refused = next((str(told) for told in loaded.refusals if rule in str(told)), "")
        reason = f"{len(chosen)} detections are called {rule!r}" + (refused and f"; {refused}")
        raise typer.BadParameter(reason, param_hint="RULE")
    errors: list[str] = []
    with _damage_named(events), rule_run.open_events(events) as stream:
        for found in rule_run.read_lines(stream, str(events), errors, native=native):
            if line in (None, found.number):
                print(f"{events}:{found.number}")  # noqa: T201
                for text in lines(explain_rule(chosen[0], found.event)):
                    print(text)  # noqa: T201
    for problem in errors:
        error(problem)


@app.command()
def cost(
    events: Annotated[Path, typer.Option(help="One JSON event a line; - is standard input.")],
    rules: rules_option = None,
    native: Annotated[
        bool, typer.Option("--native", help="Events carry their source's own field names.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rules to show, the costliest first.")] = 20,
) -> None:
    """Show what each detection costs by itself over a file of events.

    Microseconds of processor time an event, matches, rule id and title. Of rules that run together
    most of the work is shared.

    \b
    tocsin rules cost --rules windows/ --events sysmon.jsonl --native
    """
    from tocsin.pipelines import rule_run  # noqa: PLC0415
    from tocsin.pipelines.detection.store import stored_rules  # noqa: PLC0415
    from tocsin.pipelines.engine import SHIPPED  # noqa: PLC0415
    from tocsin.pipelines.rule_cost import rule_costs  # noqa: PLC0415

    loaded = stored_rules(rules or [SHIPPED], cache_folder(), native=native)
    errors: list[str] = []
    with _damage_named(events), rule_run.open_events(events) as stream:
        found = rule_run.read_lines(stream, str(events), errors, native=native)
        read = [line.event for line in found]
    for each in rule_costs(loaded, read)[:top]:
        info = each.rule.info
        print(f"{each.microseconds:10.2f} us {each.matches:8} {info.id}  {info.title}")  # noqa: T201
    for problem in errors:
        error(problem)


@app.command()
def pipeline() -> None:
    """Print Sigma's names for our events as one pySigma pipeline, in YAML.

    \b
    tocsin rules pipeline > tocsin.yml
    sigma convert -t lucene -p tocsin.yml rule.yml
    """
    from tocsin.schemas.sigma_pipeline import pipeline_yaml  # noqa: PLC0415

    sys.stdout.write(pipeline_yaml())


@app.command()
def migrate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or directories.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the new rules; else standard output.")
    ] = None,
    timespan: Annotated[
        str | None, typer.Option(help="Timespan of rules that name no timeframe, such as 1h.")
    ] = None,
) -> None:
    """Rewrite rules of the old form `| count() by …` as detections and a correlation.

    Rules of today's form are passed over. Exit status 1 where a rule cannot be rewritten or a
    directory holds none; the reason is told.

    \b
    tocsin rules migrate old.yml
    tocsin rules migrate old-rules/ --out new-rules/ --timespan 1h
    """
    from tocsin.pipelines.correlation.migrate import MigrationError, is_old, to_yaml  # noqa: PLC0415
    from tocsin.pipelines.correlation.migrate import migrate as rewrite  # noqa: PLC0415
    from tocsin.pipelines.detection.documents import read_documents  # noqa: PLC0415
    from tocsin.pipelines.detection.load import read_files  # noqa: PLC0415

    failed = 0
    for file in read_files(paths):
        if file.refusal is not None:
            failed += 1
            error(str(file.refusal))
            continue
        written = []
        for read in read_documents(file.data):
            if read.error is not None:
                failed += 1
                error(f"{file.place}:{read.error.line}: {read.error.reason}")
            if read.body is None or not is_old(read.body):
                continue
            try:
                written += rewrite(read.body, timespan=timespan)
            except MigrationError as failure:
                failed += 1
                error(f"{file.place}:{read.line}: {failure}")
        target = None if out is None else out / file.path
        if not written:
            continue
        if target is None:
            sys.stdout.write(f"---\n{to_yaml(written)}")
        elif target.exists() and target.samefile(file.place):
            failed += 1
            error(f"{file.place}: would be replaced by what is made of it; give another --out")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(to_yaml(written), encoding="utf-8")
    if failed:
        raise typer.Exit(1)


@contextmanager
def _damage_named(events: Path) -> Iterator[None]:
    """Damage of a compressed file as ReadError, which names the file."""
    try:
        yield
    except EOFError as damage:
        raise ReadError(events, "the gzip stream is cut short") from damage
    except (BadGzipFile, zlib.error) as damage:
        raise ReadError(events, f"not gzip: {damage}") from damage
