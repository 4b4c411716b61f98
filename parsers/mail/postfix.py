"""Postfix: what its daemons write to the mail log.

Lines look like `postfix/COMPONENT[pid]: [severity: ][QUEUE ID: ]what happened`. Names, addresses
and server replies in them are the sender's text: only what stands before it, or is quoted as RFC
5321 quotes it, is read as Postfix's own. Source: Postfix manual pages and the daemons' sources.
"""

import re
from collections.abc import Callable, Mapping

from tocsin.parsers.addresses import count
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.mail.postfix_refusals import read_filtered, read_header
from tocsin.parsers.mail.postfix_values import (
    CLIENT,
    address_text,
    classify,
    mail_fields,
    read_pairs,
    set_partial,
    set_peer,
)
from tocsin.parsers.syslog import Envelope, envelope_fields, parse_envelope
from tocsin.schemas.events import Event

_SEVERITY = re.compile(r"(warning|error|fatal|panic): ")
_LEVELS = {"panic": "emergency", "fatal": "critical"}
# Long queue ids are written in 52 characters without vowels (postconf(5), enable_long_queue_ids).
_QUEUE_ID = re.compile(
    r"([0-9A-F]{5,16}|(?=\w*\d)[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,25}|NOQUEUE): ", re.ASCII
)

_SASL_FAILED = re.compile(
    rf"{CLIENT}: SASL (?P<method>\S+) authentication (?:failed|aborted)(?:: (?P<reason>.*))?",
    re.DOTALL,
)
_LIMIT = re.compile(
    r"(?P<reason>[A-Z][a-z ]+ limit exceeded): (?P<value>\d+) from "
    rf"{CLIENT} for service (?P<service>\S+)"
)
_RESOLVE = re.compile(
    r"hostname (?P<name>\S+) (?P<reason>does not resolve to address|verification failed)"
    r"(?: (?P<ip>[0-9A-Fa-f.:]*[0-9A-Fa-f]))?.*"
)
_TLS = re.compile(
    r"(?P<trust>\w+) TLS connection (?:established|reused) (?P<way>from|to) "
    r"(?P<peer>[^\s\[\]]*\[[^\]\s]*\](?::\d+)?): (?P<version>\S+) with cipher (?P<cipher>\S+).*"
)
_LOST = re.compile(
    rf"(?P<what>lost connection|timeout|too many errors) after (?P<stage>.*?) from {CLIENT}"
)
_IMPROPER = re.compile(
    r"(?P<reason>improper command pipelining|non-SMTP command|Illegal address syntax|"
    rf"SSL_accept error)(?: after [A-Z][A-Z /.-]*?)? from {CLIENT}.*",
    re.DOTALL,
)
_DIALLED = re.compile(
    r"connect to (?P<peer>[^\s\[\]]*\[[^\]\s]*\](?::\d+)?): (?P<reason>.*)", re.DOTALL
)
_SCREENED = re.compile(
    r"(?P<what>CONNECT|PASS NEW|PASS OLD|PREGREET|DNSBL rank|HANGUP|DISCONNECT|ALLOWLISTED|"
    r"WHITELISTED|DENYLISTED|BLACKLISTED|BARE NEWLINE|COMMAND [A-Z]+(?: LIMIT)?|"
    r"NON-SMTP COMMAND|ALLOWLIST VETO|WHITELIST VETO)"
    r"(?: (?P<count>\d+))?(?: after \S+)?(?: (?:from|for))? "
    r"(?P<client>\[[^\]\s]*\](?::\d+)?)(?: to (?P<server>\[[^\]\s]*\]:\d+))?(?P<rest>.*)",
    re.DOTALL,
)
_DNSBL = re.compile(r"addr (?P<ip>\S+) listed by domain (?P<domain>\S+) as (?P<answer>\S+)")
_RATE = re.compile(
    r"statistics: max (?P<what>[a-z ]+) (?P<value>\S+) for "
    r"\((?P<service>[^:()]*):(?P<ip>[^()]*)\).*"
)
_SPF = re.compile(r"Received-SPF: (?P<result>\w+) .*?identity=(?P<identity>[^;\s]+)", re.DOTALL)
_SPF_IP = re.compile(r"client-ip=([0-9A-Fa-f.:]+)")


