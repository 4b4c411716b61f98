"""`tocsin backfill`: archives through the same stages as the stream, as two bounded Beam graphs.

    units ─▶ Read ─▶ Normalize ─▶ Detect ─▶ alerts, matches          one in each process
                         │  └─▶ archive
                         └─▶ dead letters

    matches ─▶ CorrelateHistory ─▶ alerts                            one

Locally the first graph runs in several processes, over files and ranges of files, because Beam's
own local runner cannot safely use two cores; the parts that they leave are the shuffle between the
graphs. On another runner each graph runs once, over a folder that all its workers share. What is
done twice comes to the same documents.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tocsin.pipelines.connectors import parts
from tocsin.pipelines.connectors.archive import ArchiveWriter, read_archive
from tocsin.pipelines.connectors.dead_letters import encode_dead_letter
from tocsin.pipelines.connectors.files import ReadError, read_batches
from tocsin.pipelines.connectors.parts import PartWriter
from tocsin.pipelines.inputs import ArchiveUnit, RawUnit, Unit
from tocsin.pipelines.transforms import (
    DEAD_LETTERS,
    MATCHES,
    CorrelateHistory,
    Detect,
    EngineSpec,
    Normalize,
    count,
)
from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, EventBatch

Accounts = Mapping[str, Mapping[str, int]]
"""Counters by source: records = events + dead_letters + filtered holds for each."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is run over what: `units` of work, the rules, and the folder for the results."""

    units: tuple[Unit, ...]
    engine: EngineSpec
    out: Path
    workers: int = 1

    @property
    def events(self) -> Path:
        """The folder of the Parquet files."""
        return self.out / "events"

    @property
    def parts(self) -> Path:
        """The folder of what processes leave for each other; gone when all is done."""
        return self.out / ".parts"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a backfill: its alerts in order, accounts by source, and damaged files."""

    alerts: tuple[Alert, ...]
    accounts: Accounts
    problems: tuple[tuple[str, str], ...]


def run_backfill(
    job: Backfill,
    progress: Callable[[int], None] = lambda _: None,
    runner: PipelineOptions | None = None,
) -> Result:
    """Run `job` here with as many processes as it has workers, or as `runner` says.

    `progress` is told how many bytes were read since it was last told. Results of an earlier run
    in the same folder are replaced.
    """
    _clear(job)
    accounts: Counter[tuple[str, str]] = Counter()
    shards = share(job.units, job.workers)
    if runner is not None:
        accounts += run_graph(partial(detect_graph, job=job, units=job.units), runner)
    elif len(shards) == 1:
        accounts += _run_shard(job, shards[0], progress)
    else:
        for done in _run_shards(job, shards, progress):
            accounts += done
    accounts += run_graph(partial(correlate_graph, job=job), runner)
    return _finish(job, accounts)


def share(units: Iterable[Unit], workers: int) -> list[list[Unit]]:
    """`units` dealt to at most `workers` shards of about equal size, the largest first."""
    shards: list[list[Unit]] = [[] for _ in range(workers)]
    sizes = [0] * workers
    for unit in sorted(units, key=lambda unit: -unit.size):
        least = sizes.index(min(sizes))
        shards[least].append(unit)
        sizes[least] += unit.size
    return [shard for shard in shards if shard] or [[]]


def detect_graph(pipeline: beam.Pipeline, job: Backfill, units: Iterable[Unit]) -> None:
    """Records of `units` to events, single-event alerts, matches and dead letters."""
    raw = [unit for unit in units if isinstance(unit, RawUnit)]
    archived = [unit for unit in units if isinstance(unit, ArchiveUnit)]
    normalized = (
        pipeline
        | "Raw" >> beam.Create(raw)
        | "Read" >> beam.ParDo(_ReadRaw(job.parts))
        | "Normalize" >> Normalize()
    )
    stored = (
        pipeline
        | "Archived" >> beam.Create(archived)
        | "ReadArchive" >> beam.ParDo(_ReadArchive(job.parts))
    )
    events = (normalized.events, stored) | "Events" >> beam.Flatten()
    detected = events | "Detect" >> Detect(job.engine)

    normalized.events | "Archive" >> beam.ParDo(_WriteArchive(job.events))
    _write(normalized[DEAD_LETTERS], job.parts, "dead-letters", encode_dead_letter)
    _write(detected.alerts, job.parts, "alerts", parts.encode_alert)
    _write(detected[MATCHES], job.parts, "matches", parts.encode_match)


def correlate_graph(pipeline: beam.Pipeline, job: Backfill) -> None:
    """The matches that the first graph left, to the alerts of correlations."""
    alerts = (
        pipeline
        | "Parts" >> beam.Create([job.parts])
        | "ReadMatches" >> beam.FlatMap(_read_matches)
        | "Correlate" >> CorrelateHistory(job.engine)
    )
    _write(alerts, job.parts, "alerts", parts.encode_alert)


def run_graph(
    build: Callable[[beam.Pipeline], None], options: PipelineOptions | None = None
) -> Counter[tuple[str, str]]:
    """Build a graph, run it to its end, and give its counters by (source, name)."""
    pipeline = beam.Pipeline(options=options) if options else beam.Pipeline(FnApiRunner())
    build(pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query()["counters"]
    return Counter(
        {(found.key.metric.namespace, found.key.metric.name): found.result for found in counters}
    )


def _run_shards(
    job: Backfill, shards: list[list[Unit]], progress: Callable[[int], None]
) -> Iterator[Counter[tuple[str, str]]]:
    """Run each shard in a process of its own; gives their counters when all are done."""
    context = get_context("spawn")
    told = context.SimpleQueue()
    with ProcessPoolExecutor(len(shards), context, _tell_through, (told.put,)) as pool:
        running = [pool.submit(_run_shard, job, shard, None) for shard in shards]
        while not all(shard.done() for shard in running):
            while not told.empty():
                progress(told.get())
            wait(running, timeout=0.2)
        while not told.empty():
            progress(told.get())
        for shard in running:
            yield shard.result()


_tell: Callable[[int], None] = lambda _: None  # noqa: E731
"""Where this process tells its progress: a reader in a Beam graph can be handed no callback."""


def _tell_through(tell: Callable[[int], None]) -> None:
    global _tell  # noqa: PLW0603
    _tell = tell


def _run_shard(
    job: Backfill, units: list[Unit], tell: Callable[[int], None] | None
) -> Counter[tuple[str, str]]:
    if tell is not None:
        _tell_through(tell)
    return run_graph(partial(detect_graph, job=job, units=units))


class _ReadRaw(beam.DoFn):  # type: ignore[misc]
    """Units to batches of records; of a damaged file what is readable, and a line that says so."""

    def __init__(self, parts: Path) -> None:
        self._parts = parts

    def setup(self) -> None:
        self._problems = PartWriter(self._parts, "problems")

    def process(self, unit: RawUnit) -> Iterator[Batch]:
        told = unit.span.start
        try:
            for batch in read_batches(unit.source, unit.span):
                yield batch
                _tell(batch.next - told)
                told = batch.next
        except ReadError as error:
            self._problems.write([orjson.dumps((str(error.path), error.reason))])
        _tell(unit.span.end - told)


class _ReadArchive(beam.DoFn):  # type: ignore[misc]
    """Archive files to batches of events."""

    def __init__(self, parts: Path) -> None:
        self._parts = parts

    def setup(self) -> None:
        self._problems = PartWriter(self._parts, "problems")

    def process(self, unit: ArchiveUnit) -> Iterator[EventBatch]:
        try:
            for batch in read_archive(unit.path):
                count(batch.source, "records", len(batch.events))
                count(batch.source, "events", len(batch.events))
                yield batch
        except ReadError as error:
            self._problems.write([orjson.dumps((str(error.path), error.reason))])
        _tell(unit.size)


class _WriteArchive(beam.DoFn):  # type: ignore[misc]
    """Batches of events to Parquet; a bundle's files are whole when it is finished."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._writer = ArchiveWriter(self._folder)

    def process(self, batch: EventBatch) -> None:
        self._writer.write(batch)

    def finish_bundle(self) -> None:
        self._writer.close()


