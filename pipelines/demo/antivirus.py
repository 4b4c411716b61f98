"""What ClamAV writes: the daemon, its on-access and nightly scans, and the signature updates."""

from collections.abc import Iterator

from tocsin.pipelines.demo.city import LINUX_PCS, LINUX_SERVERS
from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS, at, syslog_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Line

_HOSTS = tuple(server.name for server in (*LINUX_SERVERS, *LINUX_PCS))
_DAILY = "version: 27822, sigs: 2076112, f-level: 90, builder: raynman"
_MAIN = "version: 62, sigs: 6647427, f-level: 90, builder: sigmgr"


def line(ms: int, host: str, program: str, pid: int, text: str) -> Line:
    """One line of a ClamAV program on `host`, by syslog."""
    return ms, f"{syslog_time(ms)} {host} {program}[{pid}]: {text}"


def found(ms: int, host: str, path: str, signature: str) -> Line:
    """Malware that the daemon found in the file at `path`."""
    return line(ms, host, "clamd", 812, f"{path}: {signature} FOUND")


def clamav_day(dice: Dice) -> Iterator[Line]:
    """The benign day, in no order: self-checks, updates, nightly scans that find nothing."""
    for host in _HOSTS:
        for ms in dice.rhythm(0, DAY_MS - HOUR_MS, HOUR_MS, HOUR_MS // 2):
            yield line(ms, host, "clamd", 812, "SelfCheck: Database status OK.")
        for ms in dice.rhythm(0, DAY_MS - 2 * HOUR_MS, 2 * HOUR_MS, HOUR_MS):
            yield from _update(ms, host)
        ms = at("02:00") + dice.below(HOUR_MS)
        yield from _nightly_scan(dice, ms, host)
    ms = at("10:22") + dice.below(MINUTE_MS)
    text = "/srv/exchange/minutes-2019.doc: Access denied. ERROR"
    yield line(ms, "ch-backup01", "clamd", 812, text)


def _update(ms: int, host: str) -> Iterator[Line]:
    for delay, text in (
        (0, "ClamAV update process started at Tue Nov 17 2026"),
        (400, f"daily.cld database is up-to-date ({_DAILY})"),
        (410, f"main.cvd database is up-to-date ({_MAIN})"),
    ):
        yield line(ms + delay, host, "freshclam", 640, text)


def _nightly_scan(dice: Dice, ms: int, host: str) -> Iterator[Line]:
    files = dice.between(1_200, 44_000)
    for text in (
        "----------- SCAN SUMMARY -----------",
        "Infected files: 0",
        f"Scanned files: {files}",
        f"Time: {files // 41}.112 sec ({files // 2460} m {files // 41 % 60} s)",
    ):
        yield line(ms, host, "clamscan", 9_112, text)
