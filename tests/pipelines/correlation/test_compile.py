"""Correlation documents to plans: what they need of matches, and where refusals point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.correlation import compile_correlations
from tocsin.pipelines.correlation.conditions import (
    And,
    ConditionError,
    Name,
    Not,
    Or,
    check_expression,
    parse_expression,
)
from tocsin.pipelines.detection.load import load_rules

DETECTION = """\
title: Logon
id: 4a7e35ba-3d39-4e2e-a8be-2f1c0c7d5c56
name: logon
status: test
logsource: {category: authentication, product: ecs}
taxonomy: ecs
detection:
    selection:
        event.action: logon
    condition: selection
"""
CORRELATION = """\
title: Many Logons
id: 60d8a3f7-3f0a-4f43-9f6c-7d9f1e6d5a11
correlation:
    type: event_count
    rules:
        - logon
    group-by:
        - source.ip
    timespan: 5m
    condition:
        {condition}
"""


def names(text):
    """The index of a one-letter name."""
    return "abcdefghijklmnopqrstuvwxyz".index(text)


def test_a_refusal_points_to_the_line_of_the_key(tmp_path):
    """The file as one finds it and the key that is wrong, which is where one would search."""
    text = DETECTION + "---\n" + CORRELATION.replace("{condition}", "ge: 5")
    (tmp_path / "logons.yml").write_text(text)

    plan = compile_correlations(load_rules([tmp_path]))

    (refusal,) = plan.refusals
    assert (refusal.path, refusal.line) == (str(tmp_path / "logons.yml"), 21)
    assert refusal.reason == 'condition: unknown key "ge"'


def test_a_correlation_refers_by_name_or_id_and_needs_the_fields_of_its_rules(tmp_path):
    """What matches must carry follows from the plan."""
    text = DETECTION + "---\n" + CORRELATION.replace("{condition}", "gte: 5")
    (tmp_path / "logons.yml").write_text(text)

    plan = compile_correlations(load_rules([tmp_path]))

    assert plan.refusals == ()
    assert plan.fields_by_rule == {"4a7e35ba-3d39-4e2e-a8be-2f1c0c7d5c56": {"source.ip"}}
    assert plan.silent == {"4a7e35ba-3d39-4e2e-a8be-2f1c0c7d5c56"}


def test_what_refers_to_a_refused_correlation_is_refused_and_others_go_on(workshop):
    """One bad rule costs what stands on it, and nothing else."""
    bad = workshop.correlation("bad", type="temporal", rules=["a"])
    outer = workshop.correlation("outer", type="temporal", rules=["bad", "b"])
    good = workshop.correlation("good", type="temporal", rules=["a", "b"])

    plan = workshop.plan(outer, bad, good)

    assert {refusal.path for refusal in plan.refusals} == {"bad.yml", "outer.yml"}
    assert list(plan.correlations) == ["good"]


def test_inner_correlations_stand_before_outer_ones(workshop):
    """Whatever the order of files, alerts of inner rules are there when outer ones are judged."""
    third = workshop.correlation("third", type="temporal", rules=["second", "a"])
    second = workshop.correlation("second", type="temporal", rules=["first", "b"])
    first = workshop.correlation("first", type="temporal", rules=["a", "b"])

    assert list(workshop.plan(third, second, first).correlations) == ["first", "second", "third"]


def test_conditions_are_parsed_with_the_precedence_of_sigma():
    """`not` binds closest, then `and`, then `or`; names may start with an operator's word."""
    assert parse_expression("a or not b and (c or d)", names) == Or(
        (Name(0), And((Not(Name(1)), Or((Name(2), Name(3))))))
    )
    assert parse_expression("notepad and organic", ["notepad", "organic"].index) == And(
        (Name(0), Name(1))
    )


def test_conditions_take_what_those_of_detections_take():
    """Operators in upper case, and ids and paths as names; `And` is a name like others."""
    ids = ["5af54681-4e1b-4a5b-9a3c-000000000001", "linux/shell.yml", "And"]

    assert parse_expression(f"{ids[0]} AND NOT ({ids[1]} OR {ids[2]})", ids.index) == And(
        (Name(0), Not(Or((Name(1), Name(2)))))
    )


@pytest.mark.parametrize(
    "text",
    ["", "(", ")", "a and", "and a", "a not b", "a, b", "a & b", "a or or b", "()", "a)", "1 of a"],
)
def test_what_is_no_condition_is_refused_with_its_column(text):
    """Nothing is guessed."""
    with pytest.raises(ConditionError, match=r"^column [0-9]+: "):
        parse_expression(text, lambda _: 0)


def test_hostile_conditions_are_refused_before_they_cost_anything():
    """Depth and search are bounded: neither the stack nor the processor runs out."""
    for text in ("(" * 5_000 + "a" + ")" * 5_000, "not " * 5_000 + "a"):
        with pytest.raises(ConditionError, match="more than 32"):
            parse_expression(text, names)
    pairs = " and ".join(
        f"({'abcdefghijklmnopqrstuvwxyz'[i]} or not {'abcdefghijklmnopqrstuvwxyz'[i + 1]})"
        for i in range(25)
    )
    check_expression(parse_expression(pairs, names), 26)


@pytest.mark.parametrize(
    "body",
    [
        {"timespan": "9" * 5_000 + "s"},
        {"condition": {"gte": 10**400}},
        {"condition": {"lt": -(10**400)}},
    ],
)
def test_numbers_without_end_refuse_their_rule_only(workshop, body):
    """Neither what Python will not read nor what no double holds stops the other rules."""
    sound = workshop.correlation("sound", **SOUND)
    plan = workshop.plan(workshop.correlation("huge", **SOUND | body), sound)

    assert list(plan.correlations) == ["sound"]
    assert [refusal.path for refusal in plan.refusals] == ["huge.yml"]
    assert len(plan.refusals[0].reason) < 200


WORDS = st.sampled_from(
    ["a", "b", "rule", "u", "5m", "0s", "a and b", "not a", "event_count", "temporal", "", "x" * 99]
)
SCALARS = st.one_of(WORDS, st.integers(), st.floats(), st.booleans(), st.none())
KEYS = st.sampled_from(
    [
        "type",
        "rules",
        "group-by",
        "timespan",
        "condition",
        "aliases",
        "generate",
        "gte",
        "lt",
        "field",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
)
SOUND = {
    "type": "event_count",
    "rules": ["a", "b"],
    "group-by": ["u"],
    "timespan": "5m",
    "condition": {"gte": 3},
}


@given(st.dictionaries(KEYS, TREES, max_size=7), TREES, st.dictionaries(KEYS, TREES, max_size=2))
def test_any_document_is_accepted_or_refused(workshop, parts, period, top):
    """Whatever a correlation is made of, there is a rule or a refusal, never an exception."""
    for body in (parts, {**SOUND, **parts}, period):
        document = {"id": "rule", "correlation": body, "tocsin": {"period": period}, **top}
        plan = workshop.plan(document)
        assert len(plan.rules) + len(plan.refusals) == 1
