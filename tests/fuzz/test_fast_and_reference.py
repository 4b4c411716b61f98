"""The fast engine gives the answers of the reference, over rules as they are written.

Every chain of modifiers that any value takes, and rules of all shapes, against events of all that
engines fell over: empty, null, missing, lists, types mixed, escapes, wildcards, beyond ASCII.
`tests/pipelines/detection/test_match.py` does the same from the intermediate form on.
"""

import json
import os
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from functools import cache
from itertools import product

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.drafts import drafts_of
from tocsin.pipelines.detection.load import assemble
from tocsin.pipelines.detection.modifiers import MODIFIERS, ModifierError, predicates, read_key

LONG = bool(os.environ.get("TOCSIN_LONG"))
PAIRS = 100_000 if LONG else 2_000
"""Pairs of a rule and an event that the generated rules are to come to, at the least."""

PLACEHOLDERS = {"x": ["ab", "A*", 5]}
BASE = {"logsource.category": "test"}
NAMES = [*MODIFIERS, "expand"]

TEXTS = [
    "", "ab", "Ab", "a*b", "?b", r"a\*b", "\\", r"\\", "a\\\\*", "-ab /c", "é", "É\u212a", "\u0130", "ς", "%x%",
    "x%x%y", "1", "1.0", "04625", "true", "null", "a\nb", "\x02", "10.0.0.1",
]  # fmt: skip
EXPRESSIONS = ["a", "^a.b$", r"A\d+", "(?i)k", "[^b]$", r"\bab\b", "é|É", "a{2,}", "(?m)^b"]
NETWORKS = ["10.0.0.0/8", "fe80::/10", "::ffff:10.0.0.0/104"]
VALUES = [*TEXTS, *EXPRESSIONS, *NETWORKS, "A", "B", 0, 1, -1.5, 10, 4625, 2026, True, False, None]

ENCODED = [
    b64encode(before + text.encode(encoding) + b"!").decode()
    for text in ("ab", "Ab", "é")
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-16")
    for before in (b"", b"x", b"xy")
]
STRINGS = [
    *TEXTS, *ENCODED, "xABy", "\u2013ab \u2015c", "/ab -c", "aab\n", "K\u212a", "c5", "::ffff:10.1.2.3", "fe80::1%eth0",
    "2026-11-24T10:10:01Z", "2026-01-01", "10", "-1.50", "1e3", "ΑΣ", "\U0001f600ab",
]  # fmt: skip
SCALARS = [*STRINGS, None, True, False, 0, 1, 1.0, -1.5, 10, 4625, 2026, 2**53, 2.0**53, 1e300]
LISTS = [[], [None], [[]], ["ab", None], ["x", ["Ab", 5]], [True, "1"], [{"p": "ab"}], ["a", "b"]]
TRAPS = [*SCALARS, *LISTS, {}, {"p": "ab"}]


def loaded(sections):
    """The rules of some `detection` sections, and how many of them are refused."""
    documents = [
        {"title": "T", "id": f"r{number}", "logsource": {"category": "test"}, "detection": section}
        for number, section in enumerate(sections)
    ]
    data = b"\n---\n".join(json.dumps(document).encode() for document in documents)
    options = {"native": True, "placeholders": PLACEHOLDERS}
    return assemble(drafts_of(data, "rules.yml", "rules.yml", **options), **options)


def compared(rules, events):
    """The number of pairs, and of those that match; the engine says what the reference says."""
    read = [orjson.loads(json.dumps(BASE | event)) for event in events]
    expected = [
        (index, rule.info.id)
        for index, event in enumerate(read)
        for rule in sorted(rules.detections, key=lambda rule: rule.info.id)
        if reference.matches(rule, event)
    ]
    for memory, lines in ((1 << 20, None), (0, [json.dumps(event).encode() for event in read])):
        found = compile_rules(rules, memory=memory).match(read, lines)
        assert [(index, rule.info.id) for index, rule in found] == expected
    return len(rules.detections) * len(read), len(expected)


