"""A quiet day of the Linux servers: cron, units, admins with sudo, and guesses at SSH from outside.

Scanners try a few passwords and go on to the next city; none of them guesses right.
"""

from collections.abc import Iterator

from tocsin.pipelines.demo import linux
from tocsin.pipelines.demo.city import (
    ADMINS,
    GATEWAYS,
    JUMP,
    LINUX_SERVERS,
    WEB,
    Server,
)
from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS, at
from tocsin.pipelines.demo.dice import ALWAYS, OFFICE, Dice
from tocsin.pipelines.demo.lines import Line

_HOSTS = (*LINUX_SERVERS, *GATEWAYS)
_UNITS = (
    ("logrotate.service", "Rotate log files"),
    ("man-db.service", "Daily man-db regeneration"),
    ("apt-daily.service", "Daily apt download activities"),
    ("fstrim.service", "Discard unused blocks on filesystems from /etc/fstab"),
    ("sysstat-collect.service", "system activity accounting tool"),
    ("phpsessionclean.service", "Clean php session files"),
)
_COMMANDS = (
    "/usr/bin/systemctl status postfix",
    "/usr/bin/systemctl restart nginx",
    "/usr/bin/journalctl -u ssh --since today",
    "/usr/bin/apt-get update",
    "/usr/bin/apt-get upgrade",
    "/usr/bin/tail -n 200 /var/log/syslog",
    "/usr/sbin/ufw status verbose",
    "/usr/bin/vim /etc/nginx/sites-available/www",
    "/usr/bin/less /var/log/mail.log",
)
_GUESSES = (
    "admin", "test", "ubuntu", "oracle", "postgres", "git", "user", "ftpuser", "pi", "deploy",
    "jenkins", "hadoop", "minecraft", "guest",
)  # fmt: skip


def linux_day(dice: Dice) -> Iterator[Line]:
    """The benign day of all Linux servers and gateways, in no order."""
    for host in _HOSTS:
        yield from _jobs(dice, host)
        yield from _units(dice, host)
    yield from _guessing(dice)
    yield from _administration(dice)
    yield from _accounts()


def _jobs(dice: Dice, host: Server) -> Iterator[Line]:
    for ms in dice.rhythm(0, DAY_MS - MINUTE_MS, 10 * MINUTE_MS, 900):
        pid = 20_000 + ms // 4_000
        command = "command -v debian-sa1 > /dev/null && debian-sa1 1 1"
        yield from linux.cron_run(ms, host.name, "root", command, pid)
    for ms in dice.rhythm(17 * MINUTE_MS, DAY_MS, HOUR_MS, 500):
        command = "cd / && run-parts --report /etc/cron.hourly"
        yield from linux.cron_run(ms, host.name, "root", command, 21_000 + ms // 4_000)


def _units(dice: Dice, host: Server) -> Iterator[Line]:
    for _ in range(60):
        ms = min(dice.moment(ALWAYS), DAY_MS - MINUTE_MS)
        unit, description = dice.pick(_UNITS)
        for delay, text in (
            (0, f"Starting {unit} - {description}..."),
            (700, f"{unit}: Deactivated successfully."),
            (760, f"Finished {unit} - {description}."),
        ):
            yield linux.line(ms + delay, host.name, "systemd", text, 1)


def _guessing(dice: Dice) -> Iterator[Line]:
    for host in (WEB, JUMP):
        for _ in range(230):
            address = f"198.19.{dice.below(256)}.{dice.between(1, 254)}"
            ms = min(dice.moment(ALWAYS), DAY_MS - 5 * MINUTE_MS)
            for _ in range(dice.between(1, 4)):
                user = dice.pick(_GUESSES)
                source = (address, dice.between(30_000, 62_000))
                pid = 3000 + source[1] % 29_000
                invalid = f"Invalid user {user} from {address} port {source[1]}"
                yield linux.line(ms, host.name, "sshd", invalid, pid)
                ms += dice.between(1_500, 3_000)
                yield linux.failed_password(ms, host.name, user, source, known=False)
                closed = f"Connection closed by invalid user {user} {address} port {source[1]}"
                yield linux.line(ms + 300, host.name, "sshd", f"{closed} [preauth]", pid)
                ms += dice.between(9_000, 40_000)


def _administration(dice: Dice) -> Iterator[Line]:
    for _ in range(130):
        start = min(dice.moment(OFFICE), DAY_MS - HOUR_MS)
        host, admin = dice.pick(_HOSTS).name, dice.pick(ADMINS)
        source = (f"10.10.70.{11 + ADMINS.index(admin)}", dice.between(50_000, 64_000))
        if dice.chance(0.12):
            yield linux.failed_password(start, host, admin, source, known=True)
            start += 6_000
        method = "publickey" if dice.chance(0.8) else "password"
        yield from linux.accepted(dice, start, host, admin, source, method)
        ms = start
        for _ in range(dice.between(1, 4)):
            ms += dice.between(10_000, 240_000)
            yield linux.sudo(ms, host, admin, dice.pick(_COMMANDS))
            opened = f"session opened for user root(uid=0) by {admin}(uid=1001)"
            yield linux.line(ms, host, "sudo", f"pam_unix(sudo:session): {opened}")
            ms += dice.between(400, 9_000)
            closed = "pam_unix(sudo:session): session closed for user root"
            yield linux.line(ms, host, "sudo", closed)
        end = ms + dice.between(10_000, 600_000)
        pid = 3000 + source[1] % 29_000
        text = f"Received disconnect from {source[0]} port {source[1]}:11: disconnected by user"
        yield linux.line(end, host, "sshd", text, pid)
        closed = f"pam_unix(sshd:session): session closed for user {admin}"
        yield linux.line(end, host, "sshd", closed, pid)
    for hour in ("07:58", "13:05"):
        ms = at(hour)
        source = (f"10.20.20.{dice.between(11, 26)}", dice.between(50_000, 64_000))
        yield from linux.accepted(dice, ms, JUMP.name, "operator", source, "password")


def _accounts() -> Iterator[Line]:
    """A new colleague at the school gets an account for the learning platform."""
    ms, host = at("09:41:12"), "sch-srv01"
    for text in (
        "new group: name=s.lindholm, GID=1042",
        (
            "new user: name=s.lindholm, UID=1042, GID=1042, home=/home/s.lindholm, "
            "shell=/bin/bash, from=/dev/pts/0"
        ),
    ):
        program = "groupadd" if text.startswith("new group") else "useradd"
        yield linux.line(ms, host, program, text, 18_222)
