"""What Postfix's lines are made of: peers `host[address]:port`, addresses `<…>`, `key=value`."""

import re
from collections.abc import Mapping

from tocsin.parsers.addresses import ip, port
from tocsin.schemas.events import Event

_PEER = re.compile(r"([^\s\[\]]*)\[([^\]\s]*)\](?::(\d{1,5}))?")
CLIENT = r"(?P<client>[^\s\[\]]*\[[^\]\s]*\](?::\d+)?)"
"""A client as smtpd logs it; host names are checked by Postfix, so none holds a bracket."""

_SECONDS = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)


def address(group: str) -> str:
    """The pattern of an address in angle brackets; its text without them is `group`.

    A quoted local part may hold anything, `>` included (RFC 5321 section 4.1.2).
    """
    return rf'<(?P<{group}>(?:"(?:[^"\\]++|\\.)*+"|[^">]++)*+)>'


_PAIR = re.compile(
    rf"(?P<key>[a-z_]+)=(?:{address('address')}(?=, |$| \()"
    r"|(?P<value>(?!<)[^,]*+(?:,(?! [a-z_]+=)[^,]*+)*+))(?:, )?",
    re.DOTALL,
)


def classify(
    event: Event, action: str, category: str, types: str, outcome: str | None = None
) -> None:
    """Set the classification of `event`; `category` and `types` with blanks between."""
    event["event.action"] = action
    event["event.category"] = category.split()
    event["event.type"] = types.split()
    if outcome is not None:
        event["event.outcome"] = outcome


def set_partial(event: Event, why: str) -> None:
    """Say that only part of the line was understood."""
    event["tags"] = ["parse_partial"]
    event["error.message"] = why


def read_pairs(text: str) -> dict[str, str]:
    """The pairs of a line, the first of each name; `status` holds all the rest of the line.

    What follows `status=` is a reply of the other side, which may look like pairs.
    """
    pairs: dict[str, str] = {}
    place = 0
    # One after the other: a search would find pairs within an address that is never closed.
    while match := _PAIR.match(text, place):
        key, value = match["key"], match["address"]
        if key == "status":
            pairs[key] = text[match.end("key") + 1 :]
            break
        pairs.setdefault(key, match["value"] if value is None else value)
        place = match.end()
    return pairs


def address_text(text: str) -> str:
    """An address or message id without its angle brackets."""
    text = text.strip()
    return text[1:-1] if text[:1] == "<" and text[-1:] == ">" else text


def set_peer(event: Event, side: str, text: str) -> None:
    """Set `ip`, `domain` and `port` of `side` from `host[address]:port`, as far as known."""
    match = _PEER.match(text)
    if match is None:
        return
    name, inner, number = match.groups()
    address = ip(inner)
    if address is not None:
        event[f"{side}.ip"] = address
    if name and name != "unknown":
        event[f"{side}.domain"] = name
    if number:
        parsed = port(number)
        if parsed is not None:
            event[f"{side}.port"] = parsed


def mail_fields(event: Event, pairs: Mapping[str, str]) -> None:
    """Set `postfix.*` from `pairs`, and what ECS has a name for: sender, recipient, duration."""
    for name, value in pairs.items():
        event[f"postfix.{name}"] = value
    sender, recipient, delay = pairs.get("from"), pairs.get("to"), pairs.get("delay")
    if sender:
        event["email.from.address"] = [sender]
    if recipient:
        event["email.to.address"] = [recipient]
    seconds = _SECONDS.fullmatch(delay) if delay else None
    if seconds:
        whole, fraction = seconds.groups()
        event["event.duration"] = int(whole) * 10**9 + int(f"{fraction or '':0<9}")
    if pairs.get("sasl_username"):
        event["user.name"] = pairs["sasl_username"]
