"""The syslog envelope: RFC 5424, RFC 3164, and what devices make of them.

An envelope is read as far as it can be understood; the rest is the message, whose parser goes on
from there. A strange header never stops it:

    [count] [<PRI>] VERSION TIME HOST APP PROCID MSGID SD MESSAGE          RFC 5424 (6587 count)
    [count] [<PRI>] [sequence:] [TIME] [HOST] [TAG[PID]:] MESSAGE          RFC 3164 and its kin

Where a relay wrapped one envelope into another, the inner one counts: it is nearer to the event.
"""

import re
from typing import NamedTuple

from tocsin.parsers.context import Context
from tocsin.parsers.timestamps import MONTHS, scan, zone_name
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_time

FACILITIES = (
    "kernel",
    "user-level",
    "mail",
    "system",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "UUCP",
    "clock",
    "security/authorization",
    "FTP",
    "NTP",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
)
"""RFC 5424 table 1, shortened."""

SEVERITIES = (
    "Emergency",
    "Alert",
    "Critical",
    "Error",
    "Warning",
    "Notice",
    "Informational",
    "Debug",
)
"""RFC 5424 table 2."""

MAX_PRIORITY = 191
_RELAYS = 3
"""Envelopes within envelopes that are opened; real relays wrap once."""

_COUNT = re.compile(r"[1-9]\d{0,6} (?=<\d)", re.ASCII)
_PRIORITY = re.compile(r"<(\d{1,3})>\s?", re.ASCII)
_VERSION = re.compile(r"([1-9]\d?) (?=- |\d{4}-\d\d-\d\dT)", re.ASCII)
_SEQUENCE = re.compile(r"(?:\d{1,10}: ){1,2}", re.ASCII)
_AFTER_TIME = re.compile(r":?\s*")
_HOST = re.compile(r"(?!last message repeated )([^\s<>=\"'()\[\]{},;%]++)\s+(?:: )?")
# A tag ends at `[pid]`, with or without a colon, or at a colon; GNOME's has a bracket astray,
# "gdm-password]:". One that holds "=" or a quote begins a key=value message, and "%" begins
# Cisco's message id.
_TAG = re.compile(r"([^\s:=\"'\[\]<>{}%]++)(?:\[([^\]\s]{0,128})\]:?|\]?:)(?:\s+|$)")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_NESTED = re.compile(rf"<\d{{1,3}}>|(?:{'|'.join(MONTHS)}) [ \d]\d \d\d:\d\d:\d\d ", re.ASCII)

