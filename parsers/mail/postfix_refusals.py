"""Messages that Postfix refused, discarded or held, whose lines end with the sender's words.

The client stands first and is Postfix's own. Reply, addresses and greeting after it hold text of
the sender, in part unquoted: where that makes the line end in more than one way, it is not read.
"""

import re

from tocsin.parsers.mail.postfix_values import (
    CLIENT,
    address,
    classify,
    mail_fields,
    set_partial,
    set_peer,
)
from tocsin.schemas.events import Event

_FILTERED = re.compile(
    rf"(?P<action>[a-z_-]+): (?P<stage>[A-Z][A-Z /.-]*?) from {CLIENT}: "
    r"(?:(?P<code>[245]\d\d) )?(?:(?P<dsn>[245]\.\d{1,3}\.\d{1,3}) )?(?P<rest>.*)",
    re.DOTALL,
)
_ENVELOPE = re.compile(
    rf"(?P<reason>.*); from={address('from')},? to={address('to')},? proto=(?P<proto>[A-Z]+)"
    r"(?:,? helo=<(?P<helo>.*)>)?(?: sasl_username=<(?P<sasl_username>[^>]*+)>)?",
    re.DOTALL,
)
_HEADER = re.compile(
    r"(?P<action>[a-z_-]+): (?:mime-|nested-)?(?:header|body) (?P<text>.*) from "
    rf"(?P<client>local|[^\s\[\]]*\[[^\]\s]*\]); from={address('from')}"
    rf"(?: to={address('to')})?(?: proto=(?P<proto>[A-Z]+))?(?: helo=<(?P<helo>[^>]*+)>)?"
    r"(?:: (?P<reason>.*))?",
    re.DOTALL,
)
_REFUSING = frozenset({"reject", "milter-reject", "discard", "milter-discard", "proxy-reject"})
_ACTIONS = {
    "reject": "message-rejected",
    "milter-reject": "message-rejected",
    "proxy-reject": "message-rejected",
    "discard": "message-discarded",
    "milter-discard": "message-discarded",
    "hold": "message-held",
    "milter-hold": "message-held",
    "redirect": "message-redirected",
    "filter": "message-filtered",
}


def read_filtered(text: str, event: Event) -> bool:
    """Read what became of a message at a stage of SMTP; False where `text` says nothing of it."""
    match = _FILTERED.fullmatch(text)
    if match is None:
        return False
    action = match["action"]
    refusing = action in _REFUSING
    classify(
        event,
        _ACTIONS.get(action, f"message-{action}"),
        "email",
        "info denied" if refusing else "info",
        "failure" if refusing else None,
    )
    event["postfix.action"], event["postfix.stage"] = action, match["stage"]
    set_peer(event, "source", match["client"])
    for name in ("code", "dsn"):
        if match[name]:
            event[f"postfix.{name}"] = match[name]
    rest = match["rest"]
    # A name in the reply or the greeting may look like the end of the line: then neither counts.
    if rest.count("; from=<") > 1:
        set_partial(event, "the line ends in more than one way")
        return True
    found = _ENVELOPE.fullmatch(rest)
    if found is None:
        event["event.reason"] = rest
        return True
    event["event.reason"] = found["reason"]
    names = ("from", "to", "proto", "helo", "sasl_username")
    mail_fields(event, {name: found[name] for name in names if found[name]})
    return True


def read_header(text: str, event: Event) -> None:
    """Read what a check of headers or body did with a message."""
    # A header may hold what looks like the end of the line: then nothing of either counts.
    if text.count("; from=<") > 1:
        set_partial(event, "the line ends in more than one way")
        return
    match = _HEADER.fullmatch(text)
    if match is None:
        return
    action = match["action"]
    refusing = action in _REFUSING
    classify(
        event,
        _ACTIONS.get(action, f"message-{action}"),
        "email",
        "info denied" if refusing else "info",
        "failure" if refusing else None,
    )
    event["postfix.action"] = action
    if match["text"][:9].lower() == "subject: ":
        event["email.subject"] = match["text"][9:]
    set_peer(event, "source", match["client"])
    names = ("from", "to", "proto", "helo")
    mail_fields(event, {name: match[name] for name in names if match[name]})
    if match["reason"]:
        event["event.reason"] = match["reason"]
