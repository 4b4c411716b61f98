"""Flat events and nested documents."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.events import MAX_DEPTH, DepthError, flatten, nest

NAMES = st.text("abc", min_size=1, max_size=2)
LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
DOCUMENTS = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3))
)


def test_dotted_keys_become_objects() -> None:
    """A flat event is nested where it is stored."""
    assert nest({"source.ip": "192.0.2.1", "source.port": 22, "message": "m"}) == {
        "source": {"ip": "192.0.2.1", "port": 22},
        "message": "m",
    }


@pytest.mark.parametrize("event", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}])
def test_a_key_that_is_value_and_parent_keeps_both(event: dict[str, int]) -> None:
    """The value moves below the object, whichever came first."""
    assert nest(event) == {"a": {"value": 1, "b": 2}}


@pytest.mark.parametrize("event", [{"a": {"c": 1}, "a.b": 2}, {"a.b": 2, "a": {"c": 1}}])
def test_an_object_and_dotted_keys_below_its_name_are_merged(event: dict[str, Any]) -> None:
    """Neither takes the other's place, and the event's own object is left as it was."""
    before = deepcopy(event)

    assert nest(event) == {"a": {"c": 1, "b": 2}}
    assert event == before


def test_documents_may_be_dotted_and_nested_at_once() -> None:
    """Shippers write both."""
    assert flatten({"winlog": {"event_data.User": "x"}, "event.code": "1"}) == {
        "winlog.event_data.User": "x",
        "event.code": "1",
    }


def test_lists_and_empty_objects_are_values() -> None:
    """A list of objects is not taken apart, and an empty object is kept."""
    document = {"dns": {"answers": [{"data": "a"}]}, "labels": {}}

    assert flatten(document) == {"dns.answers": [{"data": "a"}], "labels": {}}


def test_what_is_deeper_than_any_log_is_refused() -> None:
    """A thousand brackets are an attack, not an event."""
    document: dict[str, Any] = {"x": 1}
    for _ in range(MAX_DEPTH + 1):
        document = {"x": document}

    with pytest.raises(DepthError, match="deeper than 64 levels"):
        flatten(document)


@given(DOCUMENTS)
def test_flattening_and_nesting_gives_the_document_again(document: dict[str, Any]) -> None:
    """For documents whose names hold no dots."""
    assert nest(flatten(document)) == document
