"""OpenSSH's server: what its log messages mean (OpenSSH sources: auth.c, packet.c, sshd.c)."""

from tocsin.parsers.server.linux_messages import Message, Messages, message

_PEER = r"ADDRESS port (?P<port>\d+)"


def _login(pattern: str, outcome: str, event: str) -> Message:
    category = "authentication session" if outcome == "success" else "authentication"
    return message(pattern, "ssh_login", category, "info", outcome, system__auth__ssh__event=event)


def _connection(pattern: str, action: str, types: str, outcome: str | None = None) -> Message:
    return message(pattern, action, "network", types, outcome)


_CLOSED = r"(?:(?:invalid|authenticating) user (?P<user>.*) )?ADDRESS(?: port (?P<port>\d+))?"
_KEY = r"(?:: (?P<signature>.*))?"
_ATTEMPT = (
    r"(?P<method>\S+) for (?:invalid user |illegal user )?(?P<user>.*) from "
    rf"{_PEER}(?: ssh2?)?{_KEY}"
)

SSHD: Messages = {
    "Accepted": (
        _login(rf"Accepted {_ATTEMPT}", "success", "Accepted"),
        message(r"Accepted key (?P<signature>.*)", "ssh-key-accepted"),
    ),
    "Failed": (_login(rf"Failed {_ATTEMPT}", "failure", "Failed"),),
    "Postponed": (
        message(rf"Postponed {_ATTEMPT}", "ssh-login-postponed", "authentication", "info"),
    ),
    "Partial": (message(rf"Partial {_ATTEMPT}", "ssh-login-partial", "authentication", "info"),),
    **dict.fromkeys(
        ("Invalid", "Illegal"),
        (
            _login(
                r"(?:Invalid|Illegal) user (?P<user>.*) from ADDRESS(?: port (?P<port>\d+))?",
                "failure",
                "Invalid",
            ),
        ),
    ),
    "input_userauth_request:": (
        _login(r"input_userauth_request: invalid user (?P<user>.*)", "failure", "Invalid"),
    ),
    "User": (
        _login(
            r"User (?P<user>.*) from ADDRESS not allowed because (?P<reason>[^,]*)",
            "failure",
            "Denied",
        ),
        _login(r"User (?P<user>.*) not allowed because (?P<reason>[^,]*)", "failure", "Denied"),
    ),
    "ROOT": (
        _login(
            r"(?P<reason>ROOT LOGIN REFUSED) FROM ADDRESS(?: port (?P<port>\d+))?",
            "failure",
            "Denied",
        ),
    ),
    "maximum": (
        _login(
            r"(?P<reason>maximum authentication attempts exceeded) for "
            rf"(?:invalid user )?(?P<user>.*) from {_PEER}(?: ssh2?)?",
            "failure",
            "Failed",
        ),
    ),
    "PAM:": (
        _login(
            r"PAM: (?P<reason>[A-Za-z ]+?) for (?:illegal user )?(?P<user>.*) "
            r"from (?P<address>\S+)",
            "failure",
            "Failed",
        ),
    ),
    "Authentication": (
        _login(r"Authentication refused: (?P<reason>.*)", "failure", "Denied"),
        _login(
            r"Authentication tried for (?P<user>.*) with correct key but (?P<reason>not from a "
            r"permitted host) \(host=[^ ,()]*, ip=ADDRESS(?:, required=.*)?\)\.?",
            "failure",
            "Denied",
        ),
    ),
    "Connection": (
        _connection(rf"Connection closed by {_CLOSED}", "ssh-connection-closed", "connection end"),
        _connection(rf"Connection reset by {_CLOSED}", "ssh-connection-reset", "connection end"),
        _connection(
            rf"Connection from {_PEER}(?: on (?P<server>\S+) port (?P<server_port>\d+))?.*",
            "ssh-connection",
            "connection start",
        ),
    ),
    "Disconnected": (
        _connection(
            r"Disconnected from (?:(?:(?:invalid|authenticating) )?user (?P<user>.*) )?"
            r"ADDRESS(?: port (?P<port>\d+))?",
            "ssh-disconnected",
            "connection end",
        ),
    ),
    "Disconnecting": (
        _connection(
            r"Disconnecting (?:(?:invalid|authenticating) )?user (?P<user>.*) "
            rf"{_PEER}: (?P<reason>[A-Za-z ]+)(?: for .*)?",
            "ssh-disconnecting",
            "connection end",
        ),
        _connection(
            rf"Disconnecting {_PEER}: (?P<reason>.*)", "ssh-disconnecting", "connection end"
        ),
    ),
    "Disconnecting:": (
        _connection(
            r"Disconnecting: (?P<reason>Too many authentication failures) for "
            r"(?:invalid user )?(?P<user>.*)",
            "ssh-disconnecting",
            "connection end",
        ),
        _connection(r"Disconnecting: (?P<reason>.*)", "ssh-disconnecting", "connection end"),
    ),
    "Received": (
        _connection(
            rf"Received disconnect from {_PEER}: ?\d+: ?(?P<reason>.*)",
            "ssh-disconnected",
            "connection end",
        ),
        _connection(
            r"Received disconnect from ADDRESS: \d+: ?(?P<reason>.*)",
            "ssh-disconnected",
            "connection end",
        ),
        message(r"Received signal \d+; terminating\.", "ssh-server-stopped"),
    ),
    "Did": (
        _connection(
            r"Did not receive identification string from ADDRESS(?: port (?P<port>\d+))?",
            "ssh-no-identification",
            "connection info",
            "failure",
        ),
    ),
    "Bad": (
        _connection(
            r"Bad (?P<reason>protocol version identification) '.*' from "
            r"ADDRESS(?: port (?P<port>\d+))?",
            "ssh-bad-identification",
            "connection info",
            "failure",
        ),
    ),
    "banner": (
        _connection(
            rf"banner exchange: Connection from {_PEER}: (?P<reason>.*)",
            "ssh-bad-identification",
            "connection info",
            "failure",
        ),
    ),
    "kex_exchange_identification:": (
        message(
            r"kex_exchange_identification: (?P<reason>.*)",
            "ssh-bad-identification",
            "network",
            "connection info",
            "failure",
        ),
    ),
    "Unable": (
        _connection(
            rf"Unable to negotiate with {_PEER}: (?P<reason>no matching [a-z ]+ found)\..*",
            "ssh-negotiation-failed",
            "connection denied",
            "failure",
        ),
        _connection(
            r"Unable to negotiate with ADDRESS: (?P<reason>no matching [a-z ]+ found)\..*",
            "ssh-negotiation-failed",
            "connection denied",
            "failure",
        ),
    ),
    "reverse": (
        _connection(
            r"(?P<reason>reverse mapping checking getaddrinfo) for \S+ \[(?P<address>[^\]\s]+)\] "
            r"failed.*",
            "ssh-reverse-mapping-failed",
            "info",
        ),
    ),
    "Address": (
        _connection(
            r"Address (?P<address>\S+) maps to \S+, but this does not map back to the address.*",
            "ssh-reverse-mapping-failed",
            "info",
        ),
    ),
    "refused": (
        _connection(
            r"refused connect from (?:\S+ \()?(?P<address>[^\s()]+)\)?",
            "ssh-connection-refused",
            "connection denied",
            "failure",
        ),
    ),
    "drop": (
        _connection(
            r"drop connection #\d+ from \[(?P<address>[^\]\s]+)\]:(?P<port>\d+) on "
            r"\[(?P<server>[^\]\s]+)\]:(?P<server_port>\d+) (?P<reason>.*)",
            "ssh-connection-refused",
            "connection denied",
            "failure",
        ),
    ),
    "Timeout": (
        _connection(
            r"(?P<reason>Timeout before authentication) for (?:connection from )?"
            r"(?P<address>[^\s,]+)(?: port (?P<port>\d+))?(?: to (?P<server>[^\s,]+))?"
            r"(?:, pid = \d+)?\.?",
            "ssh-login-timeout",
            "connection end",
            "failure",
        ),
    ),
    "Starting": (
        message(
            rf"Starting session: (?:(?:shell|command|subsystem)\b.*) for (?P<user>\S+) from {_PEER}"
            r"(?: id \d+)?",
            "ssh-session-started",
            "session",
            "start",
        ),
    ),
    "Close": (
        message(
            rf"Close session: user (?P<user>\S+) from {_PEER}(?: id \d+)?",
            "ssh-session-closed",
            "session",
            "end",
        ),
    ),
    "subsystem": (
        message(
            r"subsystem request for (?P<reason>\S+)(?: by user (?P<user>.*))?",
            "ssh-subsystem-requested",
            "session",
            "info",
        ),
    ),
    "Server": (
        message(
            r"Server listening on (?P<server>\S+) port (?P<server_port>\d+)\.",
            "ssh-server-started",
        ),
    ),
}
