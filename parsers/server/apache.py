"""Apache httpd: access logs in the common and combined format, and error logs of 2.2 and 2.4.

Source: Apache HTTP Server documentation, `mod_log_config` and `ErrorLogFormat`:

    [Tue Nov 24 11:52:50.123456 2026] [core:error] [pid 12:tid 34] [client 192.0.2.1:5000] TEXT

What httpd wrote stays under `apache.access` and `apache.error`.
"""

import re

from tocsin.parsers.addresses import ip, ip_type, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.access_log import parse_access
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import scan, zone_name
from tocsin.schemas.events import Event

ROOT = "apache.error."

_ERROR = re.compile(
    r"\] \[(?:(?P<module>[a-z0-9_]*):)?(?P<level>[a-z]+[1-8]?)\]"
    r"(?: \[pid (?P<pid>\d{1,10})(?::tid (?P<tid>\d{1,20}))?\])?"
    r"(?: (?P<source>[\w.-]+\.c)\(\d+\):)?"
    r"(?: (?P<status>\(\d+\)[^:\[\]]*):)?"
    r"(?: \[client (?P<client>[^\]\s]+)\])? ?",
    re.ASCII,
)
_CODE = re.compile(r"(AH\d{5}): ", re.ASCII)
_INFORMATIVE = re.compile(r"notice|info|debug|trace[1-8]", re.ASCII)
_REFERRER = ", referer: "


def parse(text: str, context: Context) -> Event:
    """The event of one access or error line, bare or in a syslog envelope.

    Raises ParseError if it is neither.
    """
    line = text.rstrip("\r\n\0")
    event = parse_access(line, {}, "apache") or _parse_error(line, {}, context)
    if event is None:
        envelope = parse_envelope(text, context)
        if envelope.offset:
            header = envelope_fields(envelope, context)
            if envelope.hostname is not None:
                header["host.name"] = envelope.hostname
            event = parse_access(envelope.message, header, "apache") or _parse_error(
                envelope.message, header, context
            )
    if event is None:
        raise ParseError("no log of Apache httpd: expected an access line or an error line")
    return event


def _parse_error(line: str, event: Event, context: Context) -> Event | None:
    """`event`, completed from an error `line`; what a client sent stands after its address."""
    stamp = scan(line, context, 1) if line.startswith("[") else None
    head = _ERROR.match(line, stamp.end) if stamp else None
    if stamp is None or head is None:
        return None
    message = line[head.end() :]
    event["@timestamp"] = stamp.time
    if not stamp.zoned:
        event["event.timezone"] = zone_name(context.timezone)
    level = head["level"]
    event["event.module"] = "apache"
    event["event.dataset"] = "apache.error"
    event["event.kind"] = "event"
    event["event.category"] = ["web"]
    event["event.type"] = ["info" if _INFORMATIVE.fullmatch(level) else "error"]
    event["log.level"] = level
    event["message"] = message
    for name, value in head.groupdict().items():
        if value:
            event[ROOT + name] = value
    if head["pid"]:
        event["process.pid"] = int(head["pid"])
    if head["tid"] and len(head["tid"]) <= 18:
        event["process.thread.id"] = int(head["tid"])
    code = _CODE.match(message)
    if code:
        event["event.code"] = code[1]
    _set_client(event, head["client"] or "", with_port=head["module"] is not None)
    _, found, referrer = message.rpartition(_REFERRER)
    if found and head["client"]:
        event["http.request.referrer"] = referrer
    return event


def _set_client(event: Event, client: str, *, with_port: bool) -> None:
    """2.4 writes the port behind the address, of IPv6 without brackets: `2001:db8::5:5000`."""
    host, _, number = client.rpartition(":")
    peer = port(number) if with_port else None
    if peer is not None:
        event["source.port"] = peer
    address = ip(client if peer is None else host)
    if address is not None:
        event["source.ip"] = address
        event["network.type"] = ip_type(address)
