"""Fortinet FortiGate: FortiOS logs as `key=value` lines, with or without a syslog envelope.

Source: FortiOS Log Message Reference, 6.0 to 7.6. The whole log is kept, with FortiOS's names and
text, under `fortinet.firewall`; ECS fields are read from it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tocsin.parsers.addresses import TRANSPORTS, count, ip, ip_type, mac, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.fortigate_kinds import classify
from tocsin.parsers.keyvalue import read_pairs
from tocsin.parsers.syslog import Envelope, envelope_fields, parse_envelope
from tocsin.parsers.timestamps import parse_epoch, parse_zone, scan, zone_name
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_micros, parse_time

ROOT = "fortinet.firewall."

_ABSENT = frozenset({"", "N/A", "n/a", "undefined", "unknown", "(null)", "none"})
"""What FortiOS writes where it has no value."""

_LEVELS = {
    "emergency": 0,
    "alert": 1,
    "critical": 2,
    "error": 3,
    "warning": 4,
    "notice": 5,
    "information": 6,
    "debug": 7,
}
_TYPES_BY_ID = {
    "00": "traffic",
    "01": "event",
    "02": "virus",
    "03": "webfilter",
    "04": "ips",
    "05": "emailfilter",
    "07": "anomaly",
    "08": "voip",
    "09": "dlp",
    "10": "app-ctrl",
    "12": "waf",
    "14": "gtp",
    "15": "dns",
    "16": "ssh",
    "17": "ssl",
    "18": "cifs",
    "19": "file-filter",
}
"""The first two digits of `logid` name the type ("Log ID definitions")."""

_DIRECTIONS = {
    ("lan", "lan"): "internal",
    ("lan", "wan"): "outbound",
    ("lan", "dmz"): "internal",
    ("dmz", "dmz"): "internal",
    ("dmz", "lan"): "internal",
    ("dmz", "wan"): "outbound",
    ("wan", "dmz"): "inbound",
    ("wan", "lan"): "inbound",
    ("wan", "wan"): "external",
}
"""By the roles of the interfaces that a session comes in and goes out by."""

_SESSION_DIRECTIONS = {"incoming": "inbound", "outgoing": "outbound"}
_UI_ADDRESS = re.compile(r"\(([0-9A-Fa-f:.]{2,45})\)")
_SEPARATORS = re.compile(r"[,;\s]+")
_MAIL_PROFILES = frozenset({"emailfilter", "virus", "dlp", "file-filter"})
_NAMES = re.compile(r"[\w -]*", re.ASCII)
_FOREIGN = re.compile(r"[^\w-]", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def parse(text: str, context: Context) -> Event:
    """The event of one FortiOS log.

    Raises ParseError if there is neither `type=` nor `logid=`, so nothing of FortiOS.
    """
    envelope = parse_envelope(text, context)
    fields, cut = read_pairs(envelope.message)
    if "type" not in fields:
        type_ = _TYPES_BY_ID.get(fields.get("logid", "")[:2])
        if type_ is None:
            raise ParseError("no FortiOS log: expected type= or a known logid=")
        fields = {"type": type_, **fields}
    if not _NAMES.fullmatch(" ".join(fields)):
        fields = {_FOREIGN.sub("_", key): value for key, value in fields.items()}
    event = envelope_fields(envelope, context)
    _set_time(event, fields, context)
    for key, value in fields.items():
        event[ROOT + key] = value
        plan = _PLANS.get(key)
        if plan is not None:
            converted = plan[1](value)
            if converted is not None:
                event[plan[0]] = converted
    _set_event(event, fields, envelope)
    _set_network(event, fields)
    _set_users(event, fields)
    profile = fields.get("subtype", "") if fields["type"] == "utm" else fields["type"]
    if profile not in {"traffic", "event"}:
        _set_inspection(event, fields, profile)
    if cut:
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the last quoted value is cut off"
    return event


def _set_time(event: Event, fields: Mapping[str, str], context: Context) -> None:
    """`eventtime` is UTC and finest; then `date` and `time`, in `tz` if stated; then the header."""
    stated = parse_epoch(fields.get("eventtime", ""))
    if stated is not None and stated > "2000":
        event["@timestamp"] = stated
        event.pop("event.timezone", None)
        return
    zone = parse_zone(fields.get("tz", ""))
    local = Context(context.received, zone or context.timezone)
    stamp = scan(f"{fields.get('date', '')} {fields.get('time', '')}", local)
    if stamp is None:
        return
    event["@timestamp"] = stamp.time
    if zone is None:
        event["event.timezone"] = zone_name(context.timezone)
    else:
        event.pop("event.timezone", None)


def _set_event(event: Event, fields: Mapping[str, str], envelope: Envelope) -> None:
    kind = classify(fields)
    event["event.module"] = "fortinet"
    event["event.dataset"] = "fortinet.fortigate"
    event["event.kind"] = kind.kind
    event["event.category"] = list(kind.category)
    event["event.type"] = list(kind.type)
    if kind.outcome is not None:
        event["event.outcome"] = kind.outcome
    if fields["type"] in {"traffic", "event"}:
        action = fields.get("action") or fields.get("logdesc")
    else:
        action = fields.get("eventtype") or fields.get("action")
    if action:
        event["event.action"] = action
    severity = _LEVELS.get(fields.get("level", ""))
    if severity is not None:
        event["event.severity"] = severity
    event["observer.vendor"] = "Fortinet"
    event["observer.product"] = "FortiGate"
    event["observer.type"] = "firewall"
    if "observer.name" not in event and envelope.hostname is not None:
        event["observer.name"] = envelope.hostname


def _set_network(event: Event, fields: Mapping[str, str]) -> None:
    if "source.ip" not in event:
        address = _first_ip(fields, "remip", "ui")
        if address:
            event["source.ip"] = address
    duration = event.get("event.duration")
    if duration is not None:
        end = event["@timestamp"]
        event["event.start"] = format_micros(parse_time(end) - duration // 1000)
        event["event.end"] = end
    address = event.get("source.ip") or event.get("destination.ip")
    if address:
        event["network.type"] = ip_type(address)
    number = fields.get("proto", "")
    if number.isdecimal():
        event["network.iana_number"] = number
        if number in TRANSPORTS:
            event["network.transport"] = TRANSPORTS[number]
    for measure in ("bytes", "packets"):
        sent, received = event.get(f"source.{measure}"), event.get(f"destination.{measure}")
        if sent is not None or received is not None:
            event[f"network.{measure}"] = (sent or 0) + (received or 0)
    roles = (fields.get("srcintfrole", ""), fields.get("dstintfrole", ""))
    # FortiOS's own direction is that of the packet in its session, not across the border.
    direction = _DIRECTIONS.get(roles) or _SESSION_DIRECTIONS.get(fields.get("direction", ""))
    if direction:
        event["network.direction"] = direction
    translation = fields.get("trandisp", "")
    if "snat" in translation:
        _set_nat(event, "source", fields.get("transip", ""), fields.get("transport", ""))
    if "dnat" in translation:
        _set_nat(event, "destination", fields.get("tranip", ""), fields.get("tranport", ""))


def _first_ip(fields: Mapping[str, str], *keys: str) -> str | None:
    for key in keys:
        value = fields.get(key, "")
        inner = _UI_ADDRESS.search(value)
        address = ip(inner[1] if inner else value)
        if address:
            return address
    return None


def _set_nat(event: Event, side: str, address: str, number: str) -> None:
    translated = ip(address)
    if translated:
        event[f"{side}.nat.ip"] = translated
        translated_port = port(number)
        if translated_port:
            event[f"{side}.nat.port"] = translated_port


def _set_users(event: Event, fields: Mapping[str, str]) -> None:
    name = _text(fields.get("user", "")) or _text(fields.get("xauthuser", ""))
    if name:
        event["user.name"] = name
    peer = name or _text(fields.get("unauthuser", ""))
    if peer and "source.ip" in event:
        event["source.user.name"] = peer
    account = fields.get("cfgobj", "")
    if account and fields.get("cfgpath") in {"system.admin", "user.local"}:
        event["user.target.name"] = account


def _set_inspection(event: Event, fields: Mapping[str, str], profile: str) -> None:
    """What a security profile saw: the URL, the signature, the file's way by mail."""
    for key, target in (("hostname", "url.domain"), ("profile", "rule.ruleset")):
        value = _text(fields.get(key, ""))
        if value:
            event[target] = value
    if "url" in fields:
        set_url(event, fields["url"])
    extension = _extension(event.get("file.name", ""))
    if extension:
        event["file.extension"] = extension
    signature = _SIGNATURES.get(profile)
    if signature:
        for target, keys in zip(("rule.id", "rule.name"), signature, strict=True):
            named = next((fields[key] for key in keys if fields.get(key)), None)
            if named:
                event[target] = named
    if profile in _MAIL_PROFILES:
        for key, target in _MAIL:
            addresses = [part for part in _SEPARATORS.split(fields.get(key, "")) if "@" in part]
            if addresses:
                event.setdefault(target, addresses)
    if profile == "dns":
        answers = [ip(part) for part in _SEPARATORS.split(fields.get("ipaddr", ""))]
        resolved = [answer for answer in answers if answer]
        event["dns.type"] = "answer" if fields.get("eventtype") == "dns-response" else "query"
        if resolved:
            event["dns.resolved_ip"] = resolved


