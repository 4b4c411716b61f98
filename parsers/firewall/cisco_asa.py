"""Cisco ASA, Secure Firewall Threat Defense (FTD), and their forebears PIX and FWSM.

Source: Cisco Secure Firewall ASA Series Syslog Messages: `%ASA-LEVEL-ID: text`, after a header
that devices and relays write in many ways. What a message says stays under `cisco.asa`.
"""

import re
from collections.abc import Callable
from typing import Any

from tocsin.parsers.addresses import NUMBERS, TRANSPORTS, count, ip, ip_type, mac, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.cisco_asa_inspection import INSPECTION
from tocsin.parsers.firewall.cisco_asa_messages import MESSAGES, PEER, PEER_IN_ANGLES
from tocsin.parsers.firewall.cisco_asa_vpn import VPN
from tocsin.parsers.firewall.cisco_ftd import KINDS, set_security_event
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_micros, parse_time

ROOT = "cisco.asa."

_HEAD = re.compile(
    r"%(?P<product>ASA|FTD|PIX|FWSM)(?:-[a-z]+)?-(?P<level>[0-7])-(?P<id>\d{6}):? ?", re.ASCII
)
_LEVELS = (
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notification",
    "informational",
    "debugging",
)
_CLOCK = re.compile(r"(?:(\d{1,5})d[ :]*)?(\d{1,6})h?:(\d{1,2})m?:(\d{1,2})s?", re.ASCII)
_MESSAGES = {**MESSAGES, **INSPECTION, **VPN}
_SERVICES = {"https": 443, "http": 80, "ssh": 22, "telnet": 23}


def parse(text: str, context: Context) -> Event:
    """The event of one message.

    Raises ParseError if there is no `%ASA-LEVEL-ID`, so nothing of this product.
    """
    envelope = parse_envelope(text, context)
    head = _HEAD.search(envelope.message)
    if head is None:
        raise ParseError("no message of Cisco ASA: expected %ASA-LEVEL-ID")
    event = envelope_fields(envelope, context)
    level = int(head["level"])
    message = envelope.message[head.end() :].rstrip()
    event["message"] = message
    event["log.level"] = _LEVELS[level]
    event["event.severity"] = level
    event["event.code"] = head["id"]
    event["event.module"] = "cisco"
    event["event.dataset"] = "cisco.asa"
    event["event.kind"] = "event"
    event["event.category"] = ["network"]
    event["event.type"] = ["info"]
    event["observer.vendor"] = "Cisco"
    event["observer.product"] = head["product"]
    event["observer.type"] = "firewall"
    name = envelope.hostname or envelope.app_name
    if name is not None:
        event["observer.name"] = name
    if head["id"] in KINDS:
        set_security_event(event, head["id"], message)
    else:
        event[ROOT + "message_id"] = head["id"]
        _set_message(event, head["id"], message)
    return event


def _set_message(event: Event, id_: str, message: str) -> None:
    known = _MESSAGES.get(id_)
    if known is None:
        match = PEER.match(message) or PEER_IN_ANGLES.match(message)
    else:
        match = known.pattern.match(message)
    if known and match:
        event["event.kind"] = known.kind
        event["event.action"] = known.action
        event["event.category"] = list(known.category)
        event["event.type"] = list(known.type)
        event["event.outcome"] = known.outcome
    elif known:
        event["tags"] = ["parse_partial"]
        event["error.message"] = f"message {id_} does not read as documented"
    if match is None:
        return
    fields = {name: value for name, value in match.groupdict().items() if value is not None}
    for field, value in fields.items():
        event[ROOT + field] = value
    _set_fields(event, _directed(fields))


