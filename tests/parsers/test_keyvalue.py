"""Pairs are read as written; what stands in quotes never becomes a field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.keyvalue import read_pairs


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('a=1 b="x y" c=', {"a": "1", "b": "x y", "c": ""}),
        ('a="" b="z"', {"a": "", "b": "z"}),
        ("a=1,b=2, c=3", {"a": "1", "b": "2", "c": "3"}),
        ('a="1",b="2, 3"', {"a": "1", "b": "2, 3"}),
        ("a=1,000 b=2", {"a": "1,000", "b": "2"}),
        ("name=City Hall North b=2", {"name": "City Hall North", "b": "2"}),
        ("a=x=y b=2", {"a": "x=y", "b": "2"}),
        (r'user="CORP\ada" b=2', {"user": r"CORP\ada", "b": "2"}),
        (r'm="say \"hi\"" b=2', {"m": 'say "hi"', "b": "2"}),
        ('m="say "hi" now" b=2', {"m": 'say "hi" now', "b": "2"}),
        ("a=1 a=2 tail", {"a": "1"}),
        ("words before a=1", {"a": "1"}),
        ("", {}),
        ("no pairs here", {}),
    ],
)
def test_pairs_are_read(text, fields):
    """Quoted, bare, empty, comma-separated, and bare values of several words."""
    assert read_pairs(text) == (fields, False)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (r'url="/\" srcip=6.6.6.6 x=\"" b=2', {"url": '/" srcip=6.6.6.6 x="', "b": "2"}),
        ('url="/ srcip=6.6.6.6 x" b=2', {"url": "/ srcip=6.6.6.6 x", "b": "2"}),
        ('"srcip=6.6.6.6" b=2', {"b": "2"}),
        (r'path="C:\x\" b="2" c="3"', {"path": r'C:\x" b="2', "c": "3"}),
    ],
)
def test_what_stands_in_quotes_is_no_field(text, fields):
    """A sender who writes key=value into a URL or a name sets nothing."""
    assert read_pairs(text) == (fields, False)


@pytest.mark.parametrize(
    "text", ['a=1 m="cut srcip=6.6.6.6', 'a=1 m="', 'a=1 m="x\\', 'a=1 m="x\\"']
)
def test_a_quote_that_nothing_closes_holds_the_rest(text):
    """A line cut inside a quoted value says so, and gives no field out of it."""
    fields, cut = read_pairs(text)

    assert cut
    assert set(fields) == {"a", "m"}


VALUES = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs"]))


@given(VALUES, VALUES)
def test_a_quoted_value_cannot_change_another_field(first, second):
    """Whatever text a value has, once the device escapes quotes, the others stay."""
    line = f'srcip=192.0.2.1 user="{first}" action="deny" msg="{second}" policyid=4'

    assert read_pairs(line).fields == {
        "srcip": "192.0.2.1",
        "user": first,
        "action": "deny",
        "msg": second,
        "policyid": "4",
    }


@given(st.text())
def test_escaped_quotes_inside_a_value_cannot_either(text):
    """A value with quotes escaped comes out whole."""
    value = text.replace("\\", "/")
    escaped = value.replace('"', '\\"')

    assert read_pairs(f'user="{escaped}" action="deny"').fields == {"user": value, "action": "deny"}