def parse(text: str, context: Context) -> Event:
    """One line of a mail log to one event; ParseError where there is no syslog header."""
    envelope = parse_envelope(text, context)
    if envelope.app_name is None:
        raise ParseError("no syslog header: expected a time, a host and postfix/COMPONENT[pid]:")
    event = envelope_fields(envelope, context)
    event["event.kind"] = "event"
    event["event.module"] = "postfix"
    event["event.dataset"] = "postfix.log"
    event["message"] = envelope.message
    _set_process(envelope, event)
    message = envelope.message.strip()
    component = _component(envelope.app_name)
    if component is None:
        set_partial(event, f"{event['process.name']} is none of Postfix's programs")
        return event
    severity = _SEVERITY.match(message)
    if severity:
        event["log.level"] = _LEVELS.get(severity[1], severity[1])
        message = message[severity.end() :]
    queue = _QUEUE_ID.match(message)
    if queue:
        event["postfix.queue_id"] = queue[1]
        if queue[1] != "NOQUEUE":
            event["email.local_id"] = queue[1]
        message = message[queue.end() :]
    _READERS.get(component, _read_other)(message, event)
    return event


def _component(tag: str) -> str | None:
    """`smtpd` of `postfix/smtpd`, `postfix-out/submission/smtpd`; None for other programs."""
    instance, slash, component = tag.partition("/")
    if slash and instance.startswith("postfix"):
        return component.rpartition("/")[2]
    return "spf" if tag.startswith("policyd-spf") else None


def _set_process(envelope: Envelope, event: Event) -> None:
    if envelope.hostname:
        event["host.name"] = event["host.hostname"] = envelope.hostname
    event["process.name"] = (envelope.app_name or "").rpartition("/")[2]
    pid = count(envelope.procid) if envelope.procid else None
    if pid is not None:
        event["process.pid"] = pid


def _read_server(text: str, event: Event) -> None:
    """smtpd: connections, clients of messages, and refusals."""
    word = text.partition(" ")[0]
    if word == "connect" and text.startswith("connect from "):
        classify(event, "connect", "network", "connection start")
        set_peer(event, "source", text[13:])
    elif word == "disconnect":
        client, _, commands = text.removeprefix("disconnect from ").partition(" ")
        classify(event, "disconnect", "network", "connection end")
        set_peer(event, "source", client)
        for name, _, value in (part.partition("=") for part in commands.split()):
            if name.isascii() and name.isalpha():
                event[f"postfix.commands.{name}"] = value
    elif text.startswith("client="):
        _read_client(text, event)
    else:
        _read_server_incident(text, event)


def _read_client(text: str, event: Event) -> None:
    pairs = read_pairs(text)
    classify(event, "message-received", "email", "info")
    set_peer(event, "source", pairs.get("client", ""))
    mail_fields(event, pairs)
    user = pairs.get("sasl_username")
    if user:
        event["event.category"] = ["email", "authentication"]
        event["event.outcome"] = "success"
        event["user.name"] = user


def _read_server_incident(text: str, event: Event) -> None:
    if read_filtered(text, event):
        return
    if match := _SASL_FAILED.fullmatch(text):
        reason, _, user = (match["reason"] or "").partition(", sasl_username=")
        classify(event, "authentication-failed", "authentication", "start", "failure")
        set_peer(event, "source", match["client"])
        event["postfix.sasl_method"] = match["method"]
        if reason:
            event["event.reason"] = reason
        if user:
            event["postfix.sasl_username"] = event["user.name"] = user
    elif match := _LOST.fullmatch(text):
        classify(event, match["what"].replace(" ", "-"), "network", "connection end", "failure")
        set_peer(event, "source", match["client"])
        event["postfix.stage"] = match["stage"]
    elif match := _LIMIT.fullmatch(text):
        classify(event, "rate-limit-exceeded", "network", "denied", "failure")
        set_peer(event, "source", match["client"])
        event["event.reason"], event["postfix.rate"] = match["reason"], match["value"]
    elif match := _RESOLVE.fullmatch(text):
        classify(event, "hostname-not-verified", "network", "info")
        event["event.reason"], event["postfix.hostname"] = match["reason"], match["name"]
        set_peer(event, "source", f"[{match['ip']}]" if match["ip"] else "")
    elif match := _IMPROPER.fullmatch(text):
        classify(event, "protocol-error", "network", "protocol info", "failure")
        set_peer(event, "source", match["client"])
        event["event.reason"] = match["reason"]
    else:
        _read_tls(text, event)


def _read_tls(text: str, event: Event) -> None:
    match = _TLS.fullmatch(text)
    if match is None:
        return
    classify(event, "tls-established", "network", "connection info")
    set_peer(event, "source" if match["way"] == "from" else "destination", match["peer"])
    protocol, _, version = match["version"].partition("v")
    event["tls.version_protocol"] = protocol.lower()
    event["tls.version"], event["tls.cipher"] = version, match["cipher"]
    event["tls.established"] = True
    event["postfix.tls_trust"] = match["trust"]


def _read_cleanup(text: str, event: Event) -> None:
    name, separator, value = text.partition("message-id=")
    if separator and name in {"", "resent-"}:
        classify(event, "message-queued", "email", "info")
        event["email.message_id"] = address_text(value)
        return
    if not read_filtered(text, event):
        read_header(text, event)


