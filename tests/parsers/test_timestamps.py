"""Timestamps of every form become UTC text, with the year and zone that were meant."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context
from tocsin.parsers.timestamps import parse_clf, parse_epoch, parse_zone, scan, zone_name
from tocsin.schemas.times import from_micros, parse_time

MADRID = ZoneInfo("Europe/Madrid")
NOON = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), MADRID)


@pytest.mark.parametrize(
    ("text", "time", "rest", "zoned"),
    [
        ("Nov 24 11:52:50 host", "2026-11-24T10:52:50.000000Z", " host", False),
        ("Nov  4 11:52:50 host", "2026-11-04T10:52:50.000000Z", " host", False),
        ("Nov 04 11:52:50 host", "2026-11-04T10:52:50.000000Z", " host", False),
        ("Nov 24 2025 11:52:50: x", "2025-11-24T10:52:50.000000Z", ": x", False),
        ("Nov 24 11:52:50 2025 host", "2025-11-24T10:52:50.000000Z", " host", False),
        ("*Nov 24 11:52:50.123: x", "2026-11-24T10:52:50.123000Z", ": x", False),
        (".Nov 24 11:52:50.123 UTC: x", "2026-11-24T11:52:50.123000Z", ": x", True),
        ("Nov 24 11:52:50 CST: x", "2026-11-24T10:52:50.000000Z", ": x", False),
        ("Nov 24 11:52:50 -0330 x", "2026-11-24T15:22:50.000000Z", " x", True),
        ("Fri Nov 20 12:00:00 2026 -> /x", "2026-11-20T11:00:00.000000Z", " -> /x", False),
        ("2026-11-24T11:52:50Z x", "2026-11-24T11:52:50.000000Z", " x", True),
        ("2026-11-24T11:52:50.1+02:00 x", "2026-11-24T09:52:50.100000Z", " x", True),
        ("2026-11-24T11:52:50.123456789-05 x", "2026-11-24T16:52:50.123456Z", " x", True),
        ("2026-11-24 11:52:50 +0100 x", "2026-11-24T10:52:50.000000Z", " x", True),
        ("2026-11-24 11:52:50,250 x", "2026-11-24T10:52:50.250000Z", " x", False),
        ("2026/11/24 11:52:50 [error]", "2026-11-24T10:52:50.000000Z", " [error]", False),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z", "", True),
    ],
)
def test_scan_reads_the_time_and_tells_where_it_ends(text, time, rest, zoned):
    """Every form in which logs write times is read up to its end, and no further."""
    stamp = scan(text, NOON)

    assert stamp is not None
    assert (stamp.time, text[stamp.end :], stamp.zoned) == (time, rest, zoned)


@pytest.mark.parametrize(
    "text",
    ["", "host", "Nov 31 10:00:00", "Nov 24 24:00:00", "2026-02-29 10:00:00", "0000-01-01 00:00:00",
     "Foo 24 10:00:00", "2026-11-24", "٢٠٢٦-11-24 10:00:00", "9999-12-31T23:59:60Z"],
)  # fmt: skip
def test_what_is_no_time_is_none(text):
    """Impossible dates and other text are no timestamps."""
    assert scan(text, NOON) is None


@pytest.mark.parametrize(
    ("text", "received", "time"),
    [
        ("Dec 31 23:59:58", "2027-01-01T00:00:03Z", "2026-12-31T23:59:58.000000Z"),
        ("Jan  1 00:00:01", "2026-12-31T23:59:58Z", "2027-01-01T00:00:01.000000Z"),
        ("Nov 25 11:59:59", "2026-11-24T12:00:00Z", "2026-11-25T11:59:59.000000Z"),
        ("Nov 25 12:00:01", "2026-11-24T12:00:00Z", "2025-11-25T12:00:01.000000Z"),
        ("Feb 29 08:00:00", "2026-11-24T12:00:00Z", "2024-02-29T08:00:00.000000Z"),
        ("Nov 25 08:00:00", "2026-11-24T12:00:00Z", "2026-11-25T08:00:00.000000Z"),
    ],
)
def test_a_missing_year_is_the_latest_that_is_at_most_a_day_ahead(text, received, time):
    """Round New Year the year is that of the moment, never one with an event months ahead."""
    stamp = scan(text, Context(from_micros(parse_time(received)), UTC))

    assert stamp is not None
    assert stamp.time == time


@given(st.datetimes(datetime(1972, 1, 2), datetime(2199, 1, 1)), st.integers(0, 363 * 86_400))
def test_a_time_of_the_last_year_gets_its_own_year(received, age):
    """For any record time, an event up to 363 days old is dated exactly."""
    moment = received.replace(microsecond=0) - timedelta(seconds=age)
    context = Context(received.replace(tzinfo=UTC), UTC)

    stamp = scan(moment.strftime("%b %d %H:%M:%S"), context)

    assert stamp is not None
    assert stamp.time == f"{moment:%Y-%m-%dT%H:%M:%S}.000000Z"


@pytest.mark.parametrize(
    ("received", "time"),
    [
        ("2026-10-25T00:30:05Z", "2026-10-25T00:30:00.000000Z"),
        ("2026-10-25T01:30:05Z", "2026-10-25T01:30:00.000000Z"),
    ],
)
def test_in_an_hour_that_comes_twice_the_nearer_reading_counts(received, time):
    """Madrid's clocks show 02:30 twice on 25 October 2026: at 00:30 and at 01:30 UTC."""
    stamp = scan("Oct 25 02:30:00", Context(from_micros(parse_time(received)), MADRID))

    assert stamp is not None
    assert stamp.time == time


