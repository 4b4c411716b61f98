"""Correlations of live sources: time that goes on by itself, and state that outlives its owner."""

import signal
from typing import Any

import pytest
from elasticsearch import ApiError

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RULES = """
title: Refused log-on
id: refused
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Five refused within ten minutes
id: guessing
correlation:
  type: event_count
  rules: [refused]
  timespan: 10m
  condition: {gte: 5}
tocsin: {period: 1d}
"""


@pytest.fixture
def live(plant):
    """The plant with one correlation over everything, and a lateness of two seconds."""
    rules = plant.folder / "rules"
    rules.mkdir()
    (rules / "rules.yml").write_text(RULES)
    more = f'[rules]\ndirectories = ["{rules}"]\n[correlation]\nlateness = "2s"\n'
    plant.config.write_text(plant.config.read_text() + more)
    return plant


def alerts(plant) -> list[dict[str, Any]]:
    index = f"tocsin-alerts-{plant.name}-*"
    try:
        plant.client.indices.refresh(index=index)
        hits = plant.client.search(index=index, size=100)["hits"]["hits"]
    except ApiError as error:
        if error.status_code != 503:
            raise
        return []
    return [hit["_source"] for hit in hits]


def counts(plant) -> list[int]:
    return [alert["tocsin"]["count"] for alert in alerts(plant)]


def test_an_alert_comes_when_nothing_follows_its_events(live):
    """Idle marks move time on: the alert is there without a record after the last one."""
    live.start(0)
    live.send(range(8))

    live.wait(lambda: counts(live) == [8])

    assert "incomplete" not in alerts(live)[0]["tocsin"]


def test_state_is_rebuilt_from_the_matches_topic(live):
    """Killed after its alert; the next owner counts what was seen before with what follows."""
    first = live.start(0)
    live.send(range(8))
    live.wait(lambda: counts(live) == [8])
    [before] = alerts(live)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    live.send(range(8, 14))

    live.start(0)
    live.wait(lambda: counts(live) == [14])
    [after] = alerts(live)

    assert "incomplete" not in after["tocsin"]
    assert after["tocsin"]["run"] == before["tocsin"]["run"]
    assert after["tocsin"]["evidence"]["total"] == 14


def test_two_owners_in_turn_leave_one_alert(live):
    """The matches partition goes to another process by SIGTERM, and the same document goes on."""
    first = live.start(0)
    live.send(range(8))
    live.wait(lambda: counts(live) == [8])
    second = live.start(1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0, live.said()
    live.send(range(8, 20))

    live.wait(lambda: counts(live) == [20])

    assert len(alerts(live)) == 1
    assert second.poll() is None
