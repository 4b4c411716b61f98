"""Messages of Unix programs as data: a pattern of the whole message and what it means in ECS.

Messages carry text of whoever knocks at the door. Patterns match whole messages, and text that
may hold anything (a user's name) is greedy while all after it is strict: so the last address of a
line is the program's own, whatever a name pretends. No pattern has two parts that may share text,
which keeps matching linear.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tocsin.parsers.addresses import ip, port
from tocsin.schemas.events import Event

ADDRESS = r"(?P<address>[^\s.:]*[.:]\S*|UNKNOWN)"
"""An address or host name; the dot or colon keeps a bare number from being taken for one."""


class Message(NamedTuple):
    """A message's pattern and the classification of its events."""

    pattern: re.Pattern[str]
    action: str | None = None
    category: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    outcome: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


Messages = Mapping[str, tuple[Message, ...]]
"""Messages by their first word; those under `""` may begin with any."""


def message(
    pattern: str,
    action: str | None = None,
    category: str = "",
    types: str = "",
    outcome: str | None = None,
    **fields: str,
) -> Message:
    """A message; `category` and `types` with blanks between, `fields` with `__` for dots."""
    constant = tuple((name.replace("__", "."), value) for name, value in fields.items())
    compiled = re.compile(pattern.replace("ADDRESS", ADDRESS), re.DOTALL)
    return Message(
        compiled, action, tuple(category.split()), tuple(types.split()), outcome, constant
    )


FIELDS: dict[str, tuple[str, ...]] = {
    "user": ("user.name",),
    "uid": ("user.id",),
    "effective": ("user.effective.name",),
    "effective_uid": ("user.effective.id",),
    "target": ("user.target.name",),
    "new_name": ("user.changes.name",),
    "group": ("group.name",),
    "gid": ("group.id",),
    "service": ("service.name",),
    "command": ("process.command_line",),
    "executable": ("process.executable",),
    "reason": ("event.reason",),
    "method": ("system.auth.ssh.method",),
    "signature": ("system.auth.ssh.signature",),
    "ssh_event": ("system.auth.ssh.event",),
    "session": ("system.auth.session",),
    "tty": ("system.auth.tty",),
    "sudo_tty": ("system.auth.sudo.tty",),
    "sudo_pwd": ("system.auth.sudo.pwd",),
    "sudo_user": ("system.auth.sudo.user", "user.effective.name"),
    "sudo_command": ("system.auth.sudo.command",),
    "sudo_error": ("system.auth.sudo.error",),
    "home": ("system.auth.useradd.home",),
    "shell": ("system.auth.useradd.shell",),
    "pam_logname": ("system.auth.pam.logname",),
    "pam_ruser": ("system.auth.pam.ruser",),
    "pam_uid": ("system.auth.pam.uid",),
    "remote_user": ("user.name", "system.auth.pam.ruser"),
    "login_method": ("system.auth.method",),
    "directory": ("process.working_directory",),
    "pam_module": ("system.auth.pam.module",),
    "pam_service": ("system.auth.pam.service",),
    "pam_type": ("system.auth.pam.type",),
    "interface": ("system.syslog.interface",),
}
"""Which fields the text of a named group goes to, as it is."""


def read(messages: Messages, text: str, event: Event) -> bool:
    """Add what the first of `messages` that matches says to `event`; False where none does."""
    word = text.partition(" ")[0]
    for candidate in (*messages.get(word, ()), *messages.get("", ())):
        match = candidate.pattern.fullmatch(text)
        if match is not None:
            _write(candidate, match, event)
            return True
    return False


def _write(found: Message, match: re.Match[str], event: Event) -> None:
    if found.action is not None:
        event["event.action"] = found.action
    if found.category:
        event["event.category"] = [*found.category]
    if found.type:
        event["event.type"] = [*found.type]
    if found.outcome is not None:
        event["event.outcome"] = found.outcome
    for field, constant in found.fields:
        event[field] = constant
    for name, value in match.groupdict().items():
        if not value:
            continue
        fields = FIELDS.get(name)
        if fields is not None:
            for field in fields:
                event[field] = value
        elif name in {"address", "peer"}:
            set_peer(event, "source", value)
        elif name == "server":
            set_peer(event, "destination", value)
        else:
            number = port(value)
            if number is not None:
                event["source.port" if name == "port" else "destination.port"] = number


def set_peer(event: Event, side: str, text: str) -> None:
    """Set `address` of `side` and, as it may be, `ip` or `domain`."""
    if text == "UNKNOWN":
        return
    event[f"{side}.address"] = text
    address = ip(text)
    event[f"{side}.domain" if address is None else f"{side}.ip"] = address or text
