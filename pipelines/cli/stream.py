"""`tocsin stream` and `tocsin produce`: the live way, through Kafka into Elasticsearch."""

import logging
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.pipelines.cli.options import (
    cache_folder,
    config_option,
    moment,
    read_config,
    received_option,
    source_of,
    timezone_option,
)
from tocsin.pipelines.cli.servers import told
from tocsin.pipelines.cli.terminal import document, error, note
from tocsin.pipelines.config import Config

if TYPE_CHECKING:
    from tocsin.pipelines.engine import Engine
    from tocsin.pipelines.streaming import Stop


def stream(
    config: config_option = None,
    index: Annotated[
        int, typer.Option(min=0, help="Which of this machine's workers it is; one process each.")
    ] = 0,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when everything in Kafka is done.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="At the end print the counters as a JSON document.")
    ] = False,
    runner: Annotated[
        str | None, typer.Option(help="Run as a Beam graph on this runner, see docs/flink.md.")
    ] = None,
    beam_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- BEAM_OPTION", help="With --runner: options of Beam's own."),
    ] = None,
) -> None:
    """Run the rules over records as they arrive in Kafka; index events and alerts.

    Several workers share the partitions of the topics. SIGTERM drains and ends with status 0.

    \b
    tocsin stream --config tocsin.toml
    tocsin stream --config tocsin.toml --index 1
    tocsin stream --config tocsin.toml --until-idle --json
    tocsin stream --config tocsin.toml --runner PortableRunner -- --job_endpoint=flink:8099
    """
    if runner is None and beam_options:
        raise typer.BadParameter(f"{beam_options[0]}: options of Beam's need --runner")
    if runner is not None and (until_idle or as_json):
        raise typer.BadParameter("--until-idle and --json are a worker's, not a runner's")
    with _stopped_by_signals() as stop:
        settings = read_config(config)
        if not settings.sources:
            raise typer.BadParameter(
                f"{config or 'the default configuration'} names no [[source]]",
                param_hint="--config",
            )
        if runner is None:
            _run_worker(settings, f"{socket.gethostname()}-{index}", stop, until_idle, as_json)
        else:
            _run_graph(settings, stop, [f"--runner={runner}", *(beam_options or ())])


@contextmanager
def _stopped_by_signals() -> Iterator["Stop"]:
    """A wish to end that SIGTERM and SIGINT express, as long as the context holds."""
    from tocsin.pipelines.streaming import Stop  # noqa: PLC0415

    stop = Stop()
    before = {
        number: signal.signal(number, lambda *_: stop.request())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _load(settings: Config) -> "Engine":
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415

    engine = load_engine(
        [Path(name) for name in settings.rules.directories],
        exclude=settings.rules.exclude,
        placeholders=dict(settings.rules.placeholders),
        cache_folder=cache_folder(),
    )
    for refusal in engine.refusals:
        error(str(refusal))
    return engine


def _run_worker(
    settings: Config, instance: str, stop: "Stop", until_idle: bool, as_json: bool
) -> None:
    from tocsin.pipelines.metrics import (  # noqa: PLC0415
        ALERTS,
        MATCHES,
        Counters,
        accounts,
        total,
    )
    from tocsin.pipelines.streaming import StreamError, run_stream  # noqa: PLC0415

    engine = _load(settings)
    counters = Counters()
    try:
        run_stream(
            settings, engine, instance, stop, counters=counters, alarm=error, until_idle=until_idle
        )
    except StreamError as problem:
        error(str(problem))
        raise typer.Exit(1) from None
    if as_json:
        counts = counters.snapshot()
        document(
            {
                "alerts": total(counts, ALERTS),
                "matches": total(counts, MATCHES),
                "partitions": [
                    {"source": source, "partition": partition, **asdict(account)}
                    for source, partition, account in accounts(counts)
                ],
            }
        )


def _run_graph(settings: Config, stop: "Stop", arguments: list[str]) -> None:
    """The stream as a Beam graph; Beam is slow to import, and a worker never needs it."""
    from tocsin.pipelines.stream import plan_job, run_on_runner  # noqa: PLC0415
    from tocsin.pipelines.streaming import StreamError  # noqa: PLC0415

    # Each worker of the graph loads the rules again; what is refused is to be told here.
    _load(settings)
    logging.basicConfig(format="tocsin: %(message)s")
    # Beam warns of every option that only the runner knows, and passes it on.
    logging.getLogger("apache_beam.options.pipeline_options").setLevel(logging.ERROR)
    with told(settings):
        job = plan_job(settings, f"{socket.gethostname()}-{time.time_ns() // 1_000_000_000}")
    try:
        run_on_runner(job, arguments, lambda: stop.requested, error)
    except StreamError as problem:
        error(str(problem))
        raise typer.Exit(1) from None


def produce(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Raw logs, `.gz` too.")],
    topic: Annotated[str, typer.Option(help="Topic that the records go to; made if missing.")],
    config: config_option = None,
    parser: Annotated[
        str | None,
        typer.Option(help="Format, to merge several files by time; else in the order given."),
    ] = None,
    timezone: timezone_option = "UTC",
    received: received_option = None,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of a new topic.")] = 4,
    end: Annotated[
        bool, typer.Option(help="End the history: an end record on each partition.")
    ] = True,
) -> None:
    """Put files into Kafka, each record with its place and record time in headers.

    A source with place = "header" and history = true makes the same events of them as a backfill.
    Exit status 1 where a file could not be read to its end.

    \b
    tocsin produce --topic raw.firewall fortigate.log.gz
    tocsin produce --topic raw.mail --parser postfix mail.log.1 mail.log
    """
    from tocsin.pipelines import stages  # noqa: PLC0415
    from tocsin.pipelines.connectors import kafka  # noqa: PLC0415
    from tocsin.pipelines.connectors import produce as producing  # noqa: PLC0415
    from tocsin.pipelines.connectors.files import inspect  # noqa: PLC0415
    from tocsin.pipelines.streaming import cluster_of  # noqa: PLC0415

    time_of = None
    if parser is not None:
        time_of = partial(stages.time_of, source=source_of(parser, timezone, "default"))
    when = moment(received, "--received")
    logs = [inspect(path, when) for path in files]
    settings = read_config(config)
    cluster = cluster_of(settings)
    with told(settings):
        with closing(kafka.open_admin(cluster)) as admin:
            with suppress(kafka.TopicError):  # one that is there keeps its own partitions
                kafka.create_topic(admin, topic, partitions)
            count = kafka.partition_count(admin, topic)
        producer = kafka.open_producer(cluster)
        try:
            done = producing.produce(producer, topic, count, logs, time_of=time_of, end=end)
        finally:
            kafka.close_producer(producer)
    note(f"{done.records} records in {topic}")
    for problem in done.problems:
        error(problem)
    if done.problems:
        raise typer.Exit(1)
