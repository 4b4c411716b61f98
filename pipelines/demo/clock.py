"""The demo's one day, and how each product writes its times.

The city lies on Greenwich time and the day in winter, so local time is UTC in every log. Times
are whole milliseconds since its midnight.
"""

from datetime import UTC, datetime

DAY = datetime(2026, 11, 17, tzinfo=UTC)
"""A Tuesday."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_EPOCH_MS = int(DAY.timestamp()) * SECOND_MS
_CLOCK = tuple(
    f"{hour:02}:{minute:02}:{second:02}"
    for hour in range(24)
    for minute in range(60)
    for second in range(60)
)


def at(text: str) -> int:
    """The milliseconds of the day at `HH:MM` or `HH:MM:SS`."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return hours * HOUR_MS + minutes * MINUTE_MS + sum(seconds) * SECOND_MS


def clock(ms: int) -> str:
    """`HH:MM:SS`."""
    return _CLOCK[ms // SECOND_MS]


def syslog_time(ms: int) -> str:
    """The time of an RFC 3164 header, which knows neither year nor zone."""
    return f"Nov 17 {_CLOCK[ms // SECOND_MS]}"


def iso_time(ms: int, micros: int = 0) -> str:
    """RFC 3339 text to the microsecond, as rsyslog's file format and Windows collectors write."""
    return f"2026-11-17T{_CLOCK[ms // SECOND_MS]}.{ms % SECOND_MS:03}{micros:03}+00:00"


def utc_time(ms: int) -> str:
    """Sysmon's `UtcTime`."""
    return f"2026-11-17 {_CLOCK[ms // SECOND_MS]}.{ms % SECOND_MS:03}"


def web_time(ms: int) -> str:
    """The time of an access log."""
    return f"17/Nov/2026:{_CLOCK[ms // SECOND_MS]} +0000"


def epoch_ms(ms: int) -> int:
    """Milliseconds since 1970."""
    return _EPOCH_MS + ms
