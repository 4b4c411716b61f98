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

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
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
from tocsin.pipelines.processes import run_aside, run_shares, tell, tell_through
from tocsin.pipelines.transforms import (
    DEAD_LETTERS,
    MATCHES,
    UNCOUNTED,
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

SHARES = 16
"""Into how many parts a runner's workers divide the groups of an organisation."""


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
    """What came of a backfill: its alerts in order, accounts by source, and damaged files.

    `uncounted` is what correlations could not count, by (what, RULE ID).
    """

    alerts: tuple[Alert, ...]
    accounts: Accounts
    problems: tuple[tuple[str, str], ...]
    uncounted: Mapping[tuple[str, str], int]


def run_backfill(
    job: Backfill,
    progress: Callable[[int], None] = lambda _: None,
    runner: PipelineOptions | None = None,
) -> Result:
    """Run `job` here with as many processes as it has workers, or as `runner` says.

    `progress` is told how many bytes were read since it was last told. Results of an earlier run
    in the same folder are replaced; raises OSError where `job` reads them itself.
    """
    _clear(job)
    accounts: Counter[tuple[str, str]] = Counter()
    shards = share(job.units, job.workers)
    if runner is not None:
        accounts += run_graph(partial(detect_graph, job=job, units=job.units), runner)
    elif len(shards) == 1:
        tell_through(progress)
        accounts += _run_shard(job, shards[0])
    else:
        for done in run_shares(partial(_run_shard, job), shards, progress):
            accounts += done
    shares = SHARES if runner is not None else 1
    accounts += run_graph(partial(correlate_graph, job=job, shares=shares), runner)
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


def correlate_graph(pipeline: beam.Pipeline, job: Backfill, shares: int) -> None:
    """The matches that the first graph left, to the alerts of correlations, by groups in `shares`.

    One process gains nothing from several.
    """
    alerts = (
        pipeline
        | "Parts" >> beam.Create([job.parts])
        | "ReadMatches" >> beam.FlatMap(_read_matches)
        | "Correlate" >> CorrelateHistory(job.engine, shares)
    )
    _write(alerts, job.parts, "alerts", parts.encode_alert)


def run_graph(
    build: Callable[[beam.Pipeline], None], options: PipelineOptions | None = None
) -> Counter[tuple[str, str]]:
    """Build a graph, run it to its end, and give its counters by (source, name)."""
    pipeline = beam.Pipeline(options=options) if options else beam.Pipeline(FnApiRunner())
    build(pipeline)

    def run() -> Iterable[Any]:
        result = pipeline.run()
        result.wait_until_finish()
        counters: Iterable[Any] = result.metrics().query()["counters"]
        return counters

    return Counter(
        {
            (found.key.metric.namespace, found.key.metric.name): found.result
            for found in run_aside(run)
        }
    )


def _run_shard(job: Backfill, units: list[Unit]) -> Counter[tuple[str, str]]:
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
                tell(batch.next - told)
                told = batch.next
        except ReadError as error:
            self._problems.write([orjson.dumps((str(error.path), error.reason))])
        tell(unit.span.end - told)


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
        tell(unit.size)


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
    earlier = {
        *job.events.glob("*.parquet"),
        *job.events.glob(".*.part"),
        *(job.out / name for name in ("alerts.ndjson", "dead_letters.ndjson", "report.html")),
    }
    read = {unit.path.resolve() for unit in job.units}
    for path in sorted(earlier):
        if path.resolve() in read:
            raise OSError(errno.EINVAL, "to be read, and to be replaced by the results", str(path))
    job.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(job.parts, ignore_errors=True)
    job.parts.mkdir()
    for path in earlier:
        path.unlink(missing_ok=True)


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
    uncounted: dict[tuple[str, str], int] = {}
    for (source, name), amount in sorted(counters.items()):
        if source == UNCOUNTED:
            what, _, rule = name.partition(" ")
            uncounted[what, rule] = amount
        else:
            accounts.setdefault(source, {})[name] = amount
    return Result(tuple(alerts), accounts, tuple(problems), uncounted)
