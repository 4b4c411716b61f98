r"""nginx: access logs in the combined format and its kin, or as JSON, and error logs.

Source: nginx documentation, `ngx_http_log_module` (variables, and the default escaping, by which
a quote inside a value is `\x22`) and `error_log`. What nginx wrote stays under `nginx.access`, by
the names of its variables, and under `nginx.error`; nothing is unescaped, so rules see its text.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from tocsin.parsers.addresses import count, ip, ip_type
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.nginx_errors import parse_error
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_clf, parse_epoch, scan, zone_name
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import DepthError, Event, flatten
from tocsin.schemas.times import format_time

ROOT = "nginx.access."

_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_REQUEST = re.compile(
    rf"{_STRING} (\d{{3}}|-) (\d+|-)(?: {_STRING} {_STRING})?(?: (?P<rest>.*))?", re.DOTALL
)
_PART = re.compile(
    r'(?:([A-Za-z_]\w*)=)?(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\Z)|([^\s"]+))', re.ASCII | re.DOTALL
)
_NAME = re.compile(r"@?\w+(?:[.-]\w+)*", re.ASCII)
_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]{1,31}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)

_ALIASES = {
    "agent": "http_user_agent",
    "body_bytes": "body_bytes_sent",
    "bytes": "body_bytes_sent",
    "client_ip": "remote_addr",
    "clientip": "remote_addr",
    "http_host": "host",
    "http_referrer": "http_referer",
    "method": "request_method",
    "referer": "http_referer",
    "referrer": "http_referer",
    "remote_ip": "remote_addr",
    "rt": "request_time",
    "time_iso8601": "time",
    "timestamp": "time",
    "@timestamp": "time",
    "url": "request_uri",
    "user": "remote_user",
    "user_agent": "http_user_agent",
    "x_forwarded_for": "http_x_forwarded_for",
    "xff": "http_x_forwarded_for",
}
"""Names that people give nginx's variables in formats of their own."""


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
    end = line.find('] "')
    if end >= 0:
        access = _parse_access(line, end, event)
        if access is not None:
            return access
    return parse_error(line, event, context)


def _parse_access(line: str, end: int, event: Event) -> Event | None:
    """An access line whose time stamp closes at `end`: before it, only nginx has put a quote."""
    start = line.rfind(" [", 0, end)
    head = line[:start]
    time = parse_clf(line[start + 2 : end])
    if start < 0 or time is None or '"' in head:
        return None
    variables = _read_head(head)
    if variables is None:
        return None
    event["@timestamp"] = time
    event.pop("event.timezone", None)
    variables["time_local"] = line[start + 2 : end]
    match = _REQUEST.match(line, end + 2)
    if match is None:
        variables["request"] = line[end + 3 :]
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the line is cut off: expected a request, status and size"
    else:
        names = ("request", "status", "body_bytes_sent", "http_referer", "http_user_agent")
        for name, value in zip(names, match.groups(), strict=False):
            if value is not None:
                variables[name] = value
        rest = match["rest"]
        if rest:
            _read_rest(variables, rest)
    return _set_access(event, variables)


def _read_head(head: str) -> dict[str, str] | None:
    """`$remote_addr - $remote_user`, where a virtual host may stand before; users have spaces."""
    parts = head.split(" ", 3)
    if len(parts) >= 3 and parts[1] == "-":
        return {"remote_addr": parts[0], "remote_user": " ".join(parts[2:])}
    if len(parts) == 4 and parts[2] == "-" and ip(parts[1]):
        return {"host": parts[0], "remote_addr": parts[1], "remote_user": parts[3]}
    return None


def _read_rest(variables: dict[str, str], rest: str) -> None:
    """What stands after the user agent: `"$http_x_forwarded_for"`, then `name=value` pairs.

    A pair inside quotes is none: cookies and other headers are what the client likes.
    """
    if rest.startswith('"'):
        forwarded, _, rest = rest[1:].partition('"')
        variables["http_x_forwarded_for"] = forwarded
    for name, quoted, bare in _PART.findall(rest):
        if name:
            variables.setdefault(_ALIASES.get(name, name), quoted or bare)
    if rest.strip():
        variables["extra"] = rest.strip()


def _parse_json(line: str, event: Event, context: Context) -> Event | None:
    try:
        document = orjson.loads(line)
        members = flatten(document) if isinstance(document, dict) else {}
    except (orjson.JSONDecodeError, DepthError):
        return None
    variables = {
        _ALIASES.get(name, name): _text(value)
        for name, value in members.items()
        if _NAME.fullmatch(name) and value is not None and not isinstance(value, list | dict)
    }
    if not {"request", "request_uri", "status"} & variables.keys() or not (
        {"remote_addr", "http_x_forwarded_for"} & variables.keys()
    ):
        return None
    _set_json_time(event, variables, context)
    return _set_access(event, variables)


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


def _set_access(event: Event, variables: Mapping[str, str]) -> Event:
    event["event.module"] = "nginx"
    event["event.dataset"] = "nginx.access"
    event["event.kind"] = "event"
    event["event.category"] = ["web"]
    event["event.type"] = ["access"]
    for name, value in variables.items():
        event[ROOT + name] = value
        target = _TARGETS.get(name)
        if target is not None and value not in {"-", ""}:
            event[target] = value
    address = ip(variables.get("remote_addr", ""))
    if address:
        event["source.ip"] = address
        event["network.type"] = ip_type(address)
    _set_request(event, variables)
    status = variables.get("status", "")
    if len(status) == 3 and status.isdecimal():
        event["http.response.status_code"] = int(status)
        event["event.outcome"] = "success" if status < "400" else "failure"
    for name, target in _SIZES:
        size = count(variables[name]) if name in variables else None
        if size is not None:
            event[target] = size
    if "http_x_forwarded_for" in variables:
        first = ip(variables["http_x_forwarded_for"].partition(",")[0].strip())
        if first:
            event["network.forwarded_ip"] = first
    if "request_time" in variables and _SECONDS.fullmatch(variables["request_time"]):
        event["event.duration"] = round(float(variables["request_time"]) * 1e9)
    return event


def _set_request(event: Event, variables: Mapping[str, str]) -> None:
    method = variables.get("request_method", "")
    target = variables.get("request_uri") or variables.get("uri", "")
    protocol = variables.get("server_protocol", "")
    if "request" in variables:
        method, _, rest = variables["request"].partition(" ")
        target, _, protocol = rest.rpartition(" ")
        if not protocol.startswith("HTTP/"):
            target, protocol = rest, ""
    if not _METHOD.fullmatch(method) or not target:
        return
    event["http.request.method"] = method
    if protocol.startswith("HTTP/"):
        event["http.version"] = protocol[5:]
    host = variables.get("host", "")
    if host not in {"", "-"}:
        domain, _, number = host.rpartition(":") if host[-1:] != "]" else (host, "", "")
        event["url.domain"] = domain if domain and number.isdecimal() else host
    set_url(event, target)


_TARGETS = {
    "http_referer": "http.request.referrer",
    "http_user_agent": "user_agent.original",
    "remote_addr": "source.address",
    "remote_user": "user.name",
    "request_id": "http.request.id",
}
_SIZES = (
    ("body_bytes_sent", "http.response.body.bytes"),
    ("bytes_sent", "http.response.bytes"),
    ("request_length", "http.request.bytes"),
)