_HEADER = re.compile(r"(\S+) +(\S+) +(\S+) +(\S+)(?: +(?:([^\s\[]\S*)(?: +|$))?|$)")
_SD_ID = re.compile(r"\[([^\s=\]\"]{1,128})")
_SD_PARAM = re.compile(r' +([^\s=\]"]{1,128})="([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_SD_ESCAPE = re.compile(r'\\(["\\\]])')
_AFTER_SD = re.compile(r" ?\ufeff?")

StructuredData = dict[str, dict[str, str | list[str]]]
"""RFC 5424 parameters by element id and name; a repeated name has its values in a list."""


class Envelope(NamedTuple):
    """What stands round a message; what the header did not say is None.

    `time` is UTC text (`tocsin.schemas.times`), `zoned` whether the header named its zone;
    `offset` is where `message` begins in the text.
    """

    message: str
    offset: int
    priority: int | None = None
    version: str | None = None
    time: str | None = None
    zoned: bool = False
    hostname: str | None = None
    app_name: str | None = None
    procid: str | None = None
    msgid: str | None = None
    structured_data: StructuredData | None = None


def parse_envelope(text: str, context: Context) -> Envelope:
    """The envelope of `text`; never raises, and text without any is all message."""
    text = text.rstrip("\r\n\0")
    envelope = _read(text, context, 1 if text.startswith("\ufeff") else 0)
    for _ in range(_RELAYS):
        if envelope.app_name is not None or not _NESTED.match(text, envelope.offset):
            break
        inner = _read(text, context, envelope.offset)
        if inner.time is None:
            break
        envelope = inner._replace(
            priority=envelope.priority if inner.priority is None else inner.priority,
            hostname=inner.hostname or envelope.hostname,
        )
    return envelope


def _read(text: str, context: Context, start: int) -> Envelope:
    count = _COUNT.match(text, start)
    if count:
        start = count.end()
    priority = None
    mark = _PRIORITY.match(text, start)
    if mark:
        start = mark.end()
        priority = int(mark[1])
        if priority > MAX_PRIORITY:
            priority = None
    version = _VERSION.match(text, start)
    # Archives lose the priority; only then is a bare "1" before the time a version.
    header = _HEADER.match(text, version.end()) if version and (mark or version[1] == "1") else None
    if version and header:
        return _read_5424(text, context, priority, version[1], header)
    return _read_3164(text, context, priority, start)


def _read_3164(text: str, context: Context, priority: int | None, start: int) -> Envelope:
    sequence = _SEQUENCE.match(text, start)
    stamp = scan(text, context, sequence.end() if sequence else start)
    if stamp is None:
        # Without a time nothing tells a host from a message; a tag may still be plain to see.
        tag = _TAG.match(text, start)
        if tag is None or (priority is None and tag[2] is None):
            return Envelope(text[start:], start, priority)
        end = tag.end()
        return Envelope(text[end:], end, priority, app_name=tag[1], procid=tag[2] or None)
    gap = _AFTER_TIME.match(text, stamp.end)
    position = gap.end() if gap else stamp.end
    hostname = None
    tag = _TAG.match(text, position)
    if tag is None:
        host = _HOST.match(text, position)
        if host:
            hostname, position = host[1], host.end()
            tag = _TAG.match(text, position)
    elif tag[2] is None and (text.startswith("%", tag.end()) or _IPV4.fullmatch(tag[1])):
        # Cisco's origin id: "host: %ASA-6-302013: ...".
        hostname, position = tag[1], tag.end()
        tag = _TAG.match(text, position)
    app_name = procid = None
    if tag:
        app_name, procid, position = tag[1], tag[2] or None, tag.end()
    return Envelope(
        text[position:],
        position,
        priority,
        None,
        stamp.time,
        stamp.zoned,
        hostname,
        app_name,
        procid,
    )


def _read_5424(
    text: str, context: Context, priority: int | None, version: str, header: re.Match[str]
) -> Envelope:
    moment, *names = (None if value == "-" else value for value in header.groups())
    hostname, app_name, procid, msgid = names
    stamp = scan(moment, context) if moment else None
    data, position = _structured_data(text, header.end())
    gap = _AFTER_SD.match(text, position)
    position = gap.end() if gap else position
    return Envelope(
        text[position:],
        position,
        priority,
        version,
        stamp.time if stamp else None,
        stamp.zoned if stamp else False,
        hostname,
        app_name,
        procid,
        msgid,
        data or None,
    )


def _structured_data(text: str, position: int) -> tuple[StructuredData, int]:
    """The elements at `position` and where they end; what is malformed belongs to the message."""
    if text.startswith("- ", position) or text[position:] == "-":
        return {}, position + 1
    elements: StructuredData = {}
    while element := _SD_ID.match(text, position):
        params: dict[str, str | list[str]] = {}
        end = element.end()
        while param := _SD_PARAM.match(text, end):
            end = param.end()
            _add(params, param[1], _SD_ESCAPE.sub(r"\1", param[2]))
        if not text.startswith("]", end):
            break
        elements.setdefault(element[1], {}).update(params)
        position = end + 1
    return elements, position


def _add(params: dict[str, str | list[str]], name: str, value: str) -> None:
    present = params.get(name)
    if present is None:
        params[name] = value
    elif isinstance(present, list):
        present.append(value)
    else:
        params[name] = [present, value]


def _priority_fields(priority: int) -> Event:
    facility, severity = divmod(priority, 8)
    return {
        "log.syslog.priority": priority,
        "log.syslog.facility.code": facility,
        "log.syslog.facility.name": FACILITIES[facility],
        "log.syslog.severity.code": severity,
        "log.syslog.severity.name": SEVERITIES[severity],
    }


_PRIORITY_FIELDS = tuple(map(_priority_fields, range(MAX_PRIORITY + 1)))


def envelope_fields(envelope: Envelope, context: Context) -> Event:
    """`@timestamp` and `log.syslog.*` of an event in `envelope`.

    Without a time in the header, `@timestamp` is the record time; `event.timezone` stands where
    the source's zone was assumed. Whose name `hostname` is (`host`, `observer`) the parser knows.
    """
    if envelope.time is None:
        event: Event = {"@timestamp": format_time(context.received)}
    elif envelope.zoned:
        event = {"@timestamp": envelope.time}
    else:
        event = {"@timestamp": envelope.time, "event.timezone": zone_name(context.timezone)}
    if envelope.priority is not None:
        event.update(_PRIORITY_FIELDS[envelope.priority])
    if envelope.hostname is not None:
        event["log.syslog.hostname"] = envelope.hostname
    if envelope.app_name is not None:
        event["log.syslog.appname"] = envelope.app_name
    if envelope.procid is not None:
        event["log.syslog.procid"] = envelope.procid
    if envelope.version is not None:
        event["log.syslog.version"] = envelope.version
    if envelope.msgid is not None:
        event["log.syslog.msgid"] = envelope.msgid
    if envelope.structured_data is not None:
        event["log.syslog.structured_data"] = envelope.structured_data
    return event
