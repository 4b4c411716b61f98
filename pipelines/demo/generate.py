"""Write the demo's day: the city's logs as files, the attack story in them.

The same seed gives the same bytes, on any machine and Python; nothing here asks for the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from os import utime
from pathlib import Path

from tocsin.pipelines.demo.antivirus import clamav_day
from tocsin.pipelines.demo.attack import attack
from tocsin.pipelines.demo.clock import DAY
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.firewall_day import fortigate_day, netfilter_day
from tocsin.pipelines.demo.lines import Line
from tocsin.pipelines.demo.linux_day import linux_day
from tocsin.pipelines.demo.mail_day import mail_day
from tocsin.pipelines.demo.web import access_day, error_day
from tocsin.pipelines.demo.windows_day import windows_day
from tocsin.schemas.records import Source
from tocsin.schemas.times import to_micros

SEED = 1
RECEIVED = DAY + timedelta(days=1)
"""The record time of all of the demo's files: the midnight that ends its day."""

PARSERS = {
    "clamav": "clamav",
    "fortigate": "fortigate",
    "linux": "linux",
    "netfilter": "netfilter",
    "nginx": "nginx",
    "nginx-error": "nginx",
    "postfix": "postfix",
    "spamassassin": "spamassassin",
    "windows": "windows",
}
"""The parser of each log."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of the demo: where it is, which parser reads it, how many records it holds."""

    path: Path
    parser: str
    records: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that `generate` wrote, in order of their names."""

    files: tuple[LogFile, ...]

    @property
    def end(self) -> int:
        """The record time of all files, in microseconds."""
        return to_micros(RECEIVED)

    def source_of(self, path: Path) -> Source:
        """The source of the file at `path`; raises KeyError for one not of the demo."""
        return Source(path.stem, PARSERS[path.stem], history=True)

    @property
    def records(self) -> int:
        """How many records all files hold."""
        return sum(file.records for file in self.files)


def generate(folder: Path, seed: int = SEED, *, story: bool = True) -> Manifest:
    """Write the day's logs below `folder`/logs; without `story` it is a quiet day.

    Each file is `NAME.log`, in order of time, dated `RECEIVED`. The quiet records of a seed are
    the same with the story and without it.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    lines = _quiet_day(seed)
    if story:
        for name, line in attack(Dice(seed, "attack")):
            lines[name].append(line)
    return Manifest(tuple(_write(logs / f"{name}.log", name, lines[name]) for name in PARSERS))


def _quiet_day(seed: int) -> dict[str, list[Line]]:
    lines: dict[str, list[Line]] = {name: [] for name in PARSERS}
    days = {
        "clamav": clamav_day,
        "fortigate": fortigate_day,
        "linux": linux_day,
        "netfilter": netfilter_day,
        "nginx": access_day,
        "nginx-error": error_day,
        "windows": windows_day,
    }
    for name, day in days.items():
        lines[name].extend(day(Dice(seed, name)))
    for name, line in mail_day(Dice(seed, "mail")):
        lines[name].append(line)
    return lines


def _write(path: Path, name: str, lines: Iterable[Line]) -> LogFile:
    ordered = sorted(lines, key=lambda timed: timed[0])
    path.write_bytes("".join([f"{line}\n" for _, line in ordered]).encode())
    moment = RECEIVED.timestamp()
    utime(path, (moment, moment))
    return LogFile(path, PARSERS[name], len(ordered))
