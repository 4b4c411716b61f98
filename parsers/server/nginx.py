"""nginx: access logs in the combined format and its kin, or as JSON, and error logs.

Source: nginx documentation, `ngx_http_log_module` and `error_log`. What nginx wrote stays under
`nginx.access`, by the names of its variables, and under `nginx.error`.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.access_log import ALIASES, parse_access, set_access
from tocsin.parsers.server.nginx_errors import parse_error
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_clf, parse_epoch, scan, zone_name
from tocsin.schemas.events import DepthError, Event, flatten
from tocsin.schemas.times import format_time

_NAME = re.compile(r"@?\w+(?:[.-]\w+)*", re.ASCII)


def parse(text: str, context: Context) -> Event:
    """The event of one access or error line, bare or in a syslog envelope.

    Raises ParseError if it is neither.
    """
    body = text.rstrip("\r\n\0")
    event = _parse_line(body, {}, context)
    if event is None:
        envelope = parse_envelope(text, context)
        if envelope.offset:
            header = envelope_fields(envelope, context)
            if envelope.hostname is not None:
                header["host.name"] = envelope.hostname
            event = _parse_line(envelope.message, header, context)
    if event is None:
        raise ParseError("no log of nginx: expected an access line, its JSON, or an error line")
    return event


def _parse_line(line: str, event: Event, context: Context) -> Event | None:
    if line.startswith("{"):
        return _parse_json(line, event, context)
    return parse_access(line, event, "nginx") or parse_error(line, event, context)


def _parse_json(line: str, event: Event, context: Context) -> Event | None:
    try:
        document = orjson.loads(line)
        members = flatten(document) if isinstance(document, dict) else {}
    except (orjson.JSONDecodeError, DepthError):
        return None
    variables = {
        ALIASES.get(name, name): _text(value)
        for name, value in members.items()
        if _NAME.fullmatch(name) and value is not None and not isinstance(value, list | dict)
    }
    if not {"request", "request_uri", "status"} & variables.keys() or not (
        {"remote_addr", "http_x_forwarded_for"} & variables.keys()
    ):
        return None
    _set_json_time(event, variables, context)
    for name, value in members.items():
        if _NAME.fullmatch(name) and (value is None or isinstance(value, list | dict)):
            event[f"nginx.access.{ALIASES.get(name, name)}"] = value
    return set_access(event, variables, "nginx")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _set_json_time(event: Event, variables: Mapping[str, str], context: Context) -> None:
    time = parse_clf(variables.get("time_local", "")) or parse_epoch(variables.get("msec", ""))
    if time is None:
        stamp = scan(variables.get("time", ""), context)
        if stamp is None:
            event.setdefault("@timestamp", format_time(context.received))
            return
        time = stamp.time
        if not stamp.zoned:
            event["event.timezone"] = zone_name(context.timezone)
    event["@timestamp"] = time