def _write(
    batches: PCollection[list[Any]], folder: Path, kind: str, encode: Callable[[Any], bytes]
) -> None:
    batches | f"Write {kind}" >> beam.ParDo(_WriteParts(folder, kind, encode))


class _WriteParts(beam.DoFn):  # type: ignore[misc]
    """Lists of things to the lines of a part."""

    def __init__(self, folder: Path, kind: str, encode: Callable[[Any], bytes]) -> None:
        self._folder = folder
        self._kind = kind
        self._encode = encode

    def setup(self) -> None:
        self._part = PartWriter(self._folder, self._kind)

    def process(self, batch: list[Any]) -> None:
        self._part.write(map(self._encode, batch))


def _read_matches(folder: Path) -> Iterator[list[Match]]:
    lines = parts.read_parts(folder, "matches")
    while batch := [parts.decode_match(line) for line in islice(lines, 10_000)]:
        yield batch


def _clear(job: Backfill) -> None:
    """Remove what an earlier run left in the folder, and nothing else."""
    job.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(job.parts, ignore_errors=True)
    job.parts.mkdir()
    for path in (*job.events.glob("*.parquet"), *job.events.glob(".*.part")):
        path.unlink()
    for name in ("alerts.ndjson", "dead_letters.ndjson", "report.html"):
        (job.out / name).unlink(missing_ok=True)


def _finish(job: Backfill, counters: Counter[tuple[str, str]]) -> Result:
    """Merge the parts into the files that stay."""
    alerts = parts.merge_alerts(job.parts)
    parts.write_lines(
        job.out / "alerts.ndjson", ({"_id": alert.id, **alert.document} for alert in alerts)
    )
    letters = sorted(set(parts.read_parts(job.parts, "dead-letters")))
    parts.write_lines(job.out / "dead_letters.ndjson", map(orjson.loads, letters))
    problems = sorted(
        {tuple(orjson.loads(line)) for line in parts.read_parts(job.parts, "problems")}
    )
    shutil.rmtree(job.parts)
    accounts: dict[str, dict[str, int]] = {}
    for (source, name), amount in sorted(counters.items()):
        accounts.setdefault(source, {})[name] = amount
    return Result(tuple(alerts), accounts, tuple(problems))