def test_an_hour_that_the_clock_skips_is_read_as_if_it_had_not():
    """Madrid's clocks go from 02:00 to 03:00 on 29 March 2026; 02:30 is an hour and a half past 01:00."""
    stamp = scan("2026-03-29 02:30:00", NOON)

    assert stamp is not None
    assert stamp.time == "2026-03-29T01:30:00.000000Z"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1795521170", "2026-11-24T11:52:50.000000Z"),
        ("1795521170.25", "2026-11-24T11:52:50.250000Z"),
        ("1795521170123", "2026-11-24T11:52:50.123000Z"),
        ("1795521170123456", "2026-11-24T11:52:50.123456Z"),
        ("1795521170123456789", "2026-11-24T11:52:50.123456Z"),
        ("0", "1970-01-01T00:00:00.000000Z"),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("999999999999999999999", None),
    ],
)
def test_epoch_numbers_tell_their_unit_by_their_digits(text, time):
    """Seconds, milli-, micro- and nanoseconds since 1970 are told apart."""
    assert parse_epoch(text) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("24/Nov/2026:11:52:50 +0100", "2026-11-24T10:52:50.000000Z"),
        ("24/Nov/2026:11:52:50 -0330", "2026-11-24T15:22:50.000000Z"),
        ("31/Nov/2026:11:52:50 +0100", None),
        ("24/Nov/2026:11:52:50", None),
    ],
)
def test_access_log_times_name_their_zone(text, time):
    """The common log format's time is read by its own offset."""
    assert parse_clf(text) == time


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("Z", 0), ("UTC", 0), ("+0100", 60), ("-05:30", -330), ("+2", 120), ("UTC+2:00", 120),
     ("GMT-3", -180), ("+14", 840), ("+15", None), ("CET", None), ("", None), ("+01:75", None)],
)  # fmt: skip
def test_zones_are_offsets_or_utc(text, minutes):
    """Offsets in every spelling are zones; ambiguous abbreviations are not."""
    zone = parse_zone(text)

    offset = zone.utcoffset(None) if zone else None
    assert offset == (None if minutes is None else timedelta(minutes=minutes))


def test_an_assumed_zone_is_named_as_ecs_does():
    """IANA names where there is one, else UTC or the offset."""
    assert zone_name(MADRID) == "Europe/Madrid"
    assert zone_name(UTC) == "UTC"
    assert zone_name(timezone(timedelta(hours=-3, minutes=-30))) == "-03:30"
