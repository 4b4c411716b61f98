"""Squid: the proxy's access log in its native format, and in those of web servers.

Source: Squid's documentation of `logformat squid`, `common` and `combined`:

    TIME ELAPSED CLIENT RESULT/STATUS BYTES METHOD URL USER HIERARCHY/PEER TYPE
    CLIENT - USER [TIME] "METHOD URL HTTP/VERSION" STATUS BYTES ["REFERRER" "AGENT"]
        RESULT:HIERARCHY

Its columns stay under `squid`. A URL may hold spaces, so what follows it is read from the right.
"""

import re

from tocsin.parsers.addresses import count, ip, ip_type
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_clf, parse_epoch
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event

ROOT = "squid."

_HEAD = re.compile(
    r"(?P<time>\d{1,11}\.\d{1,9}) +(?P<elapsed>-?\d+) (?P<client>\S+) "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<method>\S+) ",
    re.ASCII,
)
_COMBINED = re.compile(
    r"(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]{26})\] "
    r'"(?P<method>\S+) (?P<url>.*) HTTP/(?P<version>\d\.\d)" (?P<status>\d{3}) (?P<bytes>\d+) '
    r'(?:"(?P<referrer>[^"]*)" "(?P<agent>[^"]*)" )?(?P<result>[A-Z_]+):(?P<hierarchy>[A-Z_]+)',
    re.ASCII,
)
_TAIL = re.compile(r"(?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<peer>\S+) (?P<content_type>\S+)")


def parse(text: str, context: Context) -> Event:
    """The event of one request, bare or in a syslog envelope.

    Raises ParseError if the columns before the URL are not there.
    """
    line = text.rstrip("\r\n\0")
    event: Event = {}
    if _complete(event, line):
        return event
    envelope = parse_envelope(text, context)
    event = envelope_fields(envelope, context)
    event.pop("event.timezone", None)
    if envelope.hostname is not None:
        event["host.name"] = event["observer.name"] = envelope.hostname
    if _complete(event, envelope.message):
        return event
    raise ParseError("no access log of Squid: expected TIME ELAPSED CLIENT RESULT/STATUS ...")


def _complete(event: Event, line: str) -> bool:
    """Complete `event` from `line`; False if it is of none of the formats."""
    head = _HEAD.match(line)
    if head is not None:
        time = parse_epoch(head["time"])
        fields = _read_native(event, line, head)
    else:
        head = _COMBINED.fullmatch(line)
        if head is None:
            return False
        time = parse_clf(head["time"])
        fields = {name: value for name, value in head.groupdict().items() if value is not None}
    if time is None:
        return False
    event["@timestamp"] = time
    for name, value in fields.items():
        event[ROOT + name] = value
    _set_fields(event, fields)
    return True


def _read_native(event: Event, line: str, head: re.Match[str]) -> dict[str, str]:
    fields = head.groupdict()
    words = line[head.end() :].rstrip().rsplit(" ", 3)
    tail = _TAIL.fullmatch(" ".join(words[1:])) if len(words) == 4 else None
    if tail is None:
        fields["url"] = line[head.end() :]
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the line is cut off: expected USER HIERARCHY/PEER TYPE at its end"
    else:
        fields["url"] = words[0]
        fields.update(tail.groupdict())
    return fields


def _set_fields(event: Event, fields: dict[str, str]) -> None:
    denied = "DENIED" in fields["result"]
    status = int(fields["status"])
    event["event.module"] = "squid"
    event["event.dataset"] = "squid.access"
    event["event.kind"] = "event"
    event["event.category"] = ["network", "web"]
    event["event.type"] = ["access"]
    if fields["result"] != "NONE":
        event["event.type"].append("denied" if denied else "allowed")
    event["event.action"] = fields["result"]
    event["event.outcome"] = "failure" if status >= 400 or status == 0 else "success"
    event["observer.product"] = "Squid"
    event["observer.type"] = "proxy"
    event["http.request.method"] = fields["method"]
    if status:
        event["http.response.status_code"] = status
    size = count(fields["bytes"])
    if size is not None:
        event["http.response.bytes"] = size
    elapsed = count(fields.get("elapsed", ""))
    if elapsed is not None and elapsed >> 42 == 0:
        event["event.duration"] = elapsed * 1_000_000
    event["source.address"] = fields["client"]
    source, peer = ip(fields["client"]), fields.get("peer", "-")
    if source:
        event["source.ip"] = source
        event["network.type"] = ip_type(source)
    server = ip(peer)
    if server:
        event["destination.ip"] = server
    elif peer != "-":
        event["destination.domain"] = peer
    for name, target in _WORDS:
        value = fields.get(name, "-")
        if value not in {"-", ""}:
            event[target] = value
    _set_target(event, fields["method"], fields["url"])


_WORDS = (
    ("content_type", "http.response.mime_type"),
    ("user", "user.name"),
    ("version", "http.version"),
    ("referrer", "http.request.referrer"),
    ("agent", "user_agent.original"),
)


def _set_target(event: Event, method: str, url: str) -> None:
    """A URL, or the `host:port` of a tunnel."""
    set_url(event, url)
    host, found, number = url.rpartition(":")
    if method == "CONNECT" and found and number.isdecimal():
        event["url.domain"] = host.strip("[]")
        port = count(number)
        if port is not None:
            event["url.port"] = port
