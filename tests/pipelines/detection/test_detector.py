"""Matching batches: order, gates, and that nothing depends on how events are cut into batches."""

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.rules import RuleSet

RULES = """\
title: B
id: b
logsource: {category: test}
detection: {s: {F: x}, condition: s}
---
title: A
id: a
logsource: {category: test, product: one}
detection: {s: {F: [x, y]}, condition: s}
---
title: C
id: c
logsource: {product: one}
detection: {s: {F|contains: ''}, condition: not s}
"""

EVENTS = [
    {"F": "x", "logsource.category": "test", "logsource.product": "one"},
    {"F": "y", "logsource.category": "test", "logsource.product": "two"},
    {"logsource.category": "test", "logsource.product": "one"},
    {"F": "x", "logsource.category": ["other", "test"]},
    {"F": "x"},
    {"logsource.product": {"name": "one"}},
    {},
]


def told(found):
    return [(index, rule.info.id) for index, rule in found]


def test_matches_are_sorted_by_event_then_rule_id(load):
    """In whatever order rules were loaded."""
    detector = compile_rules(load(RULES, native=True))

    assert told(detector.match(EVENTS)) == [(0, "a"), (0, "b"), (2, "c"), (3, "b")]


def test_matches_are_those_of_the_reference(load):
    """Event by event and rule by rule."""
    rules = load(RULES, native=True)

    expected = [
        (index, rule.info.id)
        for index, event in enumerate(EVENTS)
        for rule in sorted(rules.detections, key=lambda rule: rule.info.id)
        if reference.matches(rule, event)
    ]
    assert told(compile_rules(rules).match(EVENTS)) == expected


def test_batches_do_not_matter(load):
    """Each event by itself gives what all together give."""
    detector = compile_rules(load(RULES, native=True))

    single = [
        (index, rule.info.id)
        for index, event in enumerate(EVENTS)
        for _, rule in detector.match([event])
    ]
    assert single == told(detector.match(EVENTS))


def test_no_rules_match_nothing():
    """An empty set of rules is a set of rules."""
    assert compile_rules(RuleSet()).match(EVENTS) == []
