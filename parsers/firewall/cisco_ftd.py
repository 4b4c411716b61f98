"""Cisco Secure Firewall Threat Defense: its security events, messages 430001 to 430005.

Source: Cisco Secure Firewall Threat Defense Syslog Messages, "Security Event Syslog Messages":
`Name: value` pairs, separated by commas, of which empty ones are left out. They are kept under
`cisco.ftd` by Cisco's names. Values may hold commas, and some are what a client sent: from the
first of those on, no pair says who talked to whom.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tocsin.parsers.addresses import NUMBERS, count, ip, ip_type, port
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_micros, parse_time

ROOT = "cisco.ftd."

_PAIR = re.compile(r"(?:^|, )([A-Z][A-Za-z0-9]*+(?:[_ ][A-Z][A-Za-z0-9]*+)*+): ?")


class _Kind(NamedTuple):
    action: str
    kind: str
    category: tuple[str, ...]
    type: tuple[str, ...]


_NETWORK = ("network",)
KINDS = {
    "430001": _Kind("intrusion-detected", "alert", ("intrusion_detection", "network"), ("info",)),
    "430002": _Kind("connection-started", "event", _NETWORK, ("connection", "start")),
    "430003": _Kind("connection-finished", "event", _NETWORK, ("connection", "end")),
    "430004": _Kind("file-detected", "event", ("file", "network"), ("info",)),
    "430005": _Kind("malware-detected", "alert", ("file", "malware", "network"), ("info",)),
}
"""What each message id means."""

_SENT_BY_CLIENTS = frozenset(
    {
        "DNSQuery",
        "DNS_Sinkhole",
        "FileName",
        "HTTPReferer",
        "HTTP_Hostname",
        "HTTP_URI",
        "MIMEAttachment",
        "ReferencedHost",
        "URI",
        "URL",
        "User",
        "UserAgent",
    }
)
_ENDS = frozenset(
    {
        "AccessControlRuleAction",
        "DstIP",
        "DstPort",
        "Protocol",
        "SrcIP",
        "SrcPort",
    }
)
"""What says who talked to whom, and whether they might: it stands before all that clients send."""

_NOBODY = frozenset({"", "No Authentication Required", "Not Found", "Unknown", "N/A"})
_VERDICTS = ("InlineResult", "FileAction", "AccessControlRuleAction")
_BLOCKED = ("Block", "Dropped", "Interactive Block", "Malware Block", "Partially")


def set_security_event(event: Event, id_: str, text: str) -> None:
    """Complete `event` from the `text` of security event `id_`, which `KINDS` has."""
    known = KINDS[id_]
    fields, doubtful = _read(text)
    event["event.dataset"] = "cisco.ftd"
    event["event.action"] = known.action
    event["event.kind"] = known.kind
    event["event.category"] = list(known.category)
    event["event.type"] = list(known.type)
    for name, value in fields.items():
        event[ROOT + name.replace(" ", "")] = value
        plan = _PLANS.get(name)
        if plan is not None and name not in doubtful:
            converted = plan[1](value)
            if converted is not None:
                event[plan[0]] = converted
    if doubtful or not fields:
        event["tags"] = ["parse_partial"]
        event["error.message"] = (
            f"stands twice: {', '.join(sorted(doubtful))}"
            if doubtful
            else "no fields: expected NAME: VALUE, ..."
        )
    if fields.get("Message"):
        # The signature decided, not the access rule that sent the packet to it.
        event["rule.name"] = fields["Message"]
    _set_verdict(event, fields)
    _set_flow(event)
    if "URL" in fields:
        set_url(event, fields["URL"])
    elif "URI" in fields:
        set_url(event, fields["URI"])


def _read(text: str) -> tuple[dict[str, str], set[str]]:
    """The pairs of `text`, and the names that stand twice: of those neither value is believed."""
    starts: list[tuple[str, int, int]] = []
    named: set[str] = set()
    doubtful: set[str] = set()
    sent = False
    for mark in _PAIR.finditer(text):
        name = mark[1]
        if name in named or (sent and name in _ENDS):
            # Such a pair belongs to the value that it stands in.
            if name not in _ENDS:
                doubtful.add(name)
        else:
            named.add(name)
            starts.append((name, mark.start(), mark.end()))
            sent = sent or name in _SENT_BY_CLIENTS
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    fields = {name: text[start:end] for (name, _, start), end in zip(starts, ends, strict=False)}
    return fields, doubtful


def _set_verdict(event: Event, fields: Mapping[str, str]) -> None:
    said = (fields[name] for name in _VERDICTS if name in fields)
    verdict = next(said, None)
    if verdict is None:
        return
    event["event.type"].append("denied" if verdict.startswith(_BLOCKED) else "allowed")
    event["event.outcome"] = "success"


def _set_flow(event: Event) -> None:
    address = event.get("source.ip") or event.get("destination.ip")
    if address:
        event["network.type"] = ip_type(address)
    transport = event.get("network.transport")
    if transport in NUMBERS:
        event["network.iana_number"] = NUMBERS[transport]
    for measure in ("bytes", "packets"):
        sent, received = event.get(f"source.{measure}"), event.get(f"destination.{measure}")
        if sent is not None and received is not None:
            event[f"network.{measure}"] = sent + received
    start, elapsed = event.get("event.start"), event.get("event.duration")
    if start is not None and elapsed is not None:
        event["event.end"] = format_micros(parse_time(start) + elapsed // 1000)


def _text(value: str) -> str | None:
    return value or None


def _lower(value: str) -> str | None:
    return value.lower() or None


def _user(value: str) -> str | None:
    return None if value in _NOBODY else value


def _seconds(value: str) -> int | None:
    seconds = count(value)
    return None if seconds is None or seconds >> 32 else seconds * 1_000_000_000


def _time(value: str) -> str | None:
    try:
        return format_micros(parse_time(value))
    except (ValueError, OverflowError):
        return None


def _status(value: str) -> int | None:
    status = count(value)
    return status if status is not None and 100 <= status <= 999 else None


def _tls_version(value: str) -> str | None:
    return value.removeprefix("TLSv") if value.startswith("TLSv") else None


_PLANS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ACPolicy": ("rule.ruleset", _text),
    "AccessControlRuleName": ("rule.name", _text),
    "AccessControlRuleReason": ("event.reason", _text),
    "ApplicationProtocol": ("network.protocol", _lower),
    "Classification": ("rule.category", _text),
    "ConnectionDuration": ("event.duration", _seconds),
    "DNSQuery": ("dns.question.name", _text),
    "DNSResponseType": ("dns.response_code", _text),
    "DstIP": ("destination.ip", ip),
    "DstPort": ("destination.port", port),
    "EgressInterface": ("observer.egress.interface.name", _text),
    "EgressZone": ("observer.egress.zone", _text),
    "FileName": ("file.name", _text),
    "FileSHA256": ("file.hash.sha256", _lower),
    "FileSize": ("file.size", count),
    "FirstPacketSecond": ("event.start", _time),
    "HTTPReferer": ("http.request.referrer", _text),
    "HTTPResponse": ("http.response.status_code", _status),
    "IngressInterface": ("observer.ingress.interface.name", _text),
    "IngressZone": ("observer.ingress.zone", _text),
    "InitiatorBytes": ("source.bytes", count),
    "InitiatorPackets": ("source.packets", count),
    "NAT_InitiatorIP": ("source.nat.ip", ip),
    "NAT_InitiatorPort": ("source.nat.port", port),
    "NAT_ResponderIP": ("destination.nat.ip", ip),
    "NAT_ResponderPort": ("destination.nat.port", port),
    "Protocol": ("network.transport", _lower),
    "ResponderBytes": ("destination.bytes", count),
    "ResponderPackets": ("destination.packets", count),
    "SID": ("rule.id", _text),
    "SSLServerName": ("tls.client.server_name", _text),
    "SSLCipherSuite": ("tls.cipher", _text),
    "SSLVersion": ("tls.version", _tls_version),
    "SrcIP": ("source.ip", ip),
    "SrcPort": ("source.port", port),
    "ThreatName": ("threat.software.name", _text),
    "User": ("user.name", _user),
    "UserAgent": ("user_agent.original", _text),
    "WebApplication": ("network.application", _lower),
}
"""Cisco's name to ECS field, and how its text becomes the value; None leaves the field out."""
