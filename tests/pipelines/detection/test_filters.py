"""Filters and exceptions: conditions added to rules from outside (SEMANTICS §2.11, §2.12)."""

import pytest

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.explain import explain

RULE = """\
title: Rule
id: rule-1
name: shells
logsource: {category: test, product: unix}
detection: {selection: {F: x}, condition: selection}
"""

FILTER = """\
title: Not by helpers
id: filter-1
logsource: {category: test}
filter:
  rules: [rule-1]
  selection: {User: helper}
  condition: not selection
"""

OWNED = FILTER + "tocsin: {owner: ops, reason: known job, expires: 2026-06-30}\n"

SOURCE = {"logsource.category": "test", "logsource.product": "unix"}


def verdicts(load, text, *events):
    (rule,) = load({"filter.yml": text, "rule.yml": RULE}, native=True).detections
    return [reference.matches(rule, event | SOURCE) for event in events]


def test_2_11_a_filter_is_applied_as_written(load):
    """Rule and condition must both hold, so one that excludes says `not`."""
    helper, other = {"F": "x", "User": "helper"}, {"F": "x", "User": "root"}

    assert verdicts(load, FILTER, helper, other) == [False, True]
    only = FILTER.replace("not selection", "selection")
    assert verdicts(load, only, helper, other) == [True, False]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[rule-1]", "[other, rule-1]"),
        ("[rule-1]", "[shells]"),
        ("[rule-1]", "rule-1"),
        ("[rule-1]", "any"),
        ("category: test", "product: unix"),
        ("category: test", "category: TEST, product: Unix"),
    ],
)
def test_2_11_a_filter_applies_to_rules_that_it_names_and_its_log_source_covers(load, old, new):
    """By id, by name, or to any; a log source covers those that say more."""
    assert verdicts(load, FILTER.replace(old, new), {"F": "x", "User": "helper"}) == [False]


@pytest.mark.parametrize(
    ("old", "new"),
    [("[rule-1]", "[rule-2]"), ("category: test", "category: test, service: sshd")],
)
def test_2_11_a_filter_that_applies_to_no_rule_is_told(load, old, new):
    """It would have no effect, without a word; the rule runs unfiltered."""
    files = {"filter.yml": FILTER.replace(old, new), "rule.yml": RULE}

    rules = load(files, native=True)

    assert "applies to no rule" in rules.refusals[0].reason
    assert rules.refusals[0].line == 4
    assert reference.matches(rules.detections[0], SOURCE | {"F": "x", "User": "helper"})


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("not selection", "not select", 7, "no search identifier"),
        ("User: helper", "User|nonsense: helper", 6, "unknown modifier"),
        ("  rules: [rule-1]\n", "", 5, "`rules`"),
        ("logsource: {category: test}\n", "", 1, "`logsource`"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_itself(load, old, new, line, reason):
    """Its rule runs."""
    rules = load({"f.yml": FILTER.replace(old, new), "rule.yml": RULE}, native=True)

    assert len(rules.detections) == 1
    assert rules.refusals[0].line == line
    assert reason in rules.refusals[0].reason


def test_two_filters_both_apply(load):
    """Each removes what it removes."""
    second = FILTER.replace("filter-1", "filter-2").replace("helper", "robot")
    files = {"a.yml": FILTER, "b.yml": second, "rule.yml": RULE}
    (rule,) = load(files, native=True).detections

    assert not reference.matches(rule, SOURCE | {"F": "x", "User": "helper"})
    assert not reference.matches(rule, SOURCE | {"F": "x", "User": "robot"})
    assert reference.matches(rule, SOURCE | {"F": "x", "User": "root"})


def test_2_12_an_exception_applies_to_the_end_of_its_day(load):
    """The event's time counts, to the last microsecond in UTC."""
    event = {"F": "x", "User": "helper"}

    assert verdicts(
        load,
        OWNED,
        event | {"@timestamp": "2026-06-30T23:59:59.999999Z"},
        event | {"@timestamp": "2026-07-01T00:00:00.000000Z"},
        event | {"@timestamp": "2020-01-01T00:00:00.000000Z"},
        event,
    ) == [False, True, False, False]


def test_2_12_what_an_exception_removed_is_counted_by_exception(load):
    """Only matches of the rule are; others it did not touch."""
    rules = load({"filter.yml": OWNED, "rule.yml": RULE}, native=True)
    detector = compile_rules(rules)
    day = {"@timestamp": "2026-06-01T00:00:00.000000Z"}

    found = detector.match(
        [
            SOURCE | day | {"F": "x", "User": "helper"},
            SOURCE | day | {"F": "y", "User": "helper"},
            SOURCE | day | {"F": "x", "User": "root"},
        ]
    )

    assert [index for index, _ in found] == [2]
    assert detector.excepted == {"filter-1": 1}


def test_2_12_an_exception_is_answered_for(load):
    """Explanations say by whom and why."""
    (rule,) = load({"filter.yml": OWNED, "rule.yml": RULE}, native=True).detections

    explanation = explain(rule, SOURCE | {"F": "x", "User": "helper"})

    assert not explanation.holds
    assert explanation.children[-1].what == "exception Not by helpers (ops: known job)"


@pytest.mark.parametrize(
    "tocsin",
    [
        "{owner: ops, reason: x}",
        "{owner: ops, reason: x, expires: soon}",
        "{owner: ops, reason: x, expires: 2026-13-01}",
        "{owner: '', reason: x, expires: 2026-01-01}",
        "{owner: ops, reason: 5, expires: 2026-01-01}",
        "{owner: ops, reason: x, expires: 2026-01-01, until: y}",
        "[]",
    ],
)
def test_2_12_an_exception_without_owner_reason_or_day_is_refused(load, tocsin):
    """And so takes nothing away."""
    text = f"{FILTER}tocsin: {tocsin}\n"

    assert verdicts(load, text, {"F": "x", "User": "helper"}) == [True]


def test_the_last_day_of_the_calendar_is_a_day(load):
    """There is none after it."""
    text = OWNED.replace("2026-06-30", "9999-12-31")

    assert verdicts(load, text, {"F": "x", "User": "helper"}) == [False]
