"""Rules of the old `| count()` form, rewritten as detections and a correlation."""

import os
from pathlib import Path

import pytest
import yaml

from tocsin.pipelines.correlation import compile_correlations
from tocsin.pipelines.correlation.migrate import MigrationError, is_old, migrate, to_yaml
from tocsin.pipelines.detection.load import load_rules

CORPORA = os.environ.get("TOCSIN_CORPORA")


def old_rule(condition, timeframe="5m", **selections):
    """An old rule with `condition` over selections of one field each."""
    detection = {name: {"EventID": value} for name, value in selections.items()}
    if timeframe:
        detection["timeframe"] = timeframe
    return {
        "title": "Many Logons",
        "id": "0f6c1bf5-70a5-4963-aef9-aab1eefb50bd",
        "status": "unsupported",
        "logsource": {"product": "windows", "service": "security"},
        "detection": {**detection, "condition": condition},
        "level": "medium",
    }


def test_count_of_a_field_becomes_value_count():
    """`count(F) by G` counts distinct values of F in groups of G."""
    detection, correlation = migrate(
        old_rule("selection and not filter | count(User) by Ip > 10", selection=4625, filter=1)
    )

    assert detection["detection"] == {
        "selection": {"EventID": 4625},
        "filter": {"EventID": 1},
        "condition": "selection and not filter",
    }
    assert correlation["correlation"] == {
        "type": "value_count",
        "rules": ["many_logons_0f6c1bf5"],
        "group-by": ["Ip"],
        "timespan": "5m",
        "condition": {"gt": 10, "field": "User"},
    }
    assert detection["name"] == "many_logons_0f6c1bf5"
    assert correlation["id"] == "0f6c1bf5-70a5-4963-aef9-aab1eefb50bd"
    assert detection["id"] != correlation["id"]
    assert (detection["level"], correlation["level"]) == ("informational", "medium")


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("count() > 6", {"type": "event_count", "condition": {"gt": 6}}),
        (
            "count() by a, b >= 6",
            {"type": "event_count", "group-by": ["a", "b"], "condition": {"gte": 6}},
        ),
        (
            "count() by TaskName < 5",
            {"type": "event_count", "group-by": ["TaskName"], "condition": {"lt": 5}},
        ),
        (
            "sum(size) by ip > 0.5",
            {"type": "value_sum", "group-by": ["ip"], "condition": {"gt": 0.5, "field": "size"}},
        ),
        ("avg(size) = 3", {"type": "value_avg", "condition": {"eq": 3, "field": "size"}}),
        (
            "max(size) <= 3",
            {
                "type": "value_percentile",
                "condition": {"lte": 3, "field": "size", "percentile": 100},
            },
        ),
        (
            "min(size) != 3",
            {"type": "value_percentile", "condition": {"neq": 3, "field": "size", "percentile": 0}},
        ),
    ],
)
def test_each_aggregation_has_its_correlation_type(aggregation, expected):
    """Function, fields and operator are carried over."""
    *_, correlation = migrate(old_rule(f"selection | {aggregation}", selection=1))

    body = correlation["correlation"]
    assert {key: body[key] for key in body if key not in ("rules", "timespan")} == expected


def test_near_becomes_temporal_over_a_detection_for_each_part():
    """What `near` must not find becomes an extended condition with not."""
    *detections, correlation = migrate(
        old_rule("first | near second and not third", first=1, second=2, third=3)
    )

    assert [one["detection"]["condition"] for one in detections] == ["first", "second", "third"]
    assert correlation["correlation"] == {
        "type": "temporal",
        "rules": [one["name"] for one in detections],
        "timespan": "5m",
        "condition": "many_logons_0f6c1bf5_first and many_logons_0f6c1bf5_second"
        " and not many_logons_0f6c1bf5_third",
    }


def test_a_rule_without_timeframe_needs_one_to_be_given():
    """A timespan is never made up."""
    rule = old_rule("selection | count() > 6", timeframe=None, selection=1)

    with pytest.raises(MigrationError, match="no timeframe"):
        migrate(rule)
    assert migrate(rule, timespan="24h")[-1]["correlation"]["timespan"] == "24h"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("selection | near process", "another log source"),
        ("selection | near (a or b)", "more than selections"),
        ("selection | sum() > 3", "names no field"),
        ("selection | count() by ip", "no known form"),
    ],
)
def test_what_no_correlation_says_is_refused_with_the_reason(condition, reason):
    """Nothing is rewritten into something that means less or more."""
    with pytest.raises(MigrationError, match=reason):
        migrate(old_rule(condition, selection=1, a=1, b=2))


def test_migrating_twice_gives_the_same_text():
    """Ids of detections follow from the rule's id."""
    rule = old_rule("selection | count() > 6", selection=1)

    assert to_yaml(migrate(rule)) == to_yaml(migrate(rule))


@pytest.mark.skipif(CORPORA is None, reason="TOCSIN_CORPORA is not set")
def test_all_old_rules_of_sigmahq_are_migrated_or_listed(tmp_path):
    """Of 54 old rules 42 become correlations that load; the others have a reason each."""
    migrated, reasons = 0, []
    for path in sorted((Path(CORPORA) / "sigmahq" / "unsupported").rglob("*.yml")):
        for body in yaml.safe_load_all(path.read_text()):
            if is_old(body):
                try:
                    text = to_yaml(migrate(body))
                except MigrationError as error:
                    reasons.append(str(error))
                else:
                    migrated += 1
                    (tmp_path / path.name).write_text(text)

    rules = load_rules([tmp_path])
    plan = compile_correlations(rules)

    assert migrated == 42
    assert len([reason for reason in reasons if "no timeframe" in reason]) == 11
    assert len([reason for reason in reasons if "another log source" in reason]) == 1
    assert len(reasons) == 12
    assert (rules.refusals, plan.refusals) == ((), ())
    assert len(plan.correlations) == 42
