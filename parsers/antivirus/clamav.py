"""ClamAV: clamd, clamscan, clamonacc, clamav-milter and freshclam, with or without syslog.

What was found is `clamav.signature`, where `clamav.path`. Source: ClamAV documentation, "Scanning"
and "Logging", and the log formats of clamd.conf(5), clamav-milter.conf(5) and freshclam.conf(5).
"""

import re
from typing import NamedTuple

from tocsin.parsers.addresses import count
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import scan, zone_name
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_time

_PROGRAMS = frozenset({"clamd", "clamscan", "clamdscan", "clamonacc", "clamav-milter", "freshclam"})
_SEVERITY = re.compile(r"(ERROR|WARNING|LibClamAV Error|LibClamAV Warning): |([\^!])(?=\S)")
_LEVELS = {
    "ERROR": "error",
    "WARNING": "warning",
    "LibClamAV Error": "error",
    "LibClamAV Warning": "warning",
    "!": "error",
    "^": "warning",
}

# The path is the attacker's text, the signature is ClamAV's: signatures hold no blank.
_FOUND = re.compile(
    r"(?P<path>.*): (?P<signature>[^\s():]+)"
    r"(?:\((?P<digest>[0-9a-f]{32,64}):(?P<size>\d+)\))? FOUND",
    re.DOTALL,
)
_CLEAN = re.compile(r"(?P<path>.*): (?P<result>OK|Empty file|Excluded|Symbolic link)", re.DOTALL)
_FAILED = re.compile(
    r"(?P<path>/.*|[A-Za-z]:\\.*): (?P<reason>[A-Z][^:]*?)\.? ERROR|"
    r"(?:Can't (?:open|access|read) file|lstat\(\) failed on:?) (?P<other>.*?)"
    r"(?:: (?P<cause>[A-Z][A-Za-z ]*))?",
    re.DOTALL,
)
_MOVED = re.compile(
    r"(?P<path>.*): (?P<what>moved to|copied to|Removed) ?(?:'(?P<place>[^']*+)')?\.?", re.DOTALL
)
_MILTER = re.compile(
    r"(?P<kind>Clean message|Message) (?P<id>\S* ?)from <(?P<from>[^>]*)> to <(?P<to>[^>]*)>"
    r".*?(?: infected by (?P<signature>\S+))?",
    re.DOTALL,
)
_MILTER_SUBJECT = re.compile(
    r" with subject '(?P<subject>.*)' message-id '(?P<message_id>[^']*)' date '[^']*'", re.DOTALL
)
_DATABASE = re.compile(
    r"(?P<name>\w[\w.-]*)(?: database)?(?: is)? "
    r"(?P<what>up-to-date|up to date|updated)(?: \((?P<detail>[^()]*)\))?.*"
)
_VERSION = re.compile(r"version: (\d+)")
_RELOADED = re.compile(r"Database correctly reloaded \((?P<count>\d+) signatures\)")
_INFO = {
    "SelfCheck: Database status OK.": "self-check",
    "SelfCheck: Database modification detected. Forcing reload.": "database-changed",
    "Reading databases from": "database-reload",
    "Database correctly reloaded": "database-reloaded",
    "ClamAV update process started": "update-started",
    "Update process started": "update-started",
    "Database updated": "database-updated",
    "clamd daemon": "service-started",
    "+++ Started": "service-started",
    "--- Stopped": "service-stopped",
    "Exiting": "service-stopped",
    "----------- SCAN SUMMARY": "scan-summary",
}


_SUMMARY = re.compile(
    r"(?P<name>Known viruses|Engine version|Scanned directories|Scanned files|Infected files|"
    r"Total errors|Data scanned|Data read|Time|Start Date|End Date): +(?P<value>\S.*)"
)


def parse(text: str, context: Context) -> Event:
    """One line of any of ClamAV's programs to one event; ParseError where nothing is ClamAV's."""
    header = _read_header(text, context)
    event, message, program = header.event, header.message.strip(), header.program
    event["event.kind"] = "event"
    event["event.module"] = "clamav"
    event["event.dataset"] = "clamav.log"
    event["message"] = message
    if program is not None:
        event["process.name"] = program
    if not _read_message(message, event) and program not in _PROGRAMS:
        if not header.framed:
            raise ParseError("not ClamAV's: expected `TIME -> …`, syslog, or `PATH: NAME FOUND`")
        event["tags"] = ["parse_partial"]
        event["error.message"] = "none of ClamAV's messages"
    return event


class _Header(NamedTuple):
    """What stands before a message; `framed` says that there was anything of the kind."""

    event: Event
    message: str
    program: str | None = None
    framed: bool = True


