"""Text patterns: reading Sigma's wildcards, and matching them."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.detection.ir import Contains, EndsWith, Equals, Like, StartsWith
from tocsin.pipelines.detection.patterns import (
    PatternError,
    Wildcard,
    dash_variants,
    like,
    parse,
    predicate,
)
from tocsin.pipelines.detection.reference import satisfies

ANY, ONE = Wildcard.ANY, Wildcard.ONE


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("abc", ("abc",)),
        ("a*b?c", ("a", ANY, "b", ONE, "c")),
        (r"a\*b", ("a*b",)),
        (r"a\\*b", ("a\\", ANY, "b")),
        (r"a\\\*b", (r"a\*b",)),
        (r"a\b", (r"a\b",)),
        (r"a\\b", (r"a\b",)),
        (r"\\\\", ("\\\\",)),
        ("a\\", ("a\\",)),
    ],
)
def test_wildcards_and_escapes_are_read(text, parts):
    """As the specification's section on escaping says."""
    assert parse(text) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Abc", Equals("abc")),
        ("1.50", Equals("1.5")),
        ("*Abc*", Contains("abc")),
        ("**", Contains("")),
        ("Abc*", StartsWith("abc")),
        ("*Abc", EndsWith("abc")),
        ("a*b", Like((("a",), ("b",)))),
        ("a?b", Like((("a", "b"),))),
        ("*a*b*", Like((("",), ("a",), ("b",), ("",)))),
        ("?*", Like((("", ""), ("",)))),
    ],
)
def test_the_simplest_predicate_is_chosen(text, expected):
    """Only what no plain comparison says is a Like."""
    assert predicate(parse(text), cased=False, windash=False) == expected


def as_regex(text):
    """The pattern as one of Python's: an independent, backtracking reading."""
    parts = {ANY: "(?s:.*)", ONE: "(?s:.)"}
    return "".join(parts.get(part) or re.escape(part) for part in parse(text))


@given(st.text("ab*?\\\n", max_size=8), st.text("ab*?\\\n", max_size=10))
def test_patterns_match_what_a_backtracking_engine_matches(pattern, text):
    """Over all shapes of segments, overlapping ones and escapes included."""
    found = satisfies(text, predicate(parse(pattern), cased=True, windash=False))

    assert found == bool(re.fullmatch(as_regex(pattern), text))


@given(st.text("ab-/\u2013*", max_size=4), st.text("ab-/\u2013", max_size=6))
def test_dashes_alike_are_all_permutations(pattern, text):
    """Folding both sides says the same as trying each of the five in each place."""
    folding = predicate(parse(pattern), cased=True, windash=True)
    spelled = [predicate(parse(each), cased=True, windash=False) for each in dash_variants(pattern)]

    assert satisfies(text, folding) == any(satisfies(text, each) for each in spelled)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 1000 + "*b",
        "*" + "a*" * 3_990 + "b",
        "*" + "?" * 400 + "b*",
        "*a" + "?a" * 200 + "b*c",
        "*a?b*a?c" * 30 + "*",
        "?" * 60_000,
        "a" * 60_000 + "*b",
    ],
)
@pytest.mark.parametrize("text", ["a" * 65_536, "ab" * 32_768, "é" * 65_536])
def test_any_accepted_pattern_answers_in_milliseconds(pattern, text):
    """64 Ki characters in at most 5 ms of processor time, the best of five."""
    found = predicate(parse(pattern), cased=False, windash=False)
    costs = []
    for _ in range(5):
        start = time.process_time()
        like(found, text) if isinstance(found, Like) else satisfies(text, found)
        costs.append(time.process_time() - start)
    assert min(costs) <= 0.005


def test_wildcards_beyond_what_can_be_told_in_time_are_refused():
    """Each text between them has to be looked for."""
    with pytest.raises(PatternError, match="5000 wildcards"):
        predicate(parse("a*" * 5000), cased=False, windash=False)


def test_question_marks_beyond_what_can_be_told_in_time_are_refused():
    """They would cost a pass over the value for each character of their segments."""
    with pytest.raises(PatternError, match="600 characters"):
        predicate(parse("*" + "a?" * 299 + "ab*"), cased=False, windash=False)
