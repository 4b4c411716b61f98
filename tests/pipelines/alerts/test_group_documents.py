"""Alert documents of correlations: what was asked for, what held, and for whom."""

from pathlib import Path

import pytest
import yaml

from tocsin.pipelines import stages
from tocsin.pipelines.alerts.reasons import condition_text
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.events import flatten
from tocsin.schemas.fields import FIELDS
from tocsin.schemas.matches import Match
from tocsin.schemas.times import SECOND

DETECTIONS = [
    {
        "title": name.upper(),
        "id": name,
        "name": name,
        "taxonomy": "ecs",
        "logsource": {"product": "ecs"},
        "detection": {"selection": {"event.action": name}, "condition": "selection"},
    }
    for name in "abc"
]


def engine_of(folder: Path, **correlation: object) -> Engine:
    """The engine of one correlation over detections a, b and c."""
    body = {"type": "event_count", "rules": ["a"], "timespan": "90s", "condition": {"gte": 2}}
    rule = {"title": "C", "id": "c1", "correlation": body | correlation}
    (folder / "rules.yml").write_text(yaml.safe_dump_all([*DETECTIONS, rule]))
    engine = load_engine([folder])
    assert engine.refusals == ()
    return engine


def test_an_alert_tells_its_condition_and_the_window_that_first_held(tmp_path: Path) -> None:
    """Events at 0, 80 and 100 s: two within 90 seconds at 80, where the window began at -10."""
    engine = engine_of(tmp_path, **{"group-by": ["user.name"]})
    matches = [
        Match("city", "a", f"e{second}", second * SECOND, {"user.name": "Root"})
        for second in (0, 80, 100)
    ]

    (alert,) = stages.correlate_history(matches, engine).alerts
    fields = flatten(alert.document)

    assert {
        name: fields[name] for name in fields if name.startswith(("tocsin.corr", "tocsin.win"))
    } == {
        "tocsin.correlation.type": "event_count",
        "tocsin.correlation.timespan": "90s",
        "tocsin.correlation.condition": "at least 2",
        "tocsin.correlation.rules": ["a"],
        "tocsin.window.start": "1969-12-31T23:59:50.000000Z",
        "tocsin.window.end": "1970-01-01T00:01:20.000000Z",
    }
    assert fields["tocsin.count"] == 3
    assert fields["user.name"] == "root"


@pytest.mark.parametrize(
    ("correlation", "text"),
    [
        ({"condition": {"gt": 1.5, "lte": 9}}, "at most 9 and more than 1.5"),
        ({"condition": {"neq": 3}}, "not 3"),
        ({"type": "temporal", "rules": ["a", "b"], "condition": None}, "at least 2"),
        (
            {"type": "temporal", "rules": ["a", "b", "c"], "condition": "a and not (b or c)"},
            "a and not (b or c)",
        ),
        (
            {"type": "temporal_ordered", "rules": ["b", "a"], "condition": "a and b"},
            "b then a",
        ),
    ],
)
def test_a_condition_is_told_in_words(
    tmp_path: Path, correlation: dict[str, object], text: str
) -> None:
    """As a person would say it, whatever form it was written in."""
    engine = engine_of(tmp_path, **correlation)

    assert condition_text(engine.correlations.correlations["c1"]) == text


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("destination.port", 443, 443),
        ("source.ip", "192.0.2.7", "192.0.2.7"),
        ("user.name", True, "true"),
        # The canonical form of a date is in lower case, which is no date to Elasticsearch.
        ("process.start", "2026-11-24T10:00:00Z", None),
        ("event.kind", "event", "alert"),
        ("event.start", "2026-11-24T10:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("organization.name", "City", "City"),
        ("tocsin.capped", "true", None),
    ],
)
def test_a_group_s_values_never_break_the_alert(
    tmp_path: Path, field: str, value: object, stored: object
) -> None:
    """They stand in fields that they fit, and never in place of what the alert itself says."""
    engine = engine_of(tmp_path, **{"group-by": [field]})
    matches = [Match("City", "a", f"e{n}", n * SECOND, {field: value}) for n in range(2)]

    (alert,) = stages.correlate_history(matches, engine).alerts
    fields = flatten(alert.document)

    assert fields.get(field) == stored
    assert list(alert.document["tocsin"]["group"]) == [field]


def test_every_field_of_an_alert_is_in_the_mapping(tmp_path: Path) -> None:
    """A field that no template knows would cost the alert."""
    engine = engine_of(tmp_path, **{"group-by": ["user.name"]})
    matches = [Match("city", "a", f"e{n}", n * SECOND, {"user.name": "x"}) for n in range(2)]

    (alert,) = stages.correlate_history(matches, engine).alerts

    below = ("tocsin.group.", "tocsin.evidence.")
    unknown = [
        name
        for name in flatten(alert.document)
        if name not in FIELDS and not name.startswith(below)
    ]
    assert unknown == []