def _read_header(text: str, context: Context) -> _Header:
    """The header of a line in syslog, in a log file with `LogTime`, or of none."""
    text = text.rstrip("\r\n\0")
    stamp = scan(text, context)
    if stamp is not None and text.startswith(" -> ", stamp.end):
        event: Event = {"@timestamp": stamp.time}
        if not stamp.zoned:
            event["event.timezone"] = zone_name(context.timezone)
        return _Header(event, text[stamp.end + 4 :])
    envelope = parse_envelope(text, context)
    program = envelope.app_name
    if program is None or (envelope.time is None and program not in _PROGRAMS):
        return _Header({"@timestamp": format_time(context.received)}, text, framed=False)
    event = envelope_fields(envelope, context)
    if envelope.hostname:
        event["host.name"] = event["host.hostname"] = envelope.hostname
    pid = count(envelope.procid) if envelope.procid else None
    if pid is not None:
        event["process.pid"] = pid
    message = envelope.message
    # `LogTime` repeats the time inside the message.
    inner = scan(message, context)
    if inner is not None and message.startswith(" -> ", inner.end):
        message = message[inner.end + 4 :]
    return _Header(event, message, program)


def _read_message(text: str, event: Event) -> bool:
    severity = _SEVERITY.match(text)
    if severity:
        event["log.level"] = _LEVELS[severity[1] or severity[2]]
        text = text[severity.end() :]
    text = text.removeprefix("ScanOnAccess: ")
    if text.endswith(" FOUND") and (match := _FOUND.fullmatch(text)):
        _set_found(event, match["signature"])
        _set_file(event, match["path"])
        digest = match["digest"]
        if digest:
            name = {32: "md5", 40: "sha1", 64: "sha256"}.get(len(digest))
            if name:
                event[f"file.hash.{name}"] = digest
            event["file.size"] = count(match["size"])
        return True
    return _read_mail(text, event) or _read_file(text, event) or _read_service(text, event)


def _set_found(event: Event, signature: str) -> None:
    event["event.kind"] = "alert"
    event["event.category"], event["event.type"] = ["malware"], ["info"]
    event["event.action"] = "malware-found"
    event["clamav.signature"] = event["rule.name"] = signature


def _set_file(event: Event, path: str) -> None:
    event["clamav.path"] = path
    if path.startswith(("instream(", "fd[", "stream")) or not path:
        return
    event["file.path"] = path
    directory, _, name = path.replace("\\", "/").rpartition("/")
    event["file.name"] = name
    if directory:
        event["file.directory"] = path[: len(directory)]
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        event["file.extension"] = extension


def _read_mail(text: str, event: Event) -> bool:
    if not text.startswith(("Message ", "Clean message ")):
        return False
    match = _MILTER.fullmatch(text)
    if match is None:
        return False
    # A clean message's date, the last word of its line, is the sender's text.
    if match["signature"] and match["kind"] == "Message":
        _set_found(event, match["signature"])
        event["event.category"] = ["email", "malware"]
    else:
        event["event.category"], event["event.type"] = ["email"], ["info"]
        event["event.action"] = "message-clean"
    if match["from"]:
        event["email.from.address"] = [match["from"]]
    recipients = [part.strip() for part in match["to"].split(",") if part.strip()]
    if recipients:
        event["email.to.address"] = recipients
    if match["id"].strip():
        event["email.local_id"] = match["id"].strip()
    subject = _MILTER_SUBJECT.match(text, match.end("to") + 1)
    if subject:
        event["email.subject"] = subject["subject"]
        event["email.message_id"] = subject["message_id"].strip("<>")
    return True


def _read_file(text: str, event: Event) -> bool:
    if match := _CLEAN.fullmatch(text):
        event["event.category"], event["event.type"] = ["file"], ["info"]
        event["event.action"], event["event.outcome"] = "file-scanned", "success"
        event["clamav.result"] = match["result"]
        _set_file(event, match["path"])
    elif match := _FAILED.fullmatch(text):
        event["event.category"], event["event.type"] = ["file"], ["info"]
        event["event.action"], event["event.outcome"] = "file-scanned", "failure"
        reason = match["reason"] or match["cause"]
        if reason:
            event["event.reason"] = reason
        _set_file(event, match["path"] or match["other"] or "")
    elif match := _MOVED.fullmatch(text):
        event["event.category"], event["event.type"] = ["malware", "file"], ["change", "info"]
        event["event.action"] = "file-removed" if match["what"] == "Removed" else "file-quarantined"
        if match["place"]:
            event["clamav.quarantine"] = match["place"]
        _set_file(event, match["path"])
    else:
        return False
    return True


def _read_service(text: str, event: Event) -> bool:
    if match := _DATABASE.fullmatch(text):
        event["event.category"], event["event.type"] = ["configuration"], ["info"]
        event["event.action"] = "database-current"
        if match["what"] == "updated":
            event["event.type"] = ["change"]
            event["event.action"] = "database-updated"
        event["clamav.database"] = match["name"]
        version = _VERSION.search(match["detail"] or "")
        if version:
            event["clamav.database_version"] = version[1]
        return True
    if match := _SUMMARY.fullmatch(text):
        event["event.action"] = "scan-summary"
        name = match["name"].lower().replace(" ", "_")
        event[f"clamav.summary.{name}"] = match["value"]
        return True
    for start, action in _INFO.items():
        if text.startswith(start):
            event["event.action"] = action
            reloaded = _RELOADED.match(text)
            if reloaded:
                event["clamav.signatures"] = reloaded["count"]
            return True
    return "log.level" in event
