"""Hostile rules: loading is total, quick, and what it accepts can be judged."""

import json
import time
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection.conditions import ConditionError, parse_condition
from tocsin.pipelines.detection.documents import read_documents
from tocsin.pipelines.detection.explain import explain, lines, matched_items
from tocsin.pipelines.detection.ir import Contains, Item, Origin, Selection, leaves
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.modifiers import MODIFIERS
from tocsin.pipelines.detection.reference import fires

QUIET = settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SELECTIONS = {
    name: Selection(name, Item(("F",), Contains(name), Origin(name, "F", name, 1)))
    for name in ("a", "ab", "_a", "notepad", "1st", "sel-x")
}

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(
        ["", "a", "A*", "*a?", r"\*", "\\", "10.0.0.0/8", "G", "%x%", "-a /b", "(a|b)+", "Zm9v"]
    ),
    st.text(max_size=6),
)

KEYS = st.builds(
    lambda field, modifiers: "|".join([field, *modifiers]),
    st.sampled_from(["F", "G", ""]),
    st.lists(st.sampled_from([*MODIFIERS, "all", "neq", "expand", "nonsense"]), max_size=3),
)

ITEMS = st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=3), max_size=3)

EVENTS = st.dictionaries(
    st.sampled_from(["F", "G", "message"]), VALUES | st.lists(VALUES, max_size=3), max_size=3
)


@QUIET
@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#\n \t,?%@`", max_size=60))
def test_any_bytes_are_documents_or_errors(data):
    """Reading never raises, and every error has a line of the file."""
    raw = data if isinstance(data, bytes) else data.encode()

    for document in read_documents(raw):
        assert (document.body is None) == (document.error is not None)
        assert document.error is None or 1 <= document.error.line <= raw.count(b"\n") + 2


WORDS = ["and", "or", "not", "of", "1", "2", "0", "all", "any", "them", "(", ")", "|", "AND"]


@QUIET
@given(st.lists(st.sampled_from([*WORDS, *SELECTIONS, "a*", "*", "é"]), max_size=12))
def test_any_words_are_a_condition_or_an_error(words):
    """Reading raises nothing else, and a condition looks at something."""
    with suppress(ConditionError):
        assert list(leaves(parse_condition(" ".join(words), SELECTIONS)))


@QUIET
@given(items=ITEMS, event=EVENTS, negated=st.booleans())
def test_any_rule_is_refused_or_can_be_judged_and_explained(tmp_path, items, event, negated):
    """Explanation and reference agree."""
    condition = "not s" if negated else "s"
    section = json.dumps({"s": items, "condition": condition})
    text = f"title: t\nid: t\nlogsource: {{category: test}}\ndetection: {section}\n"
    (tmp_path / "rule.yml").write_text(text, encoding="utf-8")
    event = event | {"logsource.category": "test"}

    rules = load_rules([tmp_path], native=True, placeholders={"x": ["a", 5]})

    assert len(rules.detections) + len(rules.refusals) == 1
    for rule in rules.detections:
        verdict = fires(rule, event)
        assert explain(rule, event).holds == verdict
        assert next(lines(explain(rule, event))).startswith("yes" if verdict else "no")
        assert all(item.selection == "s" for item in matched_items(rule, event))


def test_a_megabyte_of_values_loads_in_seconds(tmp_path):
    """The largest file that is read, full of short values."""
    values = ", ".join(f"'v{number}*'" for number in range(70_000))
    text = (
        "title: t\nlogsource: {category: test}\n"
        f"detection: {{s: {{F: [{values}]}}, condition: s}}\n"
    )
    assert len(text) < 1 << 20
    (tmp_path / "rule.yml").write_text(text)
    start = time.process_time()

    rules = load_rules([tmp_path], native=True)

    assert time.process_time() - start < 10
    assert len(rules.detections) == 1


def test_deep_and_large_events_are_judged(tmp_path):
    """A field of a mebibyte and one of 64 levels of lists."""
    (tmp_path / "rule.yml").write_text(
        "title: t\nlogsource: {category: test}\n"
        "detection: {s: {F|contains: needle, G: deep}, k: [needle], condition: s and k}\n"
    )
    (rule,) = load_rules([tmp_path], native=True).detections
    deep: object = "deep"
    for _ in range(64):
        deep = [deep]
    event = {"logsource.category": "test", "F": "x" * (1 << 20) + "needle", "G": deep}
    start = time.process_time()

    assert fires(rule, event)

    assert time.process_time() - start < 0.1
