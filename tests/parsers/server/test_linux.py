"""Linux system logs: what golden lines cannot show."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server.linux import _TABLES, parse
from tocsin.parsers.server.linux_accounts import PAM
from tocsin.schemas.fields import FIELDS

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
CORPORA = os.environ.get("TOCSIN_CORPORA")

pieces = st.sampled_from(
    [
        "root", " ", " from 6.6.6.6 port 22 ssh2", " 6.6.6.6 port 22", ": ", "ssh2", "invalid user ",
        " port 1", "6.6.6.6", "[preauth]", "::1", "COMMAND=", " for ", "message repeated 2 times: [ ",
        " not allowed because x", "UNKNOWN", "\t", "é",
    ]
)  # fmt: skip
users = st.lists(pieces, max_size=8).map("".join)


@given(users)
def test_a_user_name_cannot_forge_where_a_login_came_from(user: str):
    """Address and port of each message with a user name are sshd's own, whatever the name."""
    for line in (
        f"Failed password for invalid user {user} from 192.0.2.7 port 4022 ssh2",
        f"Accepted password for {user} from 192.0.2.7 port 4022 ssh2",
        f"Invalid user {user} from 192.0.2.7 port 4022",
        f"Connection closed by invalid user {user} 192.0.2.7 port 4022 [preauth]",
        f"Disconnected from authenticating user {user} 192.0.2.7 port 4022 [preauth]",
        f"error: maximum authentication attempts exceeded for {user} from 192.0.2.7 port 4022 ssh2"
        " [preauth]",
    ):
        event = parse(f"Nov 24 11:52:50 web1 sshd[4242]: {line}", CONTEXT)

        assert event["source.ip"] == "192.0.2.7"
        assert event["source.port"] == 4022
        assert event["process.name"] == "sshd"
        assert event["process.pid"] == 4242


@given(st.text(st.characters(exclude_characters="\r\n\0"), max_size=60))
def test_a_command_cannot_forge_who_ran_it(command: str):
    """Of a sudo line the caller, directory and target stand before the command."""
    event = parse(
        f"Nov 24 11:52:50 web1 sudo: ada : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/x{command}",
        CONTEXT,
    )

    assert event["user.name"] == "ada"
    assert event["system.auth.sudo.user"] == "root"
    assert event["system.auth.sudo.command"].startswith("/bin/x")


@pytest.mark.parametrize(
    ("message", "action", "outcome"),
    [
        ("Postponed publickey for ada from 192.0.2.7 port 1 ssh2", "ssh-login-postponed", None),
        ("Illegal user x from 192.0.2.7", "ssh_login", "failure"),
        ("input_userauth_request: invalid user x [preauth]", "ssh_login", "failure"),
        ("ROOT LOGIN REFUSED FROM 192.0.2.7 port 1", "ssh_login", "failure"),
        ("Connection from 192.0.2.7 port 1 on 192.0.2.1 port 22", "ssh-connection", None),
        ("Connection reset by 192.0.2.7 port 1 [preauth]", "ssh-connection-reset", None),
        ("refused connect from h.example (192.0.2.7)", "ssh-connection-refused", "failure"),
        (
            "banner exchange: Connection from 192.0.2.7 port 1: invalid format",
            "ssh-bad-identification",
            "failure",
        ),
        (
            "drop connection #10 from [192.0.2.7]:1 on [192.0.2.1]:22 past MaxStartups",
            "ssh-connection-refused",
            "failure",
        ),
        ("fatal: Timeout before authentication for 192.0.2.7 port 1", "ssh-login-timeout", "failure"),
        ("Starting session: command for ada from 192.0.2.7 port 1 id 0", "ssh-session-started", None),
        ("Server listening on 0.0.0.0 port 22.", "ssh-server-started", None),
        ("pam_unix(sshd:session): session closed for user ada", "session-closed", "success"),
        (
            "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= "
            "rhost=192.0.2.7  user=root",
            "authentication-failure",
            "failure",
        ),
    ],
)  # fmt: skip
def test_each_message_of_sshd_has_its_action(message: str, action: str, outcome: str | None):
    """Action and outcome by message (OpenSSH's sources, auth.c, packet.c, sshd.c)."""
    event = parse(f"Nov 24 11:52:50 web1 sshd[1]: {message}", CONTEXT)

    assert event["event.action"] == action
    assert event.get("event.outcome") == outcome


