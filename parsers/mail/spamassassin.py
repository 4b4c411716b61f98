"""SpamAssassin's daemon spamd, and Amavis, which scans with it: verdicts, scores and tests.

Sources: the SpamAssassin wiki, "spamd Syslog Format"; amavisd's README.lookups and log templates.
"""

import re
from collections.abc import Mapping

from tocsin.parsers.addresses import count, ip, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.schemas.events import Event

_NUMBER = r"-?\d{1,6}(?:\.\d{1,6})?"
_VERDICT = re.compile(
    rf"(?P<verdict>identified spam|clean message) \((?P<score>{_NUMBER})/(?P<threshold>{_NUMBER})\)"
    r" for (?P<user>.*):(?P<uid>\d+) in (?P<seconds>\d+(?:\.\d+)?) seconds, (?P<size>\d+) bytes\.?",
    re.DOTALL,
)
_RESULT = re.compile(
    rf"result: (?P<flag>[Y.]) (?P<score>{_NUMBER}) - (?P<tests>[A-Za-z0-9_,]*) ?"
    r"(?P<pairs>[a-z_]+=.*)?",
    re.DOTALL,
)
_NAME = re.compile(r"[a-z_]{1,32}")
_PROCESSING = re.compile(
    r"(?:checking|processing) message (?P<id>.*) for (?P<user>\S+):(?P<uid>\d+)\.?", re.DOTALL
)
_CONNECTION = re.compile(
    r"connection from (?P<name>\S+) \[(?P<ip>[^\]\s]+)\](?::(?P<port>\d+)| at port (?P<at>\d+)).*",
    re.DOTALL,
)
_AMAVIS = re.compile(
    r"\([\w-]+\) (?P<verdict>Passed|Blocked) (?P<content>[A-Z-]+)(?: \((?P<detail>[^()]*)\))?"
    r"(?: \{(?P<actions>[^{}]*)\})?, (?P<rest>.*)",
    re.DOTALL,
)
_AMAVIS_CLIENT = re.compile(
    r"(?:[A-Z0-9_/-]+ )?(?:LOCAL |AUTHENTICATED )?\[([^\]\s]*)\](?::(\d+))? "
)
_AMAVIS_MAIL = re.compile(r"<([^<>]*)> -> (<[^<>]*>(?:,<[^<>]*>)*)")
_AMAVIS_PAIR = re.compile(r", (Message-ID|mail_id|Hits|size|queued_as|Queue-ID): (<[^>]*>|[^,]*)")


def parse(text: str, context: Context) -> Event:
    """One line of spamd or Amavis to one event; ParseError where there is no syslog header."""
    envelope = parse_envelope(text, context)
    if envelope.app_name is None:
        raise ParseError("no syslog header: expected a time, a host and spamd[pid]:")
    event = envelope_fields(envelope, context)
    event["event.kind"] = "event"
    event["event.module"] = "spamassassin"
    event["event.dataset"] = "spamassassin.log"
    event["message"] = envelope.message
    if envelope.hostname:
        event["host.name"] = event["host.hostname"] = envelope.hostname
    event["process.name"] = envelope.app_name
    pid = count(envelope.procid) if envelope.procid else None
    if pid is not None:
        event["process.pid"] = pid
    message = envelope.message.strip().removeprefix("spamd: ")
    if envelope.app_name.lower().startswith("amavis"):
        _read_amavis(message, event)
    else:
        _read_spamd(message, event)
    return event


def _read_spamd(text: str, event: Event) -> None:
    if match := _VERDICT.fullmatch(text):
        _set_verdict(event, spam=match["verdict"] == "identified spam")
        event["user.name"], event["user.id"] = match["user"], match["uid"]
        event["spamassassin.score"] = match["score"]
        event["spamassassin.threshold"] = match["threshold"]
        event["spamassassin.size"] = match["size"]
        _set_duration(event, match["seconds"])
    elif match := _RESULT.fullmatch(text):
        _set_verdict(event, spam=match["flag"] == "Y")
        event["spamassassin.score"] = match["score"]
        event["spamassassin.tests"] = [test for test in match["tests"].split(",") if test]
        _set_scan(event, _read_pairs(match["pairs"] or ""))
    elif match := _PROCESSING.fullmatch(text):
        event["event.action"] = "scan-started"
        _set_email(event)
        event["user.name"], event["user.id"] = match["user"], match["uid"]
        message_id = match["id"]
        if message_id.startswith("<") and message_id.endswith(">"):
            event["email.message_id"] = message_id[1:-1]
    elif match := _CONNECTION.fullmatch(text):
        event["event.action"] = "connect"
        event["event.category"], event["event.type"] = ["network"], ["connection", "start"]
        _set_source(event, match["ip"], match["port"] or match["at"])


