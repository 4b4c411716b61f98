"""Timestamps of logs, to fixed-width UTC text (`tocsin.schemas.times`).

A time that names no zone is in the source's zone. One that names no year gets the latest year
that puts it at most a day after the record time: clocks run ahead, but not for months. Of the two
readings of an hour that a clock repeats in autumn, the nearer to the record time counts.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from tocsin.parsers.context import Context
from tocsin.schemas.remembering import remembering
from tocsin.schemas.times import format_micros, format_time

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(MONTHS, start=1)}

_AHEAD = timedelta(days=1)
_YEARS_BACK = 8
"""29 February comes again within eight years, even across 1900 or 2100."""

_CACHED = 4096
"""Lines come in order of time, so the same seconds come again and again."""

_CLOCK = r"(\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?"

_ISO = re.compile(
    rf"(\d{{4}})[-/](\d\d)[-/](\d\d)[T ]{_CLOCK}(?: ?(Z\b|UTC\b|[+-]\d\d:?\d\d\b)|([+-]\d\d)\b)?",
    re.ASCII,
)
_BSD = re.compile(
    r"[*.]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    rf"({'|'.join(MONTHS)}) +(\d{{1,2}})(?:,? (\d{{4}}))?,? {_CLOCK}"
    r"(?: (?:((?:19|20)\d\d)\b(?!:)|([+-]\d\d:?\d\d)\b|([A-Z]{2,5})(?=:)))?",
    re.ASCII,
)
_CLF = re.compile(
    rf"(\d\d)/({'|'.join(MONTHS)})/(\d{{4}}):{_CLOCK} ([+-]\d{{4}})",
    re.ASCII,
)
_ZONE = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)
_EPOCH = re.compile(r"(\d{1,20})(?:\.(\d{1,9})\d*)?", re.ASCII)


class Stamp(NamedTuple):
    """A timestamp found in text: UTC `time`, the `end` of it, and whether it named its zone."""

    time: str
    end: int
    zoned: bool


class _Moment(NamedTuple):
    utc: datetime
    text: str


def scan(text: str, context: Context, start: int = 0) -> Stamp | None:
    """The timestamp that begins at `start` of `text`, or None.

    ISO 8601 and its variants with a space, slashes or a comma (`2026/11/24 11:52:50,123`); BSD
    syslog and `ctime` (`Nov 24 11:52:50`, `Fri Nov 20 12:00:00 2026`), day padded or not, with
    Cisco's `*` or `.` before an unsynchronised clock, year, fraction and zone.
    """
    if text[start : start + 1].isdigit():
        return _scan_iso(text, context, start)
    match = _BSD.match(text, start)
    if match is None:
        return None
    month, day, year, clock, fraction, year_after, offset, name = match.groups()
    year = year or year_after
    # Abbreviations other than UTC's are ambiguous (CST is three zones): the source's zone counts.
    zone = parse_zone(offset or name) if offset or name else None
    date = (int(year) if year else None, _MONTH[month], int(day))
    time = resolve(date, clock, fraction, zone or context.timezone, context.received)
    return Stamp(time, match.end(), zone is not None) if time else None


def _scan_iso(text: str, context: Context, start: int) -> Stamp | None:
    match = _ISO.match(text, start)
    if match is None:
        return None
    year, month, day, clock, fraction, offset, hours = match.groups()
    zone = parse_zone(offset or hours) if offset or hours else None
    date = (int(year), int(month), int(day))
    time = resolve(date, clock, fraction, zone or context.timezone, context.received)
    return Stamp(time, match.end(), zone is not None) if time else None


def resolve(
    date: tuple[int | None, int, int],
    clock: str,
    fraction: str | None,
    zone: tzinfo,
    received: datetime,
) -> str | None:
    """UTC text of a local `date` and `clock` (`HH:MM:SS`) in `zone`; None if there is none such.

    `date` is year, month and day; a missing year is chosen by the record time `received`. Digits
    of `fraction` beyond the microsecond are cut. A leap second is the second after it.
    """
    year, month, day = date
    if year is None:
        moments = _latest(month, day, clock, zone, received)
    else:
        moments = _moments(year, month, day, clock, zone)
    if not moments:
        return None
    moment = moments[0]
    if len(moments) > 1:
        moment = min(moments, key=lambda candidate: abs(candidate.utc - received))
    return f"{moment.text}.{fraction[:6]:0<6}Z" if fraction else f"{moment.text}.000000Z"


def _latest(
    month: int, day: int, clock: str, zone: tzinfo, received: datetime
) -> tuple[_Moment, ...]:
    limit = received + _AHEAD
    for year in range(received.year + 1, received.year - _YEARS_BACK - 1, -1):
        moments = _moments(year, month, day, clock, zone)
        if moments and moments[0].utc <= limit:
            return moments
    return ()


@lru_cache(maxsize=_CACHED)
def _moments(year: int, month: int, day: int, clock: str, zone: tzinfo) -> tuple[_Moment, ...]:
    """The moments that a local time may mean: none, one, or two where a clock repeats an hour."""
    hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:8])
    leap = second == 60
    try:
        local = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
        moments = [local.astimezone(UTC)]
        repeated = local.replace(fold=1)
        # In spring the two readings of an hour that does not exist differ too, the other way round.
        if repeated.utcoffset() != local.utcoffset() and repeated.astimezone(UTC) > moments[0]:
            moments.append(repeated.astimezone(UTC))
        if leap:
            moments = [moment + timedelta(seconds=1) for moment in moments]
    except (ValueError, OverflowError):
        return ()
    return tuple(_Moment(moment, format_time(moment)[:19]) for moment in moments)


@remembering(_CACHED)
def parse_clf(text: str) -> str | None:
    """UTC text of the access logs' `24/Nov/2026:11:52:50 +0100`, or None."""
    match = _CLF.fullmatch(text)
    if match is None:
        return None
    day, month, year, clock, fraction, offset = match.groups()
    zone = parse_zone(offset)
    if zone is None:
        return None
    moments = _moments(int(year), _MONTH[month], int(day), clock, zone)
    return f"{moments[0].text}.{(fraction or '')[:6]:0<6}Z" if moments else None


@remembering(_CACHED)
def parse_epoch(text: str) -> str | None:
    """UTC text of seconds, milli-, micro- or nanoseconds since 1970, told by their digits.

    Up to 11 digits are seconds (with or without a fraction), 14 milliseconds, 17 microseconds,
    more are nanoseconds. None for anything else, and beyond the year 9999.
    """
    match = _EPOCH.fullmatch(text)
    if match is None:
        return None
    digits, fraction = match.groups()
    number = int(digits)
    size = len(digits)
    if size <= 11:
        micros = number * 1_000_000 + int(f"{(fraction or '')[:6]:0<6}")
    elif size <= 14:
        micros = number * 1000
    else:
        micros = number if size <= 17 else number // 1000
    try:
        return format_micros(micros)
    except OverflowError:
        return None


@remembering(256)
def parse_zone(text: str) -> tzinfo | None:
    """The fixed zone of `Z`, `UTC`, `+0100`, `-05:30`, `+2`, `UTC+2:00` or `GMT-3`, else None."""
    if text in {"Z", "z", "UTC", "GMT"}:
        return UTC
    match = _ZONE.fullmatch(text)
    if match is None or int(match[2]) > 14:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)


@lru_cache(maxsize=256)
def zone_name(zone: tzinfo) -> str:
    """What `event.timezone` says of an assumed `zone`: its IANA name, `UTC`, or `+02:00`."""
    return str(zone).removeprefix("UTC") or "UTC"