@pytest.mark.parametrize(
    ("tag", "message", "fields"),
    [
        ("usermod", "change user name 'bob' to 'eve'", {"user.name": "bob", "user.changes.name": "eve"}),
        ("gpasswd", "user bob added by root to group wheel", {"user.target.name": "bob", "user.name": "root", "group.name": "wheel"}),
        ("userdel", "removed group 'bob' owned by 'bob'", {"group.name": "bob"}),
        ("passwd", "password for 'bob' changed by 'root'", {"user.target.name": "bob", "user.name": "root"}),
        ("su", "+ /dev/pts/0 ada:root", {"user.name": "ada", "user.effective.name": "root"}),
        ("login", "ROOT LOGIN ON tty1", {"user.name": "root", "event.outcome": "success"}),
        ("sudo", "eve : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", {"event.outcome": "failure", "user.name": "eve"}),
        ("systemd", "Failed to start nginx.", {"event.action": "unit-failed", "event.outcome": "failure"}),
        ("kernel", "[ 1.5] Out of memory: Killed process 77 (mysqld) total-vm:1kB", {"event.action": "out-of-memory-kill"}),
        ("ftpd", "connection from 192.0.2.7 (h.example) at Sat Jul  9 22:53:19 2005", {"source.ip": "192.0.2.7"}),
        ("sshd", "error: PAM: Authentication failure for illegal user a for b from 192.0.2.7", {"user.name": "a for b", "event.outcome": "failure"}),
        ("run-parts(/etc/cron.hourly)", "starting 0anacron", {"process.name": "run-parts"}),
        ("/usr/sbin/cron", "(*system*) RELOAD (/etc/crontab)", {"process.name": "cron", "event.action": "crontab-reloaded"}),
    ],
)  # fmt: skip
def test_messages_of_other_programs_give_their_fields(tag: str, message: str, fields: dict):
    """Who did what to whom, by program."""
    event = parse(f"Nov 24 11:52:50 web1 {tag}[1]: {message}", CONTEXT)

    assert fields.items() <= event.items()


def test_every_message_is_classified_in_the_words_of_ecs():
    """Categories, types and outcomes are values that ECS allows."""
    for table in (*_TABLES.values(), PAM):
        for message in (message for group in table.values() for message in group):
            assert set(message.category) <= set(FIELDS["event.category"].allowed)
            assert set(message.type) <= set(FIELDS["event.type"].allowed)
            assert message.outcome in {None, "success", "failure"}
            assert bool(message.category) == bool(message.type)


def test_a_message_that_no_table_knows_is_an_event_with_its_process():
    """Nothing is lost: program, host and text stand."""
    event = parse("Nov 24 11:52:50 web1 acmed[7]: all is well", CONTEXT)

    assert event["event.dataset"] == "system.syslog"
    assert event["process.name"] == "acmed"
    assert event["message"] == "all is well"
    assert "event.action" not in event


def test_a_line_without_a_header_is_refused():
    """A parser of syslog needs a time or a program."""
    with pytest.raises(ParseError, match="no syslog header"):
        parse("hello", CONTEXT)


@pytest.mark.skipif(CORPORA is None, reason="TOCSIN_CORPORA names no folder")
def test_nearly_every_line_of_a_real_server_is_understood():
    """Of 2,000 lines of an attacked OpenSSH server all but one get an action."""
    lines = (Path(CORPORA or "") / "samples/loghub/OpenSSH_2k.log").read_text().splitlines()

    unknown = [line for line in lines if "event.action" not in parse(line, CONTEXT)]

    assert len(unknown) == 1
    assert "Write failed: Connection reset by peer" in unknown[0]
