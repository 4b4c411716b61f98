"""The messages of Cisco ASA about tunnels, their security associations and translations, by id.

Source: Cisco Secure Firewall ASA Series Syslog Messages. Named groups are as in
`cisco_asa_messages`. Where a user's name may pose as the peer's address, a message says nothing.
"""

from tocsin.parsers.firewall.cisco_asa_messages import PEER, PEER_IN_ANGLES
from tocsin.parsers.firewall.cisco_asa_text import (
    DESTINATION,
    PROTOCOL,
    SOURCE,
    Message,
    compiled,
    plain,
)

_NETWORK = ("network",)
_SESSION = ("network", "session")
_STARTED = ("connection", "start")
_ENDED = ("connection", "end")

_SVC = r"(?P<protocol>TCP|UDP) SVC connection"
_ASSOCIATION = (
    r"IPSEC: An? (?P<sa_direction>inbound|outbound) (?P<tunnel_type>[\w -]+) SA "
    r"\(SPI= ?(?P<spi>\w+)\) between (?P<source_ip>\S+) and (?P<destination_ip>\S+) "
    r"\(user= ?(?P<username>.*)\) has been "
)
_IKEV2 = (
    r"Local: ?(?P<destination_ip>\S+):(?P<destination_port>\d+) "
    r"Remote: ?(?P<source_ip>\S+):(?P<source_port>\d+) Username: ?(?P<username>\S*) (?:IKEv2 )?SA "
)
_TRANSLATION = (
    r"(?P<translation>dynamic|static) translation from (?P<source_interface>[^\s:(]+)"
    r"(?:\([^)]*\))?:(?P<source_ip>[^\s/()]+)(?:\((?P<source_username>[^()]*)\))? to "
    r"(?P<destination_interface>[^\s:(]+)(?:\([^)]*\))?:(?P<mapped_source_ip>[^\s/()]+)"
)


def _peer(text: str, action: str, types: tuple[str, ...]) -> Message:
    return Message(compiled(PEER.pattern + text), action, _SESSION, types)


def _remote_access(text: str, action: str, types: tuple[str, ...]) -> Message:
    return Message(compiled(PEER_IN_ANGLES.pattern + text), action, _SESSION, types)


VPN: dict[str, Message] = {
    "111009": Message(
        compiled(r"User '(?P<username>[^']*)' executed cmd: ?(?P<command>.*)"),
        "command-executed", ("configuration",), ("access",),
    ),
    "113014": Message(
        compiled(
            r"AAA (?P<aaa_type>\w+) server not accessible ?: server = +(?P<server_ip>\S+) : "
            r"user = (?P<username>.*)"
        ),
        "aaa-server-unreachable", ("authentication",), ("info",), "failure",
    ),
    "305009": Message(
        compiled(rf"Built {_TRANSLATION}"), "translation-creation", _NETWORK, _STARTED
    ),
    "305010": Message(
        compiled(rf"Teardown {_TRANSLATION} duration (?P<duration>[\d:]+)"),
        "translation-expiration", _NETWORK, _ENDED,
    ),
    "500003": Message(
        compiled(
            rf"(?P<reason>Bad (?P<protocol>TCP) hdr length) \([^)]*\) from {plain('source')} to "
            rf"{plain('destination')}, flags: (?P<tcp_flags>[A-Z ]*), on interface "
            r"(?P<source_interface>\S+)"
        ),
        "packet-dropped", _NETWORK, ("connection", "denied"),
    ),
    "602303": Message(
        compiled(rf"{_ASSOCIATION}created"), "association-created", _SESSION, _STARTED
    ),
    "602304": Message(
        compiled(rf"{_ASSOCIATION}deleted"), "association-deleted", _SESSION, _ENDED
    ),
    "710006": Message(
        compiled(rf"{PROTOCOL} request discarded from {SOURCE} to {DESTINATION}"),
        "firewall-rule", _NETWORK, ("connection", "denied"),
    ),
    "713049": _peer("Security negotiation complete for ", "tunnel-established", _STARTED),
    "713050": _peer(
        r"Connection terminated for peer \S+\. +Reason: (?P<reason>.+?) +Remote Proxy",
        "tunnel-terminated",
        _ENDED,
    ),
    "713119": _peer("PHASE 1 COMPLETED", "phase1-completed", _STARTED),
    "713120": _peer("PHASE 2 COMPLETED", "phase2-completed", _STARTED),
    "713259": _peer(
        r"Session is being torn down\. Reason: (?P<reason>.*)", "tunnel-terminated", _ENDED
    ),
    "722022": _remote_access(f"{_SVC} established", "tunnel-established", _STARTED),
    "722023": _remote_access(f"{_SVC} terminated", "tunnel-terminated", _ENDED),
    "722033": _remote_access(f"First {_SVC} established", "tunnel-established", _STARTED),
    "722034": _remote_access(f"New {_SVC} established", "tunnel-established", _STARTED),
    "722037": _remote_access(
        r"SVC closing connection: (?P<reason>.*?)\.?$", "tunnel-terminated", _ENDED
    ),
    "750006": Message(
        compiled(rf"{_IKEV2}UP\. Reason: (?P<reason>.*)"), "tunnel-established", _SESSION, _STARTED
    ),
    "750007": Message(
        compiled(rf"{_IKEV2}DOWN\. Reason: (?P<reason>.*)"), "tunnel-terminated", _SESSION, _ENDED
    ),
}  # fmt: skip
"""What `cisco_asa_messages` and `cisco_asa_inspection` do not have."""
