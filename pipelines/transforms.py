"""The stages as PTransforms: shells round the functions of the same names, for any Beam runner.

Elements are batches, never single records, as a step costs Beam half a microsecond an element and
a shuffle fifty times that. The shells add counters, by source, and nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from tocsin.pipelines import stages
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, EventBatch

DEAD_LETTERS = "dead_letters"
MATCHES = "matches"

UNCOUNTED = "uncounted"
"""Namespace of the counters of what correlations could not count: names are `WHAT RULE_ID`."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How a worker process makes its engine: the rules' paths, the ids left out, placeholders.

    Workers on the same machine may share a `cache_folder` of rules that were read.
    """

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    placeholders: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cache_folder: Path | None = None

    def load(self) -> Engine:
        """The engine, made once a process."""
        return _load(self)


@lru_cache(maxsize=2)
def _load(spec: EngineSpec) -> Engine:
    return load_engine(
        [Path(path) for path in spec.paths],
        exclude=spec.exclude,
        placeholders=dict(spec.placeholders),
        cache_folder=spec.cache_folder,
    )


def count(source: str, name: str, amount: int = 1) -> None:
    """Add to a Beam counter; the namespace is the source, so that accounts balance by source."""
    if amount:
        Metrics.counter(source, name).inc(amount)


@dataclass(eq=False)
class Normalize(beam.PTransform):  # type: ignore[misc]
    """Batches of records to batches of events; what fails goes to the output `dead_letters`."""

    record_bytes: int = stages.RECORD_BYTES

    def expand(self, batches: PCollection[Batch]) -> Any:  # noqa: D102
        normalize = beam.ParDo(_Normalize(self.record_bytes))
        return batches | normalize.with_outputs(DEAD_LETTERS, main="events")


class _Normalize(beam.DoFn):  # type: ignore[misc]
    def __init__(self, record_bytes: int) -> None:
        self._record_bytes = record_bytes

    def process(self, batch: Batch) -> Iterator[Any]:
        done = stages.normalize(batch, record_bytes=self._record_bytes)
        name = batch.source.name
        count(name, "records", len(batch.records))
        count(name, "events", len(done.events))
        count(name, "dead_letters", len(done.dead_letters))
        count(name, "filtered", done.filtered)
        if done.dead_letters:
            yield TaggedOutput(DEAD_LETTERS, done.dead_letters)
        yield EventBatch.of(batch, done.events)


@dataclass(eq=False)
class Detect(beam.PTransform):  # type: ignore[misc]
    """Batches of events to lists of single-event alerts and, as `matches`, lists of matches."""

    engine: EngineSpec

    def expand(self, events: PCollection[EventBatch]) -> Any:  # noqa: D102
        return events | beam.ParDo(_Detect(self.engine)).with_outputs(MATCHES, main="alerts")


class _Detect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, engine: EngineSpec) -> None:
        self._spec = engine

    def setup(self) -> None:
        self._engine = self._spec.load()

    def process(self, batch: EventBatch) -> Iterator[Any]:
        found = stages.detect(batch.events, self._engine)
        count(batch.source, "alerts", len(found.alerts))
        count(batch.source, "matches", len(found.matches))
        count(batch.source, "outside", found.outside)
        if found.matches:
            yield TaggedOutput(MATCHES, found.matches)
        if found.alerts:
            yield found.alerts


@dataclass(eq=False)
class CorrelateHistory(beam.PTransform):  # type: ignore[misc]
    """All matches of a bounded history to the alerts of correlations and suppression.

    Organisations never share a group (SEMANTICS §3.3), so each is correlated apart, and its groups
    are spread over `shares` workers.
    """

    engine: EngineSpec
    shares: int = 1

    def expand(self, matches: PCollection[list[Match]]) -> PCollection[list[Alert]]:  # noqa: D102
        return (
            matches
            | "Spread" >> beam.ParDo(_Spread(self.engine, self.shares))
            | "Gather" >> beam.GroupByKey()
            | "Correlate" >> beam.ParDo(_CorrelateHistory(self.engine, self.shares))
        )


class _Spread(beam.DoFn):  # type: ignore[misc]
    """Lists of matches to those of each (organisation, share)."""

    def __init__(self, engine: EngineSpec, shares: int) -> None:
        self._spec = engine
        self._shares = shares

    def setup(self) -> None:
        self._partitioner = Partitioner(self._spec.load().correlations, self._shares)

    def process(self, matches: list[Match]) -> Iterator[tuple[tuple[str, int], list[Match]]]:
        spread: dict[tuple[str, int], list[Match]] = {}
        for match in matches:
            for share in self._partitioner.of_match(match) if self._shares > 1 else (0,):
                spread.setdefault((match.organization, share), []).append(match)
        yield from spread.items()


class _CorrelateHistory(beam.DoFn):  # type: ignore[misc]
    def __init__(self, engine: EngineSpec, shares: int) -> None:
        self._spec = engine
        self._shares = shares

    def setup(self) -> None:
        self._engine = self._spec.load()

    def process(
        self, gathered: tuple[tuple[str, int], Iterable[list[Match]]]
    ) -> Iterator[list[Alert]]:
        (_, index), batches = gathered
        share = Share(index, self._shares) if self._shares > 1 else None
        done = stages.correlate_history(chain.from_iterable(batches), self._engine, share=share)
        count("correlation", "alerts", len(done.alerts))
        for (what, rule), amount in done.uncounted.items():
            count(UNCOUNTED, f"{what} {rule}", amount)
        if done.alerts:
            yield done.alerts
