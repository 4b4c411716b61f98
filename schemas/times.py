"""Event time as text and as a number: UTC, to the microsecond (SEMANTICS §1.2).

Documents carry time as fixed-width text, `2026-11-24T11:52:50.123456Z`, so that text order is
time order; windows are reckoned in whole microseconds since 1970-01-01T00:00:00Z.
"""

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

BEGINNING_OF_TIME = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z: earlier than any event; the watermark of what has shown no time yet."""

END_OF_TIME = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z: later than any event; the watermark of finished history."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch of an aware `moment`."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC moment of `micros` since the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def format_time(moment: datetime) -> str:
    """`moment` (aware) as fixed-width UTC text of 27 characters."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def format_micros(micros: int) -> str:
    """`micros` since the epoch as fixed-width UTC text."""
    return format_time(from_micros(micros))


def parse_time(text: str) -> int:
    """Microseconds since the epoch of ISO 8601 `text`; a time without a zone is UTC.

    Fractions beyond the microsecond are cut. Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text)
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
