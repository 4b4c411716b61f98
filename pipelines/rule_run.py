"""Rules over a file of events, as `tocsin rules run` does: alerts in order of time.

The file holds one JSON event a line, nested or dotted. Nothing is parsed or completed: the events
are what they are, but for an id, an organisation and a canonical time, which identity needs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from tocsin.pipelines import stages
from tocsin.pipelines.engine import Engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import DepthError, Event, flatten
from tocsin.schemas.matches import Match
from tocsin.schemas.times import format_micros, parse_time

BATCH = 4096
"""Events that are matched together."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event and the line, from 1, that it stands on."""

    number: int
    event: Event


def read_lines(stream: BinaryIO, name: str, errors: list[str], *, native: bool) -> Iterator[Line]:
    """The events of `stream`; what is no JSON object goes to `errors` with its line.

    Events become flat, which native ones mostly are.
    """
    for number, text in enumerate(stream, 1):
        if text.isspace():
            continue
        try:
            event = orjson.loads(text)
            if isinstance(event, dict) and not (native and _is_flat(event)):
                event = flatten(event)
        except (orjson.JSONDecodeError, DepthError) as error:
            errors.append(f"{name}:{number}: {error}")
            continue
        if isinstance(event, dict):
            yield Line(number, event)
        else:
            errors.append(f"{name}:{number}: expected a JSON object")


def _is_flat(event: Event) -> bool:
    return not any(isinstance(value, dict) for value in event.values())


def alert_lines(lines: Iterable[Line], name: str, engine: Engine, errors: list[str]) -> list[Alert]:
    """The alerts of detections and correlations over all events, sorted by time and id.

    An event without a readable `@timestamp` is in no window and no alert; `errors` names it.
    """
    alerts: dict[str, Alert] = {}
    matches: list[Match] = []
    for batch in _batched(lines):
        events = []
        for line in batch:
            try:
                events.append(identified(line))
            except (KeyError, TypeError, ValueError) as error:
                reason = "no @timestamp" if isinstance(error, KeyError) else f"@timestamp: {error}"
                errors.append(f"{name}:{line.number}: {reason}")
        found = stages.detect(events, engine)
        alerts |= {alert.id: alert for alert in found.alerts}
        matches += found.matches
    alerts |= {alert.id: alert for alert in stages.correlate_history(matches, engine)}
    return sorted(alerts.values(), key=lambda alert: (alert.document["@timestamp"], alert.id))


def identified(line: Line) -> Event:
    """The event of `line` with what identity needs; raises KeyError or ValueError for its time."""
    event = dict(line.event)
    event["@timestamp"] = format_micros(parse_time(event["@timestamp"]))
    event.setdefault("event.id", f"line-{line.number}")
    event.setdefault("organization.name", "default")
    return event


def _batched(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def open_events(path: Path) -> BinaryIO:
    """The file of events, plain or `.gz`; `-` is standard input."""
    import gzip  # noqa: PLC0415
    import sys  # noqa: PLC0415

    if str(path) == "-":
        return sys.stdin.buffer
    if path.suffix == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    return path.open("rb")