def _directed(fields: dict[str, str]) -> dict[str, str]:
    """`fields` with the initiator as source: ASA names the foreign side first, whoever began."""
    direction = fields.get("direction")
    if "foreign_ip" in fields:
        foreign, local = (
            ("destination", "source") if direction == "outbound" else ("source", "destination")
        )
        fields = {
            **fields,
            f"{foreign}_ip": fields["foreign_ip"],
            f"{local}_ip": fields["local_ip"],
            "protocol": "ICMP",
        }
    elif direction == "outbound":
        fields = {_SWAPPED.get(name, name): value for name, value in fields.items()}
    return fields


_SWAPPED = {
    f"{prefix}{side}_{part}": f"{prefix}{other}_{part}"
    for prefix in ("", "mapped_")
    for side, other in (("source", "destination"), ("destination", "source"))
    for part in ("ip", "port", "interface", "username")
}


def _set_fields(event: Event, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        plan = _PLANS.get(name)
        if plan is not None:
            converted = plan[1](value)
            if converted is not None:
                event[plan[0]] = converted
    for side in ("source", "destination"):
        address, mapped = event.get(f"{side}.ip"), ip(fields.get(f"mapped_{side}_ip", ""))
        if address:
            event["network.type"] = ip_type(address)
        elif fields.get(f"{side}_ip"):
            # With `names` in its configuration, ASA writes a host's name.
            event[f"{side}.domain"] = fields[f"{side}_ip"]
        if mapped and mapped != address:
            event[f"{side}.nat.ip"] = mapped
            number = port(fields.get(f"mapped_{side}_port", ""))
            if number is not None:
                event[f"{side}.nat.port"] = number
    transport = fields.get("protocol", "").lower()
    transport = TRANSPORTS.get(transport, transport)
    if transport:
        event["network.transport"] = transport
        if transport in NUMBERS:
            event["network.iana_number"] = NUMBERS[transport]
    verdict = fields.get("verdict")
    if verdict is not None:
        denied = verdict in {"denied", "dropped"}
        event["event.type"] = ["connection", "denied" if denied else "allowed"]
    if "url" in fields:
        set_url(event, fields["url"])
    sent, received = event.get("source.bytes"), event.get("destination.bytes")
    if sent is not None and received is not None:
        event["network.bytes"] = sent + received
    _set_duration(event, fields.get("duration", ""))


def _set_duration(event: Event, text: str) -> None:
    clock = _CLOCK.match(text)
    if clock is None:
        return
    days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    elapsed = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    end = event["@timestamp"]
    event["event.duration"] = elapsed * 1_000_000_000
    event["event.start"] = format_micros(parse_time(end) - elapsed * 1_000_000)
    event["event.end"] = end


def _text(value: str) -> str | None:
    return value or None


def _user(value: str) -> str | None:
    """A user's name; of a tunnel between sites, ASA gives the peer's address for one."""
    return None if ip(value) else _text(value)


def _port(value: str) -> int | None:
    """A port, which ASA writes as a service's name where it knows one of its own."""
    return _SERVICES.get(value.lower()) or port(value)


def _tls_version(value: str) -> str | None:
    return value.removeprefix("TLS").removeprefix("v") or None


_PLANS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "bytes": ("network.bytes", count),
    "command": ("process.command_line", _text),
    "destination_interface": ("observer.egress.interface.name", _text),
    "destination_ip": ("destination.ip", ip),
    "destination_port": ("destination.port", _port),
    "destination_username": ("destination.user.name", _text),
    "direction": ("network.direction", _text),
    "file_path": ("file.path", _text),
    "reason": ("event.reason", _text),
    "received_bytes": ("source.bytes", count),
    "rule_name": ("rule.name", _text),
    "sent_bytes": ("destination.bytes", count),
    "signature": ("rule.name", _text),
    "signature_id": ("rule.id", _text),
    "source_interface": ("observer.ingress.interface.name", _text),
    "source_ip": ("source.ip", ip),
    "source_mac": ("source.mac", mac),
    "source_port": ("source.port", _port),
    "source_username": ("source.user.name", _text),
    "tls_version": ("tls.version", _tls_version),
    "tunnel_group": ("source.user.group.name", _text),
    "username": ("user.name", _user),
}
