"""What the Linux servers write to their system logs, in the traditional format of rsyslog."""

from tocsin.pipelines.demo.clock import syslog_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Line


def line(ms: int, host: str, program: str, text: str, pid: int | None = None) -> Line:
    """One line of `program` on `host`."""
    tag = program if pid is None else f"{program}[{pid}]"
    return ms, f"{syslog_time(ms)} {host} {tag}: {text}"


def failed_password(ms: int, host: str, user: str, source: tuple[str, int], *, known: bool) -> Line:
    """A wrong password for SSH; an account that is not `known` is an invalid user."""
    name = user if known else f"invalid user {user}"
    text = f"Failed password for {name} from {source[0]} port {source[1]} ssh2"
    return line(ms, host, "sshd", text, 3000 + source[1] % 29_000)


def accepted(
    dice: Dice, ms: int, host: str, user: str, source: tuple[str, int], method: str
) -> tuple[Line, ...]:
    """A login by SSH, with `method` password or publickey, and the session that PAM opens."""
    pid = 3000 + source[1] % 29_000
    key = f": ED25519 SHA256:{dice.hexadecimal(43)}" if method == "publickey" else ""
    text = f"Accepted {method} for {user} from {source[0]} port {source[1]} ssh2{key}"
    opened = f"pam_unix(sshd:session): session opened for user {user}(uid=1001) by (uid=0)"
    return line(ms, host, "sshd", text, pid), line(ms + 40, host, "sshd", opened, pid)


def sudo(ms: int, host: str, user: str, command: str, *, directory: str = "") -> Line:
    """A command run as root."""
    where = directory or f"/home/{user}"
    text = f"{user:>8} : TTY=pts/0 ; PWD={where} ; USER=root ; COMMAND={command}"
    return line(ms, host, "sudo", text)


def cron_run(ms: int, host: str, user: str, command: str, pid: int) -> tuple[Line, ...]:
    """A job of cron between the opening and the closing of its session."""
    opened = f"pam_unix(cron:session): session opened for user {user}(uid=0) by (uid=0)"
    closed = f"pam_unix(cron:session): session closed for user {user}"
    return (
        line(ms, host, "CRON", opened, pid),
        line(ms, host, "CRON", f"({user}) CMD ({command})", pid + 1),
        line(ms, host, "CRON", closed, pid),
    )
