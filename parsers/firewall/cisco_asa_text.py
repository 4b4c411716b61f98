"""How Cisco ASA writes addresses, interfaces and users into its messages, and what a message is.

Source: Cisco Secure Firewall ASA Series Syslog Messages.
"""

import re
from typing import NamedTuple


class Message(NamedTuple):
    """One message: its text, and what it means in ECS's words."""

    pattern: re.Pattern[str]
    action: str
    category: tuple[str, ...]
    type: tuple[str, ...]
    outcome: str = "success"
    kind: str = "event"


PROTOCOL = r"(?:protocol )?(?P<protocol>\S+)"
USER = r"(?:\s?\((?!type \d|\d+\))(?P<{0}_username>[^()/]*)\))?"


def plain(side: str) -> str:
    """`192.0.2.1/443`, with or without the port."""
    return rf"(?P<{side}_ip>[^\s/()]+)(?:/(?P<{side}_port>[^\s/(),;]+))?"


def on_interface(side: str) -> str:
    """`outside:192.0.2.1/443(user)`, with or without port and user."""
    return rf"(?P<{side}_interface>[^\s:]+): ?{plain(side)}{USER.format(side)}"


def mapped(side: str) -> str:
    """` (198.51.100.1/443)`: the address and port that translation gives a side, or nothing."""
    return rf"(?: \((?P<mapped_{side}_ip>[^\s/()]+)/(?P<mapped_{side}_port>\d+)\))?"


def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern` with ASCII classes, as the device writes numbers and names."""
    return re.compile(pattern, re.ASCII)


SOURCE, DESTINATION = on_interface("source"), on_interface("destination")
