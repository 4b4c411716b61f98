"""Squid: the proxy's native access log.

Source: Squid's documentation of `logformat squid`:

    TIME ELAPSED CLIENT RESULT/STATUS BYTES METHOD URL USER HIERARCHY/PEER TYPE

Its columns stay under `squid`. A URL may hold spaces, so what follows it is read from the right.
"""

import re

from tocsin.parsers.addresses import count, ip, ip_type
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_epoch
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event

ROOT = "squid."

_HEAD = re.compile(
    r"(?P<time>\d{1,11}\.\d{1,9}) +(?P<elapsed>-?\d+) (?P<client>\S+) "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<method>\S+) ",
    re.ASCII,
)
_TAIL = re.compile(r"(?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<peer>\S+) (?P<content_type>\S+)")


def parse(text: str, context: Context) -> Event:
    """The event of one request, bare or in a syslog envelope.

    Raises ParseError if the columns before the URL are not there.
    """
    line = text.rstrip("\r\n\0")
    head = _HEAD.match(line)
    event: Event = {}
    if head is None:
        envelope = parse_envelope(text, context)
        line = envelope.message
        head = _HEAD.match(line)
        event = envelope_fields(envelope, context)
        event.pop("event.timezone", None)
        if envelope.hostname is not None:
            event["host.name"] = event["observer.name"] = envelope.hostname
    time = parse_epoch(head["time"]) if head else None
    if head is None or time is None:
        raise ParseError("no access log of Squid: expected TIME ELAPSED CLIENT RESULT/STATUS ...")
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
    event["@timestamp"] = time
    for name, value in fields.items():
        event[ROOT + name] = value
    _set_fields(event, fields)
    return event


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
    elapsed = count(fields["elapsed"])
    if elapsed is not None and elapsed >> 42 == 0:
        event["event.duration"] = elapsed * 1_000_000
    event["source.address"] = fields["client"]
    source, peer = ip(fields["client"]), ip(fields.get("peer", ""))
    if source:
        event["source.ip"] = source
        event["network.type"] = ip_type(source)
    if peer:
        event["destination.ip"] = peer
    user = fields.get("user", "-")
    if user != "-":
        event["user.name"] = user
    kind = fields.get("content_type", "-")
    if kind != "-":
        event["http.response.mime_type"] = kind
    _set_target(event, fields["method"], fields["url"])


def _set_target(event: Event, method: str, url: str) -> None:
    """A URL, or the `host:port` of a tunnel."""
    set_url(event, url)
    host, found, number = url.rpartition(":")
    if method == "CONNECT" and found and number.isdecimal():
        event["url.domain"] = host.strip("[]")
        port = count(number)
        if port is not None:
            event["url.port"] = port
