"""Linux netfilter: packets that iptables, nftables, UFW and their kin log through the kernel.

Source: `nf_log_syslog.c` of the Linux kernel, which writes, after the administrator's prefix:

    IN=eth0 OUT= MAC=... SRC=... DST=... LEN=60 ... ID=1 DF PROTO=TCP SPT=1 DPT=2 ... SYN URGP=0

The packet is kept under `iptables` with the kernel's names and text; flags, which have no `=`, as
`ip_flags` and `tcp_flags`; what repeats a key in the transport header under its protocol
(`iptables.udp.LEN`, `iptables.icmp.ID`); the packet that an ICMP error quotes under `inner`.
"""

import re

from tocsin.parsers.addresses import NUMBERS, TRANSPORTS, count, ip, ip_type, mac, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.schemas.events import Event

ROOT = "iptables."

_PACKET = re.compile(r"(?:IN=\S{0,32} OUT=|ARP HTYPE=)")
"""Names of interfaces have 15 characters at most; the bound keeps the search linear."""
_UPTIME = re.compile(r"\[ *(\d+\.\d+)\] ?", re.ASCII)
_UBIQUITI = re.compile(r"\[([^\]]+)-([0-9]+|default)-([ADR])\]")
_WORDS = re.compile(r"[A-Za-z]+")

_WRITERS = frozenset({"kernel", "ulogd"})

_IP_FLAGS = frozenset({"CE", "DF", "MF"})
_TCP_FLAGS = frozenset({"CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"})

_VERDICTS = {
    "accept": "accept",
    "accepted": "accept",
    "allow": "allow",
    "allowed": "allow",
    "block": "block",
    "blocked": "block",
    "denied": "deny",
    "deny": "deny",
    "drop": "drop",
    "dropped": "drop",
    "pass": "pass",
    "refuse": "reject",
    "refused": "reject",
    "reject": "reject",
    "rejected": "reject",
}
"""Words of a prefix that say what became of the packet: the kernel does not."""

_UBIQUITI_VERDICTS = {"A": "accept", "D": "drop", "R": "reject"}
_ALLOWED = frozenset({"accept", "allow", "pass"})

_FRAME_MACS = 35
"""Characters of two MAC addresses, with colons; headers of tunnels and PPP are shorter."""


def parse(text: str, context: Context) -> Event:
    """The event of one logged packet.

    Raises ParseError if there is no packet (`IN=... OUT=...`, or `ARP HTYPE=...`).
    """
    envelope = parse_envelope(text, context)
    message = envelope.message
    packet = _PACKET.search(message)
    if packet is None:
        raise ParseError("no packet of netfilter: expected IN=... OUT=... after the prefix")
    event = envelope_fields(envelope, context)
    event["message"] = message
    event["event.module"] = "iptables"
    event["event.dataset"] = "iptables.log"
    event["event.kind"] = "event"
    event["event.category"] = ["network"]
    event["observer.type"] = "firewall"
    if envelope.hostname is not None:
        event["observer.name"] = event["host.name"] = envelope.hostname
    text = message[: packet.start()]
    if envelope.app_name is not None and envelope.app_name not in _WRITERS:
        # Without the tag "kernel:", the prefix itself looks like a tag.
        text = f"{envelope.app_name}: {text}"
    prefix = _set_prefix(event, text)
    fields = _read_packet(event, message[packet.start() :])
    _set_verdict(event, prefix)
    _set_addresses(event, fields)
    _set_network(event, fields)
    if "source.ip" not in event or "destination.ip" not in event:
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the packet is cut off: expected the addresses SRC= and DST="
    return event


def _set_prefix(event: Event, text: str) -> str:
    uptime = _UPTIME.match(text)
    if uptime:
        event[ROOT + "uptime"] = uptime[1]
        text = text[uptime.end() :]
    prefix = text.strip()
    if prefix:
        event[ROOT + "prefix"] = prefix
    return prefix


