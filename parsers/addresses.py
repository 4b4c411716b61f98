"""Addresses as ECS wants them; anything else is None, and stays in the vendor remainder."""

import ipaddress
import re

from tocsin.schemas.remembering import remembering

_CACHED = 65_536
"""Addresses of an organisation's own hosts come back all day; the table stays under 20 MB."""

_LONGEST_IP = 64
"""The longest textual IPv6 address has 45 characters, a zone not counted."""

_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")
_NOT_HEX = str.maketrans("", "", ":-.")

TRANSPORTS = {
    "1": "icmp",
    "2": "igmp",
    "4": "ipv4",
    "6": "tcp",
    "17": "udp",
    "33": "dccp",
    "41": "ipv6",
    "47": "gre",
    "50": "esp",
    "51": "ah",
    "58": "ipv6-icmp",
    "88": "eigrp",
    "89": "ospf",
    "103": "pim",
    "112": "vrrp",
    "132": "sctp",
    "136": "udplite",
}
"""Transport names by IANA protocol number."""

NUMBERS = {name: number for number, name in TRANSPORTS.items()}
"""IANA protocol numbers by transport name."""


_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Ranges of RFC 1918, 6598, 4193 and of hosts' own and links' addresses."""


@remembering(_CACHED)
def ip(text: str) -> str | None:
    """The address that `text` is, in the shortest form of RFC 5952, so that sources agree on it.

    Brackets and zone (`fe80::1%eth0`) are dropped; an IPv4-mapped address is the IPv4 address.
    """
    if len(text) > _LONGEST_IP:
        return None
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@remembering(_CACHED)
def mac(text: str) -> str | None:
    """`text` as RFC 7042 writes it, `00-00-5E-00-53-23`, if it is a MAC address."""
    if not _MAC.fullmatch(text):
        return None
    digits = text.translate(_NOT_HEX).upper()
    return "-".join(digits[place : place + 2] for place in range(0, 12, 2))


@remembering(_CACHED)
def port(text: str) -> int | None:
    """The number of a TCP or UDP port, 0 included."""
    number = count(text)
    return number if number is not None and number <= 65_535 else None


def count(text: str) -> int | None:
    """A non-negative decimal number that fits Elasticsearch's `long`."""
    return int(text) if len(text) <= 18 and text.isdecimal() and text.isascii() else None


@remembering(_CACHED)
def is_public(text: str) -> bool:
    """Whether `text` is an address that may lie in a country: none of a private or local range."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not any(address in network for network in _PRIVATE)


def ip_type(address: str) -> str:
    """`ipv4` or `ipv6`, as `network.type` has it, of a valid `address`."""
    return "ipv6" if ":" in address else "ipv4"
