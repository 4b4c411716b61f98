"""Event time as text and as a number (SEMANTICS §1.2)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.times import (
    END_OF_TIME,
    format_micros,
    format_time,
    from_micros,
    parse_time,
    to_micros,
)

MICROS = st.integers(to_micros(datetime(1, 1, 1, tzinfo=UTC)), END_OF_TIME)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.000001999Z", 1),
        ("1969-12-31T23:59:59.5Z", -500_000),
        ("2026-11-24", 1_795_478_400_000_000),
        ("9999-12-31T23:59:59.999999Z", END_OF_TIME),
    ],
)
def test_iso_times_are_microseconds_since_the_epoch(text: str, micros: int) -> None:
    """A time without a zone is UTC; finer fractions are cut."""
    assert parse_time(text) == micros


@pytest.mark.parametrize("text", ["", "yesterday", "1795478400", "2026-02-30T00:00:00Z"])
def test_what_is_no_iso_time_is_an_error(text: str) -> None:
    """No guessing."""
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


def test_text_is_of_fixed_width_and_utc() -> None:
    """The zone is converted, the fraction always has six digits, the year four."""
    moment = datetime(2026, 11, 24, 12, 52, 50, tzinfo=timezone(timedelta(hours=1)))

    assert format_time(moment) == "2026-11-24T11:52:50.000000Z"
    assert format_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


@given(MICROS)
def test_text_and_number_say_the_same(micros: int) -> None:
    """There and back again."""
    assert parse_time(format_micros(micros)) == micros
    assert to_micros(from_micros(micros)) == micros
    assert len(format_micros(micros)) == 27


@given(MICROS, MICROS)
def test_text_order_is_time_order(one: int, other: int) -> None:
    """Documents can be sorted by their text."""
    assert (one < other) == (format_micros(one) < format_micros(other))