_SIGNATURES = {
    "anomaly": (("attackid",), ("attack",)),
    "app-ctrl": (("appid",), ("app",)),
    "ips": (("attackid",), ("attack",)),
    "virtual-patch": (("attackid",), ("attack",)),
    "virus": (("virusid",), ("virus",)),
    "waf": (("signid", "eventid"), ("name", "eventtype")),
}
"""Where a detection is not the policy's but a signature's, that is its rule."""

_MAIL = (
    ("from", "email.from.address"),
    ("to", "email.to.address"),
    ("cc", "email.cc.address"),
    ("recipient", "email.to.address"),
)


def _text(value: str) -> str | None:
    return None if value in _ABSENT else value


def _country(value: str) -> str | None:
    return None if value == "Reserved" else _text(value)


def _texts(value: str) -> list[str] | None:
    return None if value in _ABSENT else [value]


def _lower(value: str) -> str | None:
    return None if value in _ABSENT else value.lower()


def _protocol(value: str) -> str | None:
    """The protocol that a service object is named after: `HTTPS`, but not `tcp/8443`."""
    return value.lower() if _WORD.fullmatch(value) and value not in _ABSENT else None


def _nanoseconds(value: str) -> int | None:
    """Nanoseconds of the seconds that FortiOS counts in 32 bits."""
    seconds = count(value)
    return None if seconds is None or seconds >> 32 else seconds * 1_000_000_000


