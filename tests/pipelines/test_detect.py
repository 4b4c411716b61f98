"""Detection and correlation as stages: which alerts and matches follow from events."""

from pathlib import Path

import pytest

from tocsin.pipelines import stages
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.events import Event
from tocsin.schemas.identity import alert_id
from tocsin.schemas.times import format_micros, parse_time

RULES = """
title: Failed logon
id: 11111111-1111-4111-8111-111111111111
name: failed
level: low
tags: [attack.credential-access, attack.t1110.001]
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Root logon
id: 22222222-2222-4222-8222-222222222222
level: high
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {user.name: root}
  condition: selection
---
title: Guessing
id: 33333333-3333-4333-8333-333333333333
level: critical
correlation:
  type: event_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 5m
  condition: {gte: 3}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Three rules: one that a correlation speaks for, one of its own, and the correlation."""
    (tmp_path / "rules.yml").write_text(RULES)
    loaded = load_engine([tmp_path])
    assert loaded.refusals == ()
    return loaded


def logon(number: int, **fields: object) -> Event:
    time = format_micros(parse_time("2026-11-24T10:00:00Z") + number * 60_000_000)
    return {
        "@timestamp": time,
        "event.id": f"e{number}",
        "event.category": ["authentication"],
        "event.outcome": "failure",
        "organization.name": "city",
        "source.ip": "192.0.2.7",
        **{name.replace("_", "."): value for name, value in fields.items()},
    }


def test_a_detection_that_a_correlation_speaks_for_is_silent(engine: Engine) -> None:
    """Its matches go to the correlation, with the fields that it groups by."""
    found = stages.detect([logon(0)], engine)

    assert found.alerts == []
    (match,) = found.matches
    assert (match.organization, match.event_id) == ("city", "e0")
    assert dict(match.fields) == {"source.ip": "192.0.2.7"}


def test_a_detection_of_its_own_gives_an_alert_an_event(engine: Engine) -> None:
    """The alert's id follows from organisation, rule and event alone."""
    found = stages.detect([logon(0, event_outcome="success", user_name="root")], engine)

    (alert,) = found.alerts
    assert alert.id == alert_id("city", "22222222-2222-4222-8222-222222222222", "e0")
    assert alert.index == "tocsin-alerts-city-2026.11"
    assert alert.document["rule"]["name"] == "Root logon"
    assert found.matches == []


def test_a_history_gives_the_alert_of_the_group_and_period(engine: Engine) -> None:
    """Three failures in five minutes from one address are one alert; two are none."""
    events = [logon(0), logon(1), logon(2), logon(2) | {"event.id": "x", "source.ip": "192.0.2.8"}]

    (alert,) = stages.correlate_history(stages.detect(events, engine).matches, engine).alerts

    assert alert.document["rule"]["name"] == "Guessing"
    assert alert.document["@timestamp"] == "2026-11-24T10:02:00.000000Z"
    assert alert.document["tocsin"]["group"] == {"source.ip": "192.0.2.7"}
    assert alert.document["tocsin"]["count"] == 3
    assert alert.document["source"]["ip"] == "192.0.2.7"
    assert alert.document["event"]["reason"] == "3 events within 5m for source.ip 192.0.2.7"


def test_an_unbelievable_time_is_kept_from_correlations(engine: Engine) -> None:
    """An event whose time is far from its record time has its alert apart and no match."""
    received = format_micros(parse_time("2026-12-31T00:00:00Z"))
    events = [logon(0, user_name="root") | {"tocsin.received": received}]

    found = stages.detect(events, engine)

    assert (found.matches, found.outside) == ([], 1)
    assert [alert.index for alert in found.alerts] == ["tocsin-alerts-city-outside"]
