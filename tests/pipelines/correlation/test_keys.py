"""Group keys and compared values as text: distinct where values are, and readable back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.correlation.feeds import Feed
from tocsin.pipelines.correlation.keys import (
    compared_value,
    decode,
    encode,
    group_keys,
    group_values,
    several,
)
from tocsin.schemas.values import canonical

SCALARS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["\0", "\0true", "\1[]", "\0[1]", "\2", "true", "", "null"]),
    st.booleans(),
    st.none(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
)
FEED = Feed(
    rule_index=0,
    rule_id="rule",
    reference_index=0,
    group=(("u",),),
    compared=(("v",),),
    numeric=False,
    suppression=False,
    one_group="u",
    one_value="v",
)


@given(st.lists(SCALARS.map(canonical), min_size=2, max_size=6))
def test_canonical_values_have_the_same_text_only_if_they_are_equal(values):
    """No text, whatever it starts with, can pass for another value."""
    texts = [encode(value) for value in values]

    assert [decode(text) for text in texts] == values
    assert len(set(texts)) == len({(type(value), value) for value in values})


@given(st.lists(SCALARS, min_size=0, max_size=3))
def test_the_values_of_a_group_can_be_read_from_its_key(values):
    """Keys are all that is kept of a group, and alerts say its values."""
    names = [f"f{number}" for number in range(len(values))]
    fields = dict(zip(names, values, strict=True))

    keys, dropped = group_keys(fields, [(name,) for name in names], null_if_missing=True)

    assert dropped == 0
    assert [group_values(key, names) for key in keys] == [
        {name: canonical(value) for name, value in fields.items()}
    ]


SHORT = SCALARS.filter(lambda value: value is not None and len(encode(canonical(value))) <= 128)


@given(st.lists(SHORT, min_size=1, max_size=5))
def test_each_element_of_a_compared_array_is_there_once(values):
    """An array of one value is that value."""
    text, _ = compared_value({"v": values}, [("v",)], numeric=False)

    distinct = {(type(one), one) for one in map(canonical, values)}
    assert {(type(one), one) for one in map(decode, several(text))} == distinct
    assert len(several(text)) == len(distinct)


@given(st.fixed_dictionaries({}, optional={"u": SCALARS, "v": SCALARS}))
def test_the_short_way_reads_what_the_long_way_reads(fields):
    """The commonest shape of match takes a short way, which must not be another way."""
    for feed in (FEED, replace(FEED, compared=(), one_value=None)):
        single = feed.single_entry(7, "e", fields)
        reading = feed.read(fields)
        if single is not None:
            assert [(7, key, "e", 0, reading.value) for key in reading.keys] == [single]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10, "10"),
        ("10.50", "10.5"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        ([1, "x", "2.0"], '\1["1","2"]'),
        ("1e3", None),
        ("0x10", None),
        (float("inf"), None),
        (True, None),
        ({}, None),
        ("9" * 5_000, None),
    ],
)
def test_numeric_types_take_decimal_numbers(value, expected):
    """Exact text of numbers in any form that counts, None for the rest."""
    assert compared_value({"v": value}, [("v",)], numeric=True) == (expected, 0)


def test_long_values_are_compared_without_being_kept():
    """Command lines that differ in their last letter count as two, in a few bytes each."""
    lines = ["x" * 9_000 + end for end in "abA"]

    values = [
        value
        for line in lines
        for value in (
            compared_value({"v": line}, [("v",)], numeric=False)[0],
            FEED.single_entry(0, "e", {"u": "x", "v": line})[4],
            several(compared_value({"v": [line, "y"]}, [("v",)], numeric=False)[0])[0],
        )
    ]

    assert values[0:3] == values[6:9] == [values[0]] * 3
    assert values[3:6] == [values[3]] * 3
    assert values[0] != values[3]
    assert max(map(len, values)) < 40