def _extension(value: str) -> str | None:
    return value.rpartition(".")[2].lower() if "." in value[-12:] else None


def _tls_version(value: str) -> str | None:
    return value.lower().removeprefix("tlsv").removeprefix("tls").lstrip("-. ") or None


_PLANS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "agent": ("user_agent.original", _text),
    "analyticscksum": ("file.hash.sha256", _lower),
    "app": ("network.application", _lower),
    "appcat": ("rule.category", _text),
    "applist": ("rule.ruleset", _text),
    "catdesc": ("rule.category", _text),
    "cipher": ("tls.cipher", _text),
    "devid": ("observer.serial_number", _text),
    "devname": ("observer.name", _text),
    "dst_int": ("observer.egress.interface.name", _text),
    "dstcountry": ("destination.geo.country_name", _country),
    "dstintf": ("observer.egress.interface.name", _text),
    "dstip": ("destination.ip", ip),
    "dstmac": ("destination.mac", mac),
    "dstname": ("destination.domain", _text),
    "dst_port": ("destination.port", port),
    "dstport": ("destination.port", port),
    "dstuser": ("destination.user.name", _text),
    "duration": ("event.duration", _nanoseconds),
    "filename": ("file.name", _text),
    "filesize": ("file.size", count),
    "group": ("source.user.group.name", _text),
    "httpmethod": ("http.request.method", _text),
    "level": ("log.level", _text),
    "locip": ("destination.ip", ip),
    "locport": ("destination.port", port),
    "logid": ("event.code", _text),
    "msg": ("message", _text),
    "policy_id": ("rule.id", _text),
    "policyid": ("rule.id", _text),
    "policyname": ("rule.name", _text),
    "poluuid": ("rule.uuid", _text),
    "qclass": ("dns.question.class", _text),
    "qname": ("dns.question.name", _text),
    "qtype": ("dns.question.type", _text),
    "rcode": ("dns.response_code", _text),
    "rcvdbyte": ("destination.bytes", count),
    "rcvdpkt": ("destination.packets", count),
    "reason": ("event.reason", _text),
    "ref": ("event.reference", _text),
    "referralurl": ("http.request.referrer", _text),
    "remport": ("source.port", port),
    "scertcname": ("tls.server.x509.subject.common_name", _texts),
    "scertissuer": ("tls.server.issuer", _text),
    "sender": ("email.sender.address", _text),
    "sentbyte": ("source.bytes", count),
    "sentpkt": ("source.packets", count),
    "service": ("network.protocol", _protocol),
    "sni": ("tls.client.server_name", _text),
    "src_int": ("observer.ingress.interface.name", _text),
    "src_port": ("source.port", port),
    "srccountry": ("source.geo.country_name", _country),
    "srcintf": ("observer.ingress.interface.name", _text),
    "srcip": ("source.ip", ip),
    "srcmac": ("source.mac", mac),
    "srcname": ("source.domain", _text),
    "srcport": ("source.port", port),
    "stamac": ("source.mac", mac),
    "subject": ("email.subject", _text),
    "tlsver": ("tls.version", _tls_version),
    "xid": ("dns.id", _text),
}
"""FortiOS field to ECS field, and how its text becomes the value; None leaves the field out."""
