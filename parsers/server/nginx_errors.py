"""nginx error logs.

Source: nginx's `error_log` and its handlers, which write

    2026/11/24 11:52:50 [error] 12#34: *56 MESSAGE, client: IP, server: NAME, request: "...",
    subrequest: "...", upstream: "...", host: "...", referrer: "..."

with each part of the context there or not. Request, host and referrer are as the client sent
them, quotes and commas included, and the message may quote a path: a client can write a second
context. Where there are several, none is believed.
"""

import re

from tocsin.parsers.addresses import ip, ip_type
from tocsin.parsers.context import Context
from tocsin.parsers.timestamps import scan, zone_name
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event

ROOT = "nginx.error."

_HEAD = re.compile(r" \[([a-z]+)\] (\d{1,10})#(\d{1,10}): (?:\*(\d{1,20}) )?", re.ASCII)
_CLIENT = ", client: "
_CONTEXT = re.compile(
    r"(?P<client>[^\s,]+)"
    r"(?:, server: (?P<server>[^,\"]*))?"
    r"(?:, request: \"(?P<request>[^\"]*)\")?"
    r"(?:, subrequest: \"(?P<subrequest>[^\"]*)\")?"
    r"(?:, upstream: \"(?P<upstream>[^\"]*)\")?"
    r"(?:, host: \"(?P<host>[^\"]*)\")?"
    r"(?:, referrer: \"(?P<referrer>[^\"]*)\")?"
)
_REFUSED = re.compile(
    r'user "(?P<user>.*)"(?:: (?P<mismatch>password mismatch)|'
    r' (?P<unknown>was not found) in "[^"]*")',
    re.DOTALL,
)
"""What `ngx_http_auth_basic_module` writes of a user whom it refuses."""

_INFORMATIVE = frozenset({"debug", "info", "notice"})


def parse_error(line: str, event: Event, context: Context) -> Event | None:
    """`event`, completed from an error `line`; None if it is none."""
    stamp = scan(line, context)
    head = _HEAD.match(line, stamp.end) if stamp else None
    if stamp is None or head is None:
        return None
    level, process, thread, connection = head.groups()
    message = line[head.end() :]
    event["@timestamp"] = stamp.time
    if not stamp.zoned:
        event["event.timezone"] = zone_name(context.timezone)
    event["event.module"] = "nginx"
    event["event.dataset"] = "nginx.error"
    event["event.kind"] = "event"
    event["event.category"] = ["web"]
    event["event.type"] = ["info" if level in _INFORMATIVE else "error"]
    event["log.level"] = level
    event["process.pid"] = int(process)
    event["process.thread.id"] = int(thread)
    event["message"] = message
    event[ROOT + "level"] = level
    if connection is not None:
        event[ROOT + "connection_id"] = connection
    if _CLIENT in message:
        _set_context(event, message)
    return event


def _set_context(event: Event, message: str) -> None:
    text, _, context = message.partition(_CLIENT)
    match = _CONTEXT.fullmatch(context) if message.count(_CLIENT) == 1 else None
    if match is None:
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the context after the message is ambiguous or cut off"
        return
    event[ROOT + "message"] = text
    refused = _REFUSED.fullmatch(text)
    if refused:
        event["event.category"] = ["authentication", "web"]
        event["event.action"] = "logon-failed"
        event["event.outcome"] = "failure"
        event["event.reason"] = refused["mismatch"] or refused["unknown"]
        event["user.name"] = refused["user"]
    for name, value in match.groupdict().items():
        if value:
            event[ROOT + name] = value
    address = ip(match["client"])
    if address:
        event["source.ip"] = address
        event["network.type"] = ip_type(address)
    host = match["host"] or ""
    if host:
        event["url.domain"] = host.rpartition(":")[0] or host
    method, _, rest = (match["request"] or "").partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if method and target and protocol.startswith("HTTP/"):
        event["http.request.method"] = method
        event["http.version"] = protocol[5:]
        set_url(event, target)
    if match["referrer"]:
        event["http.request.referrer"] = match["referrer"]