@cache
def chains(longest):
    """Every chain of modifiers that takes some value, with all the values that it takes."""
    found = {}
    for length in range(longest + 1):
        for modifiers in product(NAMES, repeat=length):
            if modifiers[:-1] not in found and length > 1 and not _goes_on(modifiers[:-1]):
                continue
            taken = [value for value in VALUES if _takes(modifiers, value)]
            if taken:
                found[modifiers] = taken
    return found


def _goes_on(modifiers):
    """Whether something may follow though nothing may be compared yet, as bytes want `base64`."""
    return {"utf16", "utf16be", "utf16le", "wide"}.issuperset(modifiers[-1:])


def _takes(modifiers, value):
    with suppress(ModifierError):
        targets = lambda name: (name,)  # noqa: E731
        return bool(
            predicates(
                value, read_key("|".join(("F", *modifiers))).modifiers, PLACEHOLDERS, targets
            )
        )
    return False


@pytest.mark.long
def test_every_chain_of_modifiers():
    """With each value that it takes, alone, with `all` and with `neq`, against every trap."""
    pairs = Counter()
    events = [{"A": trap} for trap in TRAPS] + [
        {},
        {"B": "ab"},
        {"A": "ab", "B": "Ab"},
        {"A": 5, "B": 5},
    ]
    found = chains(3 if LONG else 1)
    assert len(found) > (400 if LONG else 20)
    for modifiers, values in found.items():
        key = "|".join(("A", *modifiers))
        some = values if LONG else values[::5]
        sections = [{"s": {key: value}, "condition": "s"} for value in some]
        sections += [
            {"s": {f"{key}|{more}": some[:3]}, "condition": "s"} for more in ("all", "neq")
        ]
        rules = loaded(sections)
        pairs.update(dict(zip(("all", "matching"), compared(rules, events), strict=True)))
    assert pairs["all"] > (1_000_000 if LONG else 4_000)
    assert pairs["matching"] > pairs["all"] / 50


@st.composite
def items(draw):
    """A field or keywords with a chain of modifiers, and one or some of the values it takes."""
    modifiers = draw(st.sampled_from(sorted(chains(2))))
    field = draw(st.sampled_from(["A", "B", "C.d", "A"]))
    values = draw(st.lists(st.sampled_from(chains(2)[modifiers]), min_size=1, max_size=3))
    more = draw(st.sampled_from([(), (), ("all",), ("neq",)]))
    return "|".join((field, *modifiers, *more)), values if len(values) > 1 else values[0]


@st.composite
def sections(draw):
    """The `detection` of a rule, with selections as mappings, lists of them, and keywords."""
    mapping = st.lists(items(), min_size=1, max_size=2).map(dict)
    names = ["selection", "filter", "other"]
    section = {
        name: draw(st.one_of(mapping, mapping, st.lists(mapping, min_size=1, max_size=2)))
        for name in names
    }
    if draw(st.integers(0, 3)) == 0:
        section["other"] = draw(st.lists(st.sampled_from(TEXTS[1:]), min_size=1, max_size=3))
    section["condition"] = draw(
        st.sampled_from(
            [
                "selection", "selection or not filter", "selection and not filter", "not selection",
                "1 of them", "all of them", "not 1 of them", "2 of (selection, filter, other)",
                "selection and (filter or not other)", "not (selection and filter)", "other",
                "1 of selection* or not other", "not (selection or not filter)",
            ]
        )
    )  # fmt: skip
    return section


EVENTS = st.dictionaries(
    st.sampled_from(["A", "B", "C.d", "other"]), st.sampled_from(TRAPS), max_size=4
)


@pytest.mark.long
def test_generated_rules_on_generated_events():
    """At least as many pairs as were set, a good part of which matches."""
    pairs: Counter[str] = Counter()

    @settings(max_examples=PAIRS // 20, deadline=None)
    @given(st.lists(sections(), min_size=4, max_size=4), st.lists(EVENTS, min_size=8, max_size=8))
    def compare(written, events):
        every, matching = compared(loaded(written), events)
        pairs.update(all=every, matching=matching)

    compare()

    assert pairs["all"] >= PAIRS
    assert pairs["matching"] > pairs["all"] / 10
