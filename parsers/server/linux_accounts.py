"""PAM, sudo, su, login and the account tools (shadow, Linux-PAM and sudo sources and manuals)."""

from tocsin.parsers.server.linux_messages import Message, Messages, message

_PAM = r"(?:(?P<pam_module>pam_\w+)\((?P<pam_service>[^():]*)(?::(?P<pam_type>\w+))?\): )?"
_FAILURE = (
    r"logname=(?P<pam_logname>\S*) uid=(?P<pam_uid>\d*) euid=\d* tty=(?P<tty>\S*) "
    r"(?:ruser=(?P<pam_ruser>\S*) rhost=(?P<address>\S*) +user=(?P<user>.*)"
    r"|ruser=(?P<remote_user>\S*) rhost=(?P<peer>\S*) *)"
)
"""Where the service names no user to PAM, the one whom the client claims to be counts."""

PAM: Messages = {
    "": (
        message(
            rf"{_PAM}session opened for user (?P<effective>[^\s(]+)"
            r"(?:\(uid=(?P<effective_uid>\d+)\))? by (?!LOGIN\()(?P<user>[^()\s]+)"
            r"\(uid=(?P<pam_uid>\d+)\)",
            "session-opened",
            "session",
            "start",
            "success",
        ),
        message(
            rf"{_PAM}session opened for user (?P<user>[^\s(]+)(?:\(uid=(?P<uid>\d+)\))? by "
            r"(?:[^()]*)\(uid=(?P<pam_uid>\d+)\)",
            "session-opened",
            "session",
            "start",
            "success",
        ),
        message(
            rf"{_PAM}session closed for user (?P<user>\S+)",
            "session-closed",
            "session",
            "end",
            "success",
        ),
        message(
            rf"{_PAM}authentication failure; {_FAILURE}",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"PAM \d+ more authentication failures?; {_FAILURE}",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"{_PAM}(?P<reason>check pass; user unknown)",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"{_PAM}bad username \[.*\]",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"{_PAM}password changed for (?P<target>.*)",
            "changed-password",
            "iam",
            "user change",
            "success",
        ),
        message(
            rf"{_PAM}account (?P<user>\S+) has (?P<reason>expired.*)",
            "account-expired",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"{_PAM}(?P<reason>Consecutive login failures) for user (?P<user>.*) account "
            r"temporarily locked",
            "locked-out-user-account",
            "iam authentication",
            "user change",
            "failure",
        ),
        message(
            rf"{_PAM}user (?P<user>.*) \((?P<uid>\d+)\) (?P<reason>(?:has )?tally \d+, deny \d+)",
            "locked-out-user-account",
            "authentication",
            "info",
            "failure",
        ),
        message(
            rf"{_PAM}requirement \".*\" (?:not met|was not met) by user \"(?P<user>.*)\"",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
        message(r"PAM service\(\S*\) ignoring max retries; \d+ > \d+", "pam-max-retries"),
    )
}

_COMMAND = (
    r"(?:HOST=\S+ ; )?(?:TTY=(?P<sudo_tty>\S+) ; )?(?:CHROOT=[^;]* ; )?PWD=(?P<sudo_pwd>.*?) ; "
    r"USER=(?P<sudo_user>[^;]*?) ; (?:GROUP=(?P<group>[^;]*) ; )?(?:TSID=\S+ ; )?"
    r"(?:ENV=[^;]* ; )?COMMAND=(?P<sudo_command>.*)"
)
"""Callers choose directory and command, and sudo escapes no semicolon: the first user counts."""

SUDO: Messages = {
    "": (
        message(
            rf"(?P<user>\S+) : {_COMMAND}",
            "sudo-command",
            "process",
            "start",
            "success",
        ),
        message(
            rf"(?P<user>\S+) : (?P<sudo_error>[^;=]+) ; {_COMMAND}",
            "sudo-refused",
            "authentication process",
            "info",
            "failure",
        ),
        message(r"(?P<reason>unable to resolve host) .*", "sudo-warning"),
    )
}

_SWITCH = ("session-switched", "authentication", "start")

SU: Messages = {
    "": (
        message(
            r"FAILED (?:SU|su) \(to (?P<effective>[^)]*)\) (?P<user>\S+) on (?P<tty>\S+)",
            *_SWITCH,
            "failure",
        ),
        message(r"\(to (?P<effective>[^)]*)\) (?P<user>\S+) on (?P<tty>\S+)", *_SWITCH, "success"),
        message(r"FAILED su for (?P<effective>.*) by (?P<user>\S+)", *_SWITCH, "failure"),
        message(r"Successful su for (?P<effective>.*) by (?P<user>\S+)", *_SWITCH, "success"),
        message(r"\+ (?P<tty>\S+) (?P<user>[^\s:]+):(?P<effective>\S+)", *_SWITCH, "success"),
        message(r"- (?P<tty>\S+) (?P<user>[^\s:]+):(?P<effective>\S+)", *_SWITCH, "failure"),
        message(
            r"'su (?P<effective>[^']*)' succeeded for (?P<user>\S+) on (?P<tty>\S+)",
            *_SWITCH,
            "success",
        ),
        message(
            r"'su (?P<effective>[^']*)' failed for (?P<user>\S+) on (?P<tty>\S+)",
            *_SWITCH,
            "failure",
        ),
    )
}


def _account(pattern: str, action: str, types: str, outcome: str = "success") -> Message:
    return message(pattern, action, "iam", types, outcome)


ACCOUNTS: Messages = {
    "new": (
        _account(
            r"new user: name=(?P<user>[^,]+), UID=(?P<uid>\d+), GID=(?P<gid>\d+), "
            r"home=(?P<home>[^,]*), shell=(?P<shell>[^,]*)(?:, from=.*)?",
            "added-user-account",
            "user creation",
        ),
        _account(
            r"new group: name=(?P<group>[^,]+), GID=(?P<gid>\d+)",
            "added-group-account",
            "group creation",
        ),
    ),
    "group": (
        _account(
            r"group added to \S+: name=(?P<group>[^,]+)(?:, GID=(?P<gid>\d+))?",
            "added-group-account",
            "group creation",
        ),
        _account(
            r"group '(?P<group>.*)' removed(?: from \S+)?",
            "deleted-group-account",
            "group deletion",
        ),
        _account(
            r"group changed in \S+ \(group (?P<group>[^/]+)/(?P<gid>\d+).*\)",
            "modified-group-account",
            "group change",
        ),
    ),
    "add": (
        _account(
            r"add '(?P<user>[^']*)' to (?:shadow )?group '(?P<group>[^']*)'",
            "added-member-to-group",
            "group change",
        ),
    ),
    "delete": (
        _account(
            r"delete '(?P<user>[^']*)' from (?:shadow )?group '(?P<group>[^']*)'",
            "removed-member-from-group",
            "group change",
        ),
        _account(r"delete user '(?P<user>[^']*)'", "deleted-user-account", "user deletion"),
    ),
    "removed": (
        _account(
            r"removed (?:shadow )?group '(?P<group>[^']*)'(?: owned by '(?P<user>[^']*)')?",
            "deleted-group-account",
            "group deletion",
        ),
    ),
    "remove": (
        _account(
            r"remove (?:shadow )?group '(?P<group>[^']*)'",
            "deleted-group-account",
            "group deletion",
        ),
    ),
    "lock": (
        _account(r"lock user '(?P<user>[^']*)' password", "locked-user-account", "user change"),
    ),
    "unlock": (
        _account(r"unlock user '(?P<user>[^']*)' password", "unlocked-user-account", "user change"),
    ),
    "change": (
        _account(
            r"change user name '(?P<user>[^']*)' to '(?P<new_name>[^']*)'",
            "renamed-user-account",
            "user change",
        ),
        _account(r"change user '(?P<user>[^']*)' password", "changed-password", "user change"),
        _account(
            r"change user '(?P<user>[^']*)' (?P<reason>.*)", "modified-user-account", "user change"
        ),
    ),
    "changed": (
        _account(r"changed user '(?P<user>[^']*)' .*", "modified-user-account", "user change"),
        _account(
            r"changed password expiry for (?P<user>\S+)", "modified-user-account", "user change"
        ),
    ),
    "password": (
        _account(
            r"password for '(?P<target>[^']*)' changed by '(?P<user>[^']*)'",
            "changed-password",
            "user change",
        ),
    ),
    "failed": (
        _account(
            r"failed adding user '(?P<user>[^']*)'(?:, (?P<reason>.*))?",
            "added-user-account",
            "user creation",
            "failure",
        ),
    ),
    "user": (
        _account(
            r"user (?P<target>\S+) added by (?P<user>\S+) to group (?P<group>\S+)",
            "added-member-to-group",
            "group change",
        ),
        _account(
            r"user (?P<target>\S+) removed by (?P<user>\S+) from group (?P<group>\S+)",
            "removed-member-from-group",
            "group change",
        ),
    ),
}

_LOGGED_IN = ("logged-in", "authentication session", "start", "success")
_REFUSED = ("logon-failed", "authentication", "start", "failure")

LOGIN: Messages = {
    "ROOT": (
        message(
            r"ROOT LOGIN ON (?P<tty>\S+)(?: FROM (?P<address>\S+))?", *_LOGGED_IN, user__name="root"
        ),
    ),
    "LOGIN": (
        message(r"LOGIN ON (?P<tty>\S+) BY (?P<user>.*?)(?: FROM (?P<address>\S+))?", *_LOGGED_IN),
    ),
    "FAILED": (
        message(
            r"FAILED LOGIN \(?\d+\)? on '(?P<tty>[^']*)'(?: from '(?P<address>[^']*)')? FOR "
            r"'(?P<user>.*)', (?P<reason>[^,']*)",
            *_REFUSED,
        ),
        message(
            r"FAILED LOGIN \(?\d+\)? FROM (?P<address>\S+) FOR (?P<user>.*), (?P<reason>[^,]*)",
            *_REFUSED,
        ),
    ),
}
