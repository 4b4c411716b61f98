"""Windows events as JSON or XML, in the shapes of the forwarders and readers in use.

What the event says stays whole under `winlog.*` (channel, provider, `event_data`, `user_data`);
ECS fields are added by the plan of its channel and event id.
"""

from collections.abc import Iterable, Mapping
from gc import is_tracked
from typing import Any

import orjson

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.windows_plans import apply
from tocsin.parsers.server.windows_shapes import depth_exceeds, read
from tocsin.parsers.server.windows_values import integer, utc_text
from tocsin.parsers.server.windows_xml import read_xml
from tocsin.parsers.timestamps import parse_epoch, scan, zone_name
from tocsin.schemas.events import MAX_DEPTH, Event
from tocsin.schemas.remembering import remembering
from tocsin.schemas.times import format_time

_LEVELS = {
    "0": "information",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "information",
    "5": "verbose",
}
_XML = ("<Event", "<?xml")
_AUDIT_SUCCESS = 1 << 53
_AUDIT_FAILURE = 1 << 52


def parse(text: str, context: Context) -> Event:
    """One Windows event to one ECS event; ParseError where `text` holds none."""
    event, data, plan, times, local_time = read(_load(text))
    level = event.get("winlog.level")
    if level is not None and "log.level" not in event:
        name = _LEVELS.get(str(level))
        if name is not None:
            event["log.level"] = name
        elif isinstance(level, str) and level.isalpha():
            event["log.level"] = level.lower()
    host = event.get("winlog.computer_name")
    if host and isinstance(host, str):
        event["host.name"] = host
    keywords = event.get("winlog.keywords")
    if keywords is not None and plan.outcome is None:
        outcome = _outcome(keywords) if isinstance(keywords, str) else _audit(keywords)
        if outcome is not None:
            event["event.outcome"] = outcome
    apply(plan, event, data)
    _set_time(event, times, local_time, context)
    return event


def _load(text: str) -> Any:
    if not text.startswith("{"):
        if not text.startswith(_XML):
            text = _unwrap(text)
        if text.startswith("<"):
            return read_xml(text)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"JSON line {error.lineno}, column {error.colno}: {error.msg}") from error
    if is_tracked(document) and depth_exceeds(document, MAX_DEPTH):
        raise ParseError(f"JSON nested deeper than {MAX_DEPTH} levels")
    return document


def _unwrap(text: str) -> str:
    """The event within `text`: forwarders put syslog headers before it."""
    text = text.strip("\ufeff\0\r\n\t ")
    starts = [place for mark in ("{", *_XML) if (place := text.find(mark)) >= 0]
    if not starts:
        raise ParseError("no Windows event: expected a JSON object or <Event> XML")
    return text[min(starts) :]


@remembering(1024)
def _outcome(keywords: str) -> str | None:
    """What the audit keywords say: bits of a 64-bit number, or their rendered names."""
    bits = integer(keywords)
    if bits is not None:
        return _audit(bits)
    if "Audit Failure" in keywords:
        return "failure"
    return "success" if "Audit Success" in keywords else None


def _audit(bits: Any) -> str | None:
    if not isinstance(bits, int):
        return None
    if bits & _AUDIT_FAILURE:
        return "failure"
    return "success" if bits & _AUDIT_SUCCESS else None


def _set_time(event: Event, times: Iterable[Any], local_time: Any, context: Context) -> None:
    """`@timestamp`: the first of the source's times that is one, else the record time."""
    for value in times:
        if value is None:
            continue
        if isinstance(value, str):
            time = utc_text(value) or parse_epoch(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            time = parse_epoch(str(value))
        elif isinstance(value, Mapping):
            time = utc_text(str(value.get("SystemTime")))
        else:
            continue
        if time is not None:
            event["@timestamp"] = time
            return
    stamp = scan(local_time, context) if isinstance(local_time, str) else None
    if stamp is None:
        event["@timestamp"] = format_time(context.received)
        return
    event["@timestamp"] = stamp.time
    if not stamp.zoned:
        event["event.timezone"] = zone_name(context.timezone)