def _set_email(event: Event) -> None:
    event["event.category"], event["event.type"] = ["email"], ["info"]


def _set_verdict(event: Event, *, spam: bool) -> None:
    _set_email(event)
    event["event.action"] = "spam-identified" if spam else "message-clean"
    event["spamassassin.verdict"] = "spam" if spam else "ham"


def _set_duration(event: Event, seconds: str) -> None:
    whole, _, fraction = seconds.partition(".")
    if whole.isdecimal() and len(whole) <= 9 and (not fraction or fraction.isdecimal()):
        event["event.duration"] = int(whole) * 10**9 + int(f"{fraction[:9]:0<9}")


def _set_source(event: Event, address: str, number: str | None) -> None:
    found = ip(address)
    if found is not None:
        event["source.ip"] = found
        parsed = port(number) if number else None
        if parsed is not None:
            event["source.port"] = parsed


def _read_pairs(text: str) -> dict[str, str]:
    """The pairs of a result line.

    Values are not quoted, and a message id is the sender's text. It is in angle brackets, so what
    stands before `mid=` and after the last bracket is spamd's own.
    """
    before, found, rest = text.partition("mid=<")
    pairs = _split_pairs(before)
    if found:
        message_id, bracket, after = rest.rpartition(">")
        pairs |= _split_pairs(after)
        pairs["mid"] = f"<{message_id.partition('>,rmid=<')[0]}{bracket}"
    return pairs


def _split_pairs(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.replace(" ", ",").split(","))
    return {name: value for name, _, value in parts if _NAME.fullmatch(name)}


def _set_scan(event: Event, pairs: Mapping[str, str]) -> None:
    for name, value in pairs.items():
        event[f"spamassassin.{name}"] = value
    if "scantime" in pairs:
        _set_duration(event, pairs["scantime"])
    if pairs.get("user"):
        event["user.name"] = pairs["user"]
    if pairs.get("uid"):
        event["user.id"] = pairs["uid"]
    if "required_score" in pairs:
        event["spamassassin.threshold"] = pairs["required_score"]
    message_id = pairs.get("mid", "")
    if message_id.startswith("<") and message_id.endswith(">"):
        event["email.message_id"] = message_id[1:-1]
    # The peer is the mail filter that asked; the mail's own source is not known to spamd.
    _set_source(event, pairs.get("raddr", ""), pairs.get("rport"))


_CONTENTS = {"SPAM": "spam", "SPAMMY": "spam", "CLEAN": "ham"}


def _read_amavis(text: str, event: Event) -> None:
    match = _AMAVIS.fullmatch(text)
    if match is None:
        return
    _set_email(event)
    content = match["content"]
    event["event.action"] = f"message-{match['verdict'].lower()}"
    event["spamassassin.content"] = content
    event["spamassassin.verdict"] = _CONTENTS.get(content, content.lower())
    if match["actions"]:
        event["spamassassin.actions"] = [part for part in match["actions"].split(",") if part]
    if match["verdict"] == "Blocked":
        event["event.type"] = ["info", "denied"]
    if content == "INFECTED":
        event["event.kind"] = "alert"
        event["event.category"] = ["email", "malware"]
        if match["detail"]:
            event["rule.name"] = match["detail"]
    _read_amavis_mail(match["rest"], event)


def _read_amavis_mail(rest: str, event: Event) -> None:
    client = _AMAVIS_CLIENT.match(rest)
    if client:
        _set_source(event, client[1], client[2])
    mail = _AMAVIS_MAIL.search(rest)
    if mail is None:
        return
    if mail[1]:
        event["email.from.address"] = [mail[1]]
    event["email.to.address"] = [part[1:-1] for part in mail[2].split(",") if len(part) > 2]
    pairs: dict[str, str] = {}
    for name, value in _AMAVIS_PAIR.findall(rest, mail.end()):
        pairs.setdefault(name, value)
    if "Message-ID" in pairs:
        event["email.message_id"] = pairs["Message-ID"].strip("<>")
    for name, field in (("Hits", "score"), ("size", "size"), ("mail_id", "mail_id")):
        if name in pairs:
            event[f"spamassassin.{field}"] = pairs[name]
    if "Queue-ID" in pairs:
        event["email.local_id"] = pairs["Queue-ID"]
