"""The stages as PTransforms: shells round the functions of the same names, for any Beam runner.

Elements are batches, never single records, as a step costs Beam half a microsecond an element and
a shuffle fifty times that. The shells add counters, by source, and nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from tocsin.pipelines import stages
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, EventBatch

DEAD_LETTERS = "dead_letters"
MATCHES = "matches"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How a worker process makes its engine: the rules' paths, the ids left out, placeholders."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    placeholders: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def load(self) -> Engine:
        """The engine, made once a process."""
        return _load(self)


@lru_cache(maxsize=2)
def _load(spec: EngineSpec) -> Engine:
    return load_engine(
        [Path(path) for path in spec.paths],
        exclude=spec.exclude,
        placeholders=dict(spec.placeholders),
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
    """All matches of a bounded history to the alerts of correlations and suppression."""

    engine: EngineSpec

    def expand(self, matches: PCollection[list[Match]]) -> PCollection[list[Alert]]:  # noqa: D102
        return (
            matches
            | "ByOrganization" >> beam.FlatMap(_by_organization)
            | "Gather" >> beam.GroupByKey()
            | "Correlate" >> beam.ParDo(_CorrelateHistory(self.engine))
        )


def _by_organization(matches: list[Match]) -> Iterable[tuple[str, list[Match]]]:
    """Organisations never share a group (SEMANTICS §3.3), so they are correlated apart."""
    spread: dict[str, list[Match]] = {}
    for match in matches:
        spread.setdefault(match.organization, []).append(match)
    return spread.items()


class _CorrelateHistory(beam.DoFn):  # type: ignore[misc]
    def __init__(self, engine: EngineSpec) -> None:
        self._spec = engine

    def setup(self) -> None:
        self._engine = self._spec.load()

    def process(self, gathered: tuple[str, Iterable[list[Match]]]) -> Iterator[list[Alert]]:
        _, batches = gathered
        history = [match for batch in batches for match in batch]
        alerts = stages.correlate_history(history, self._engine)
        count("correlation", "alerts", len(alerts))
        if alerts:
            yield alerts