def _read_queue(text: str, event: Event) -> None:
    if text == "removed":
        classify(event, "message-removed", "email", "info")
        return
    pairs = read_pairs(text)
    if not pairs:
        return
    if "nrcpt" in pairs:
        pairs["nrcpt"] = pairs["nrcpt"].partition(" ")[0]
    mail_fields(event, pairs)
    expired = "status" in pairs
    action = "message-expired" if expired else "message-queued"
    classify(event, action, "email", "info", "failure" if expired else None)


_DELIVERED = {"sent": "success", "delivered": "success", "deliverable": "success"}
_UNDELIVERED = frozenset({"bounced", "expired", "undeliverable"})


def _read_delivery(text: str, event: Event) -> None:
    if text.startswith("to="):
        pairs = read_pairs(text)
        status, _, reason = pairs.get("status", "").partition(" ")
        pairs["status"] = status
        mail_fields(event, pairs)
        classify(event, f"message-{status}" if status else "message-delivery", "email", "info")
        outcome = _DELIVERED.get(status, "failure" if status in _UNDELIVERED else "unknown")
        event["event.outcome"] = outcome
        set_peer(event, "destination", pairs.get("relay", ""))
        if reason:
            event["event.reason"] = reason[1:-1] if reason[-1:] == ")" else reason[1:]
    elif match := _DIALLED.fullmatch(text):
        classify(event, "connection-failed", "network", "connection info", "failure")
        set_peer(event, "destination", match["peer"])
        event["event.reason"] = match["reason"]
    else:
        _read_tls(text, event)


def _read_bounce(text: str, event: Event) -> None:
    kind, _, queue_id = text.rpartition(": ")
    if kind.endswith("notification"):
        classify(event, "notification-sent", "email", "info")
        event["postfix.notification"], event["postfix.notification_queue_id"] = kind, queue_id


def _read_screen(text: str, event: Event) -> None:
    if read_filtered(text, event):
        return
    if match := _SCREENED.match(text):
        what = match["what"].lower().replace(" ", "-")
        types = {"connect": "connection start", "disconnect": "connection end"}.get(what)
        if types is None:
            types = "allowed" if what.startswith(("pass", "allow", "white")) else "info"
        classify(event, f"postscreen-{what}", "network", types)
        set_peer(event, "source", match["client"])
        set_peer(event, "destination", match["server"] or "")
        if match["count"]:
            event["postfix.rank" if what == "dnsbl-rank" else "postfix.bytes"] = match["count"]
    else:
        _read_other(text, event)


def _read_other(text: str, event: Event) -> None:
    if match := _DNSBL.fullmatch(text):
        classify(event, "dnsbl-listed", "network", "info")
        set_peer(event, "source", f"[{match['ip']}]")
        event["postfix.dnsbl"], event["postfix.dnsbl_answer"] = match["domain"], match["answer"]
    elif match := _RATE.fullmatch(text):
        classify(event, "client-statistics", "network", "info")
        set_peer(event, "source", f"[{match['ip']}]")
        event["postfix.statistic"], event["postfix.rate"] = match["what"], match["value"]
    elif text.startswith("daemon started"):
        classify(event, "service-started", "process", "start")
    elif text.startswith("terminating on signal"):
        classify(event, "service-stopped", "process", "end")
    else:
        _read_tls(text, event)


def _read_pickup(text: str, event: Event) -> None:
    uid, _, sender = text.partition(" from=")
    if uid.startswith("uid=") and sender:
        classify(event, "message-submitted", "email", "info")
        event["user.id"] = uid[4:]
        mail_fields(event, {"uid": uid[4:], "from": address_text(sender)})


def _read_spf(text: str, event: Event) -> None:
    match = _SPF.match(text, max(text.find("Received-SPF: "), 0))
    if match is None:
        return
    classify(event, "spf-checked", "email", "info")
    event["postfix.spf.result"], event["postfix.spf.identity"] = match["result"], match["identity"]
    found = _SPF_IP.search(text, match.end())
    if found:
        set_peer(event, "source", f"[{found[1]}]")


_READERS: Mapping[str, Callable[[str, Event], None]] = {
    "smtpd": _read_server,
    "postscreen": _read_screen,
    "tlsproxy": _read_screen,
    "cleanup": _read_cleanup,
    "qmgr": _read_queue,
    "nqmgr": _read_queue,
    "pickup": _read_pickup,
    "bounce": _read_bounce,
    "spf": _read_spf,
    **dict.fromkeys(
        ("smtp", "lmtp", "relay", "local", "virtual", "pipe", "error", "retry", "discard"),
        _read_delivery,
    ),
}
