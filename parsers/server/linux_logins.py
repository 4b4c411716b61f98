"""Programs by which users come in or change roles, beside sshd, sudo and su.

Sources: the messages of vsftpd (`logging.c`), ProFTPD, Dovecot (`login_log_format`), polkit's
pkexec, OpenDoas and Linux-PAM's `unix_chkpwd`.
"""

from tocsin.parsers.server.linux_messages import Messages, message

_IN = ("authentication session", "start", "success")
_REFUSED = ("authentication", "start", "failure")

_ONCE = r"(?!.* LOGIN: Client .* LOGIN: Client )"
"""User and anonymous password are a client's words: where they look like vsftpd's, none counts."""

_VSFTPD_USER = rf"{_ONCE}(?:\[pid \d+\] )?\[(?P<user>[^\]]*)\]"
_VSFTPD_CLIENT = r"Client \"(?P<address>[^\"\s]+)\"(?:, .*)?"

VSFTPD: Messages = {
    "": (
        message(rf"{_VSFTPD_USER} OK LOGIN: {_VSFTPD_CLIENT}", "ftp-login", *_IN),
        message(rf"{_VSFTPD_USER} FAIL LOGIN: {_VSFTPD_CLIENT}", "ftp-login", *_REFUSED),
        message(
            rf"(?:\[pid \d+\] )?CONNECT: {_VSFTPD_CLIENT}",
            "ftp-connection",
            "network",
            "connection start",
        ),
    )
}

_PROFTPD_CLIENT = r"\S+ \([^\[\]()\s]*\[(?P<address>[^\]\s]+)\]\):? - "

PROFTPD: Messages = {
    "": (
        message(
            rf"{_PROFTPD_CLIENT}(?:USER|ANON) (?P<user>.*): Login successful\.?", "ftp-login", *_IN
        ),
        message(
            rf"{_PROFTPD_CLIENT}USER (?P<user>.*) \(Login failed\): (?P<reason>[^:()]*)",
            "ftp-login",
            *_REFUSED,
        ),
        message(
            rf"{_PROFTPD_CLIENT}USER (?P<user>.*): (?P<reason>no such user) found from .*",
            "ftp-login",
            *_REFUSED,
        ),
        message(
            rf"{_PROFTPD_CLIENT}FTP session opened\.?",
            "ftp-connection",
            "network",
            "connection start",
        ),
        message(
            rf"{_PROFTPD_CLIENT}FTP session closed\.?",
            "ftp-connection-closed",
            "network",
            "connection end",
        ),
    )
}

_DOVECOT_SERVICE = r"(?P<service>(?:imap|pop3|managesieve|submission)-login): "
_DOVECOT_CLIENT = (
    r"user=<(?P<user>.*)>, (?:method=(?P<login_method>[^\s,]+), )?rip=(?P<address>[^\s,]+), "
    r"lip=(?P<server>[^\s,]+)(?:, mpid=\d+)?(?:, (?:TLS|secured)\b[^<>]*)?(?:, session=<\S*>)?"
)

DOVECOT: Messages = {
    "": (
        message(rf"{_DOVECOT_SERVICE}Login: {_DOVECOT_CLIENT}", "mailbox-login", *_IN),
        message(
            rf"{_DOVECOT_SERVICE}(?:Disconnected|Aborted login)[^(<]*"
            rf"\((?P<reason>auth failed[^)<]*)\): {_DOVECOT_CLIENT}",
            "mailbox-login",
            *_REFUSED,
        ),
        message(
            rf"{_DOVECOT_SERVICE}(?:Disconnected|Aborted login)[^(<]*"
            rf"\((?P<reason>[^)<]*)\): {_DOVECOT_CLIENT}",
            "mailbox-disconnected",
            "network",
            "connection end",
        ),
    )
}

_PKEXEC = (
    r" \[USER=(?P<effective>[^\]]*)\] \[TTY=(?P<tty>[^\]]*)\] \[CWD=(?P<directory>[^\]]*)\] "
    r"\[COMMAND=(?P<command>.*)\]"
)

PKEXEC: Messages = {
    "": (
        message(
            rf"(?P<user>[^\s:]+): Executing command{_PKEXEC}",
            "pkexec-command",
            "process",
            "start",
            "success",
        ),
        message(
            rf"(?P<user>[^\s:]+): (?P<reason>[^\[\]]+?){_PKEXEC}",
            "pkexec-refused",
            "authentication process",
            "info",
            "failure",
        ),
    )
}

DOAS: Messages = {
    "": (
        message(
            r"(?P<user>\S+) ran command (?P<command>.*) as (?P<effective>\S+) from \S+",
            "doas-command",
            "process",
            "start",
            "success",
        ),
        message(
            r"(?P<reason>command not permitted) for (?P<user>\S+): (?P<command>.*)",
            "doas-refused",
            "authentication process",
            "info",
            "failure",
        ),
        message(
            r"(?P<reason>failed auth) for (?P<user>\S+)",
            "doas-refused",
            "authentication process",
            "info",
            "failure",
        ),
    )
}

CHECK_PASSWORD: Messages = {
    "": (
        message(
            r"(?P<reason>password check failed) for user \((?P<user>.*)\)",
            "authentication-failure",
            "authentication",
            "info",
            "failure",
        ),
    )
}