def _read_packet(event: Event, packet: str) -> dict[str, str]:
    """The pairs of `packet` by key; they, its flags and what it quotes go into `event` as well."""
    outer, bracket, quoted = packet.partition(" [SRC=")
    if bracket:
        inner, _, rest = quoted.rpartition("]")
        outer = f"{outer} {rest}"
        for key, value in _pairs("SRC=" + inner)[0].items():
            event[f"{ROOT}inner.{key}"] = value
    header, proto, transport = outer.partition(" PROTO=")
    fields, words = _pairs(header)
    ip_flags = [word for word in words if word in _IP_FLAGS]
    if ip_flags:
        event[ROOT + "ip_flags"] = ip_flags
    repeated: dict[str, str] = {}
    if proto:
        segment, words = _pairs("PROTO=" + transport)
        tcp_flags = [word for word in words if word in _TCP_FLAGS]
        if tcp_flags:
            event[ROOT + "tcp_flags"] = tcp_flags
        repeated = {key: segment.pop(key) for key in fields.keys() & segment.keys()}
        fields.update(segment)
    for key, value in fields.items():
        event[ROOT + key] = value
    if repeated:
        transport = _transport(fields)
        part = transport if transport in NUMBERS else "transport"
        for key in sorted(repeated):
            event[f"{ROOT}{part}.{key}"] = repeated[key]
    return fields


def _pairs(text: str) -> tuple[dict[str, str], list[str]]:
    fields: dict[str, str] = {}
    words: list[str] = []
    for token in text.split():
        key, separator, value = token.partition("=")
        if not separator:
            words.append(token)
            if token[0] == "(":
                fields.setdefault("OPT", token[1:].rstrip(")"))
        elif key.isidentifier():
            fields.setdefault(key, value)
    return fields, words


def _transport(fields: dict[str, str]) -> str:
    """The name of the transport, which the kernel writes as a word or a number."""
    text = fields.get("PROTO", "")
    name = TRANSPORTS.get(text, text).lower()
    return "ipv6-icmp" if name == "icmpv6" else name


def _set_verdict(event: Event, prefix: str) -> None:
    """What the prefix says of the packet: a word of it, or Ubiquiti's `[chain-rule-letter]`."""
    event["event.type"] = ["connection"]
    if not prefix:
        return
    ubiquiti = _UBIQUITI.search(prefix)
    if ubiquiti:
        verdict: str | None = _UBIQUITI_VERDICTS[ubiquiti[3]]
        event["rule.ruleset"] = ubiquiti[1]
        event["rule.id"] = ubiquiti[2]
    else:
        words = _WORDS.findall(prefix.lower())
        verdict = next((_VERDICTS[word] for word in words if word in _VERDICTS), None)
    event["rule.name"] = prefix.strip("[]: ")
    if verdict:
        event["event.action"] = verdict
        event["event.type"].append("allowed" if verdict in _ALLOWED else "denied")
        event["event.outcome"] = "success"


def _set_addresses(event: Event, fields: dict[str, str]) -> None:
    for side, address_keys, port_key in (
        ("source", ("SRC", "IPSRC"), "SPT"),
        ("destination", ("DST", "IPDST"), "DPT"),
    ):
        address = next((fields[key] for key in address_keys if key in fields), None)
        valid = ip(address) if address else None
        if valid:
            event[f"{side}.ip"] = valid
            event["network.type"] = ip_type(valid)
        number = port(fields[port_key]) if port_key in fields else None
        if number is not None:
            event[f"{side}.port"] = number
    macs = (fields.get("MACDST"), fields.get("MACSRC"))
    frame = fields.get("MAC", "")
    if len(frame) >= _FRAME_MACS:
        # An Ethernet header: destination, source, and the type of what follows.
        macs = (frame[:17], frame[18:35])
    for side, text in zip(("destination", "source"), macs, strict=True):
        address = mac(text) if text else None
        if address:
            event[f"{side}.mac"] = address


def _set_network(event: Event, fields: dict[str, str]) -> None:
    ingress, egress = fields.get("IN"), fields.get("OUT")
    if ingress:
        event["observer.ingress.interface.name"] = ingress
    if egress:
        event["observer.egress.interface.name"] = egress
    if ingress and not egress:
        event["network.direction"] = "ingress"
    elif egress and not ingress:
        event["network.direction"] = "egress"
    vlan = count(fields.get("VID", ""))
    if vlan is not None:
        event["network.vlan.id"] = str(vlan)
    size = count(fields.get("LEN", ""))
    if size is not None:
        event["network.bytes"] = size
        event["network.packets"] = 1
    transport = _transport(fields)
    if transport:
        event["network.transport"] = transport
        number = NUMBERS.get(transport)
        if number is not None:
            event["network.iana_number"] = number
