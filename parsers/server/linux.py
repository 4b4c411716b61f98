"""Linux's system logs: auth.log, secure, messages, syslog, and journals in syslog form.

Messages of the programs that security lives by (sshd, sudo, su, PAM, account tools, cron,
systemd, kernel) get their ECS meaning from tables; every other program's message is an event with
its process and text. Logs of authentication are `system.auth`, all others `system.syslog`;
packets that the kernel logs among them are netfilter's.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tocsin.parsers.addresses import count
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall import netfilter
from tocsin.parsers.server.linux_accounts import ACCOUNTS, LOGIN, PAM, SU, SUDO
from tocsin.parsers.server.linux_logins import (
    CHECK_PASSWORD,
    DOAS,
    DOVECOT,
    PKEXEC,
    PROFTPD,
    VSFTPD,
)
from tocsin.parsers.server.linux_messages import Messages, read
from tocsin.parsers.server.linux_services import CRON, DHCLIENT, FTPD, KERNEL, LOGIND, SYSTEMD
from tocsin.parsers.server.linux_sshd import SSHD
from tocsin.parsers.syslog import Envelope, envelope_fields, parse_envelope
from tocsin.schemas.events import Event
from tocsin.schemas.remembering import remembering

_TABLES: Mapping[str, Messages] = {
    "sshd": SSHD,
    "sshd-session": SSHD,
    "sshd-auth": SSHD,
    "sudo": SUDO,
    "su": SU,
    "login": LOGIN,
    "cron": CRON,
    "crond": CRON,
    "crontab": CRON,
    "anacron": CRON,
    "systemd": SYSTEMD,
    "systemd-logind": LOGIND,
    "elogind": LOGIND,
    "kernel": KERNEL,
    "dhclient": DHCLIENT,
    "ftpd": FTPD,
    "vsftpd": VSFTPD,
    "proftpd": PROFTPD,
    "dovecot": DOVECOT,
    "pkexec": PKEXEC,
    "doas": DOAS,
    "unix_chkpwd": CHECK_PASSWORD,
    **dict.fromkeys(
        (
            "useradd",
            "usermod",
            "userdel",
            "groupadd",
            "groupmod",
            "groupdel",
            "gpasswd",
            "passwd",
            "chage",
            "chsh",
            "chfn",
            "adduser",
            "newusers",
        ),
        ACCOUNTS,
    ),
}
_AUTHENTICATION = frozenset(_TABLES) - {
    *("cron", "crond", "crontab", "anacron", "systemd", "kernel", "dhclient", "ftpd"),
    *("proftpd", "dovecot"),
} | {"polkitd", "gdm-password", "lightdm", "saslauthd"}
_AUTHENTICATION_FACILITIES = frozenset({4, 10})

_REPEATED = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]", re.DOTALL)
_SEVERITY = re.compile(r"(error|fatal|warning|debug1|info): ")
_PACKET = re.compile(r"IN=\S{0,32} OUT=\S{0,32} (?=[A-Z])")
_UPTIME = re.compile(r"\[ *\d+\.\d+\] ")
_LEVELS = {"fatal": "critical", "debug1": "debug"}


class _Program(NamedTuple):
    """A syslog tag: the program's name, its messages, and whether its log is system.auth."""

    name: str
    messages: Messages
    authentication: bool
    pam: bool


def parse(text: str, context: Context) -> Event:
    """One line of a system log to one event; ParseError where there is no syslog header."""
    envelope = parse_envelope(text, context)
    if envelope.time is None and envelope.app_name is None:
        raise ParseError("no syslog header: expected a time and a program's tag")
    program = _program(envelope.app_name or "")
    if program.name == "kernel" and _PACKET.search(envelope.message):
        return netfilter.parse(text, context)
    event = envelope_fields(envelope, context)
    event["event.kind"] = "event"
    event["event.module"] = "system"
    event["event.dataset"] = (
        "system.auth" if program.authentication or _is_authentication(envelope) else "system.syslog"
    )
    event["message"] = envelope.message
    if envelope.hostname:
        event["host.name"] = event["host.hostname"] = envelope.hostname
    if program.name:
        event["process.name"] = program.name
    if envelope.procid is not None:
        pid = count(envelope.procid)
        if pid is not None:
            event["process.pid"] = pid
    _read_message(program, envelope.message.strip(), event)
    return event


def _read_message(program: _Program, text: str, event: Event) -> None:
    if program.name == "kernel":
        uptime = _UPTIME.match(text)
        text = text[uptime.end() :] if uptime else text
    elif text.startswith("message repeated "):
        repeated = _REPEATED.fullmatch(text)
        if repeated:
            event["system.auth.repeated"] = int(repeated[1])
            text = repeated[2]
    severity = _SEVERITY.match(text)
    if severity and program.authentication:
        event["log.level"] = _LEVELS.get(severity[1], severity[1])
        text = text[severity.end() :]
    text = text.removesuffix(" [preauth]").removesuffix(" [postauth]").rstrip()
    if program.pam or text.startswith(("pam_", "PAM ")):
        event["event.dataset"] = "system.auth"
        if read(PAM, text, event):
            return
    if program.messages:
        read(program.messages, text, event)


def _is_authentication(envelope: Envelope) -> bool:
    return envelope.priority is not None and envelope.priority >> 3 in _AUTHENTICATION_FACILITIES


_NO_MESSAGES: Messages = {}


@remembering(4096)
def _program(tag: str) -> _Program:
    """The program of a tag: without directory, and without what `sshd(pam_unix)` has after it."""
    path, _, detail = tag.partition("(")
    name = path.rpartition("/")[2]
    key, pam = name.lower(), detail.startswith("pam_")
    return _Program(name, _TABLES.get(key, _NO_MESSAGES), key in _AUTHENTICATION or pam, pam)
