"""Index names: functions of a document's identity (DELIVERY §2)."""

import pytest

from tocsin.schemas.indices import alert_index, event_index, is_name, is_outside
from tocsin.schemas.times import DAY


def test_events_go_to_the_index_of_group_organisation_and_month() -> None:
    """The span is the event's own, not the clock's."""
    assert (
        event_index("firewall", "city", "2026-11-24T11:52:50.000000Z")
        == "tocsin-events-firewall-city-2026.11"
    )
    assert alert_index("city", "2026-12-01T00:00:00.000000Z") == "tocsin-alerts-city-2026.12"


def test_what_is_not_believed_goes_to_an_index_of_its_own() -> None:
    """A broken clock does not open an index for every year there is."""
    time = "2087-01-01T00:00:00.000000Z"

    assert event_index("mail", "city", time, outside=True) == "tocsin-events-mail-city-outside"
    assert alert_index("city", time, outside=True) == "tocsin-alerts-city-outside"


@pytest.mark.parametrize(
    ("time", "outside"),
    [
        (100 * DAY, False),
        (101 * DAY, False),
        (101 * DAY + 1, True),
        (70 * DAY, False),
        (70 * DAY - 1, True),
    ],
)
def test_a_time_is_believed_within_thirty_days_before_and_one_after(
    time: int, outside: bool
) -> None:
    """Both ends belong to the span round the record time, here day 100."""
    assert is_outside(time, 100 * DAY) is outside


@pytest.mark.parametrize("name", ["city", "fire-brigade", "a", "0_x", "x" * 63])
def test_names_that_may_stand_in_an_index(name: str) -> None:
    """Lower case, digits, hyphen and underscore."""
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "City", "-a", "_a", "a b", "a/b", "a.b", "é", "x" * 64, "a\n"]
)
def test_names_that_may_not(name: str) -> None:
    """Elasticsearch would refuse them, or they would reach beyond their own index."""
    assert not is_name(name)
