"""What is written of a batch, before it meets a server: DELIVERY §1.6, §2.1, §2.2, §4.3."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from tocsin.pipelines.delivery import at_creation, detect_each, event_document, highest_time
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.events import Event
from tocsin.schemas.times import BEGINNING_OF_TIME, parse_time

RULE = """
title: Refused log-on
id: refused
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
"""


def event(time: str, received: str, number: int = 0) -> Event:
    return {
        "@timestamp": time,
        "event.id": f"event-{number}",
        "event.category": ["authentication"],
        "event.outcome": "failure",
        "organization.name": "city",
        "tocsin.received": received,
        "tocsin.source_group": "server",
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("rules")
    (folder / "refused.yml").write_text(RULE)
    return load_engine([folder])


def test_an_event_counts_with_the_lesser_of_its_time_and_its_record_time():
    """A clock in the future moves nothing: noon of the 18th was received at noon of the 17th."""
    events = [
        event("2026-11-18T12:00:00.000000Z", "2026-11-17T12:00:00.000000Z"),
        event("2026-11-17T11:00:00.000000Z", "2026-11-17T12:30:00.000000Z"),
    ]

    assert highest_time(events) == parse_time("2026-11-17T12:00:00Z")


def test_a_batch_without_events_moves_no_time():
    """Dead letters have no time that could be believed."""
    assert highest_time([]) == BEGINNING_OF_TIME


def test_an_event_is_stored_nested_in_the_index_of_its_month():
    """Under its own id, with when it was read and stored."""
    document = event_document(
        event("2026-10-31T23:59:59.999999Z", "2026-11-01T00:00:00.000000Z"),
        "2026-11-01T00:00:01.000000Z",
    )

    stored = orjson.loads(document.source)
    assert document.index == "tocsin-events-server-city-2026.10"
    assert document.id == "event-0"
    assert stored["organization"] == {"name": "city"}
    assert stored["event"]["created"] == "2026-11-01T00:00:01.000000Z"


def test_an_event_too_far_from_its_record_time_has_the_fixed_index():
    """A year 1999 on a machine without a battery does not make an index of 1999."""
    document = event_document(
        event("1999-01-01T00:00:00.000000Z", "2026-11-01T00:00:00.000000Z"),
        "2026-11-01T00:00:01.000000Z",
    )

    assert document.index == "tocsin-events-server-city-outside"


def test_an_alert_is_created_open_with_every_field_of_analysts_named():
    """A revision that knows them all touches none of them."""
    created = at_creation("2026-11-01T00:00:01.000000Z", "host-0-1")

    assert created["kibana.alert.workflow_status"] == "open"
    assert created["kibana.alert.workflow_note"] is None
    assert created["tocsin.origin"] == "live"
    assert created["tocsin.run"] == "host-0-1"


def ids(events: Sequence[Event]) -> list[str]:
    return [each["event.id"] for each in events]


def test_an_event_that_detection_cannot_take_costs_itself_only(engine: Engine):
    """Its neighbours have their alerts, and it is told why."""
    good = [
        event("2026-11-17T11:00:00.000000Z", "2026-11-17T11:00:00.000000Z", number)
        for number in range(3)
    ]
    bad = event("no time", "2026-11-17T11:00:00.000000Z", 9)

    found, taken, failed = detect_each([good[0], bad, *good[1:]], engine)

    assert ids(taken) == ["event-0", "event-1", "event-2"]
    assert [each.document["event"]["id"] for each in found.alerts] == ids(taken)
    [(event_failed, reason)] = failed
    assert event_failed is bad
    assert reason.startswith("ValueError: ")
