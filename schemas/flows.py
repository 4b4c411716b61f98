"""What follows from the ends of a flow: their `address`, and the Community ID of the whole."""

from base64 import b64encode
from hashlib import sha1
from ipaddress import ip_address
from struct import Struct

from tocsin.schemas.events import Event
from tocsin.schemas.remembering import remembering

_ENDS = ("source", "destination", "client", "server")
_FIELDS = tuple((f"{end}.address", f"{end}.ip", f"{end}.domain") for end in _ENDS)

_WITH_PORTS = {"tcp": 6, "udp": 17, "sctp": 132}
"""Transports whose flows are told apart by ports; others give no Community ID here."""

_PROTOCOL = Struct("!BB").pack
_PORTS = Struct("!HH").pack
_VERSION, _SEED = "1:", b"\0\0"
_LAST_PORT = 65_535
_REMEMBERED = 65_536
"""Addresses of an organisation's own hosts come back all day; the table stays under 20 MB."""


def add_flow(event: Event) -> None:
    """Add to `event` each end's `address`, as ECS wants one beside every `ip` and `domain`.

    Where both ends, their ports and the transport are known, `network.community_id` too, by which
    other sensors know the same flow.
    """
    for address, ip, domain in _FIELDS:
        if address not in event:
            known = event.get(ip) or event.get(domain)
            if known:
                event[address] = known
    protocol = _WITH_PORTS.get(event.get("network.transport", ""))
    if protocol is not None and "network.community_id" not in event:
        identity = community_id(
            protocol,
            (event.get("source.ip"), event.get("source.port")),
            (event.get("destination.ip"), event.get("destination.port")),
        )
        if identity is not None:
            event["network.community_id"] = identity


def community_id(
    protocol: int, source: tuple[object, object], destination: tuple[object, object]
) -> str | None:
    """The Community ID v1, with seed 0, of the flow between two `(ip, port)`; either order.

    None unless both are whole and of one IP version. Source: the Community ID specification,
    https://github.com/corelight/community-id-spec.
    """
    one, other = _packed(*source), _packed(*destination)
    if one is None or other is None or len(one[0]) != len(other[0]):
        return None
    low, high = sorted((one, other))
    text = _SEED + low[0] + high[0] + _PROTOCOL(protocol, 0) + _PORTS(low[1], high[1])
    return _VERSION + b64encode(sha1(text, usedforsecurity=False).digest()).decode("ascii")


def _packed(address: object, port: object) -> tuple[bytes, int] | None:
    if not isinstance(address, str) or type(port) is not int or not 0 <= port <= _LAST_PORT:
        return None
    packed = _address(address)
    return None if packed is None else (packed, port)


@remembering(_REMEMBERED)
def _address(text: str) -> bytes | None:
    try:
        return ip_address(text).packed
    except ValueError:
        return None
