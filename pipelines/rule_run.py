"""Rules over a file of events, as `tocsin rules run` does: alerts in order of time.

The file holds one JSON event a line, nested or dotted. Nothing is parsed or completed: the events
are what they are, but for an id, an organisation and a canonical time, which identity needs.
"""

from collections.abc import Iterable, Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Run:
    """The alerts of a file, sorted by time and id, and what correlations could not count."""

    alerts: list[Alert]
    uncounted: Mapping[tuple[str, str], int]


def alert_lines(lines: Iterable[Line], name: str, engine: Engine, errors: list[str]) -> Run:
    """The alerts of detections and correlations over all events.

    An event without a readable `@timestamp` is in no window and no alert; `errors` names it. Of
    lines that claim one `event.id` but differ, the first in time stands, wherever it is.
    """
    alerts: dict[str, Alert] = {}
    matches: dict[tuple[str, str, str], Match] = {}
    for batch in _batched(lines):
        events = []
        for line in batch:
            try:
                events.append(identified(line))
            except ValueError as error:
                errors.append(f"{name}:{line.number}: {error}")
        found = stages.detect(events, engine)
        for alert in found.alerts:
            known = alerts.setdefault(alert.id, alert)
            if known is not alert:
                alerts[alert.id] = min(known, alert, key=_order_of_claims)
        for match in found.matches:
            pair = (match.organization, match.rule, match.event_id)
            first = matches.setdefault(pair, match)
            if first is not match:
                matches[pair] = min(first, match, key=_order_of_match)
    done = stages.correlate_history(matches.values(), engine)
    ordered = sorted([*alerts.values(), *done.alerts], key=_in_order)
    return Run(ordered, done.uncounted)


def _in_order(alert: Alert) -> tuple[str, str]:
    return alert.document["@timestamp"], alert.id


def _order_of_claims(alert: Alert) -> tuple[str, bytes]:
    text = orjson.dumps(alert.document, option=orjson.OPT_SORT_KEYS)
    return alert.document["@timestamp"], text


def _order_of_match(match: Match) -> tuple[int, bytes]:
    return match.time, orjson.dumps(match.fields, option=orjson.OPT_SORT_KEYS)


def identified(line: Line) -> Event:
    """The event of `line` with what identity needs; raises ValueError with key and reason."""
    event = dict(line.event)
    if "@timestamp" not in event:
        raise ValueError("no @timestamp")
    try:
        event["@timestamp"] = format_micros(parse_time(event["@timestamp"]))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"@timestamp: {error}") from error
    for name, default in (("event.id", f"line-{line.number}"), ("organization.name", "default")):
        value = event.get(name)
        if isinstance(value, int | float):
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name}: expected text, not a {type(value).__name__}")
        event[name] = default if value is None else value
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
