"""`tocsin demo`: a day of a small city, with nothing else installed."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tocsin.pipelines.cli.terminal import note


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the logs and the results.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option(help="Another seed is another day.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; else one a core.")] = None,
) -> None:
    """Make a day of a small city's logs, run the rules over them, show the alerts.

    About 200,000 records of four source groups, with one attack in them. The same seed gives the
    same bytes in alerts.ndjson, whatever the folder.

    \b
    tocsin demo
    tocsin demo --out /tmp/city --seed 7
    """
    from tocsin.pipelines.backfill import Backfill, run_backfill  # noqa: PLC0415
    from tocsin.pipelines.cli.summary import (  # noqa: PLC0415
        print_alerts,
        print_summary,
        progress_bar,
        save_report,
    )
    from tocsin.pipelines.demo.generate import generate  # noqa: PLC0415
    from tocsin.pipelines.demo.story import STORY  # noqa: PLC0415
    from tocsin.pipelines.inputs import plan_units  # noqa: PLC0415
    from tocsin.pipelines.transforms import EngineSpec  # noqa: PLC0415

    note(f"writing a day of logs to {out / 'logs'}")
    manifest = generate(out, seed)
    units, _ = plan_units([file.path for file in manifest.files], manifest.source_of, manifest.end)
    job = Backfill(tuple(units), EngineSpec(), out, workers or os.cpu_count() or 1)
    with progress_bar(sum(unit.size for unit in units), "detecting") as progress:
        result = run_backfill(job, progress)
    save_report(out / "report.html", "A day of Port Tarrow", result, job.engine.load(), STORY)
    print_alerts(result.alerts)
    print_summary(result, out)
