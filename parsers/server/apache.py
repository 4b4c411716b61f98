"""Apache httpd: access logs in the common and combined format, and error logs of 2.2 and 2.4.

Source: Apache HTTP Server documentation, `mod_log_config` and `ErrorLogFormat`:

    [Tue Nov 24 11:52:50.123456 2026] [core:error] [pid 12:tid 34] [client 192.0.2.1:5000] TEXT

and of `mod_ssl`, whose request log says with what protection a request came:

    [24/Nov/2026:11:52:50 +0100] 192.0.2.1 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET / HTTP/1.1" 1375

What httpd wrote stays under `apache.access` and `apache.error`; of ModSecurity's findings, which
it writes into the error log, rule, severity and place too.
"""

import re

from tocsin.parsers.addresses import ip, ip_type, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.access_log import parse_access, set_access
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_clf, scan, zone_name
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
_TLS = re.compile(
    r"\[(?P<time>[^\]]{26})\] (?P<address>\S+) (?P<protocol>(?:TLS|SSL)v[\d.]+|-) "
    r'(?P<cipher>[\w-]+) "(?P<request>[^"\\]*+(?:\\.[^"\\]*+)*+)" (?P<size>\d+|-)',
    re.ASCII,
)
_MODSECURITY = re.compile(r"(?:\[[^\]]*\] )?ModSecurity: (?P<verdict>[A-Z]\w+)", re.ASCII)
_FOUND = re.compile(r'(?<= )\[(?P<name>\w+) "(?P<value>[^"\\]*+(?:\\.[^"\\]*+)*+)"\](?= |$)')
_REFUSED = re.compile(
    r"(?:AH0161[78]: )?user (?P<user>\S+)(?:: authentication failure for \"[^\"]*\": "
    r"(?P<mismatch>Password Mismatch)| (?P<unknown>not found): )",
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
    event = _parse_line(line, {}, context)
    if event is None:
        envelope = parse_envelope(text, context)
        if envelope.offset:
            header = envelope_fields(envelope, context)
            if envelope.hostname is not None:
                header["host.name"] = envelope.hostname
            event = _parse_line(envelope.message, header, context)
    if event is None:
        raise ParseError("no log of Apache httpd: expected an access line or an error line")
    return event


def _parse_line(line: str, event: Event, context: Context) -> Event | None:
    """`event`, completed from a `line` of any of the logs; None if it is of none."""
    return (
        parse_access(line, event, "apache")
        or _parse_tls(line, event)
        or _parse_error(line, event, context)
    )


def _parse_tls(line: str, event: Event) -> Event | None:
    match = _TLS.fullmatch(line)
    time = parse_clf(match["time"]) if match else None
    if match is None or time is None:
        return None
    event["@timestamp"] = time
    event.pop("event.timezone", None)
    variables = {"time_local": match["time"], "remote_addr": match["address"]}
    variables |= {"request": match["request"], "body_bytes_sent": match["size"]}
    variables |= {"ssl_protocol": match["protocol"], "ssl_cipher": match["cipher"]}
    set_access(event, variables, "apache")
    protocol, _, version = match["protocol"].partition("v")
    if version:
        event["tls.version"] = version
        event["tls.version_protocol"] = protocol.lower()
        event["tls.cipher"] = match["cipher"]
        event["tls.established"] = True
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
    if head["client"]:
        _set_finding(event, message)
        _set_refusal(event, message)
    _, found, referrer = message.rpartition(_REFERRER)
    if found and head["client"]:
        event["http.request.referrer"] = referrer
    return event


def _set_refusal(event: Event, message: str) -> None:
    """What `mod_auth_basic` says of a user whom it refuses."""
    refused = _REFUSED.match(message)
    if refused is None:
        return
    event["event.category"] = ["authentication", "web"]
    event["event.action"] = "logon-failed"
    event["event.outcome"] = "failure"
    event["event.reason"] = refused["mismatch"] or refused["unknown"]
    event["user.name"] = refused["user"]


def _set_finding(event: Event, message: str) -> None:
    """ModSecurity's rule and verdict; its own pairs come first, and of each the first counts."""
    match = _MODSECURITY.match(message)
    if match is None:
        return
    event["event.category"] = ["intrusion_detection", "web"]
    denied = match["verdict"] == "Access"
    event["event.type"] = ["denied" if denied else "info"]
    event["event.kind"] = "alert"
    event["event.action"] = "request-denied" if denied else "rule-matched"
    found: dict[str, str] = {}
    for pair in _FOUND.finditer(message):
        found.setdefault(pair["name"], pair["value"])
    for name, value in found.items():
        event[f"{ROOT}modsecurity.{name}"] = value
        target = _FINDINGS.get(name)
        if target is not None and value:
            event[target] = value


_FINDINGS = {
    "hostname": "url.domain",
    "id": "rule.id",
    "msg": "rule.name",
    "unique_id": "http.request.id",
    "uri": "url.path",
}


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
