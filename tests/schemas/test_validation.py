"""Conforming events: what fits stays, what can be converted is, nothing is lost."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.events import nest
from tocsin.schemas.fields import EVENT_FIELDS
from tocsin.schemas.validation import MAX_NAME, MAX_NAMES, MAX_PARTS, conform

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["192.0.2.1", "::1", "fe80::1%eth0", "1.5", "80", "2026-11-24T11:52:50Z", ""])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6
)
NAMES = (
    st.sampled_from(list(EVENT_FIELDS)) | st.text().map("winlog.event_data.{}".format) | st.text()
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=8)


def test_an_event_that_fits_is_handed_back_itself() -> None:
    """The common case makes no copy."""
    event = {
        "@timestamp": "2026-11-24T11:52:50.123456Z",
        "event.category": ["network"],
        "source.ip": "192.0.2.1",
        "source.port": 51234,
        "related.ip": ["192.0.2.1", "2001:db8::1"],
        "message": "déjà vu",
        "winlog.event_data.ProcessId": 4,
        "winlog.event_data.User": None,
        "user.name": None,
    }

    assert conform(event) is event


@pytest.mark.parametrize(
    ("field", "value", "fitted"),
    [
        ("source.port", "443", 443),
        ("source.port", 443.0, 443),
        ("event.code", 4625, "4625"),
        ("event.code", 1.5, "1.5"),
        ("event.code", True, "true"),
        ("event.category", "network", ["network"]),
        ("event.action", ["login"], "login"),
        ("event.action", [], None),
        ("tags", ["a", 1], ["a", "1"]),
        ("tls.established", "true", True),
        ("event.risk_score", 47, 47.0),
        ("event.risk_score", "0.5", 0.5),
        ("@timestamp", "2026-11-24T12:52:50+01:00", "2026-11-24T11:52:50.000000Z"),
        ("event.start", "2026-11-24", "2026-11-24T00:00:00.000000Z"),
        ("message", "a\ud800b", "a\ufffdb"),
        ("winlog.event_data.Data", ["a\ud800", 1], ["a\ufffd", 1]),
        ("winlog.event_data.Big", 2**64, "18446744073709551616"),
        ("winlog.event_data.Nan", float("nan"), "nan"),
        ("dns.answers", [{"data": "192.0.2.1"}], [{"data": "192.0.2.1"}]),
        ("labels", {"a": {"b\0": 1}}, {"a": {"b\ufffd": 1}}),
    ],
)
def test_values_become_their_fields_type_where_nothing_is_lost(
    field: str, value: Any, fitted: Any
) -> None:
    """A number as text is a number, a scalar is a list of one, and so on."""
    event = conform({field: value})

    assert event == {field: fitted}
    assert type(event[field]) is type(fitted)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source.ip", ""),
        ("source.ip", "N/A"),
        ("source.ip", "fe80::1%eth0"),
        ("source.ip", 3221225985),
        ("source.ip", ["192.0.2.1", "192.0.2.2"]),
        ("source.port", ""),
        ("source.port", "0443"),
        ("source.port", "80.5"),
        ("source.port", True),
        ("source.bytes", 1e30),
        ("event.start", "yesterday"),
        ("event.start", 1763985170),
        ("event.start", "2026-02-30T00:00:00.000000Z"),
        ("tls.established", 1),
        ("event.risk_score", "high"),
        ("event.action", {"a": 1}),
        ("event.action", ["a", "b"]),
        ("labels", "text"),
        ("dns.answers", ["text"]),
        ("host", "name"),
        ("winlog", "text"),
        ("made.up", 1),
        ("plain", "x"),
    ],
)
def test_what_does_not_fit_moves_aside_and_is_tagged(field: str, value: Any) -> None:
    """Elasticsearch would refuse these, or drop them; under tocsin.misfit they are kept."""
    assert conform({field: value}) == {f"tocsin.misfit.{field}": value, "tags": ["field_misfit"]}


def test_a_number_too_great_for_a_long_moves_aside_as_text() -> None:
    """Beyond 64 bits JSON's readers differ, so its digits are kept as text."""
    assert conform({"source.bytes": 2**63}) == {
        "tocsin.misfit.source.bytes": "9223372036854775808",
        "tags": ["field_misfit"],
    }


def test_members_of_a_list_that_do_not_fit_move_alone() -> None:
    """The good addresses stay where they are looked for."""
    event = conform({"related.ip": ["192.0.2.1", "", "::1"], "tags": ["seen"]})

    assert event == {
        "related.ip": ["192.0.2.1", "::1"],
        "tocsin.misfit.related.ip": [""],
        "tags": ["seen", "field_misfit"],
    }


@pytest.mark.parametrize("name", ["winlog." + "a." * 1000 + "a", "winlog." + "a" * 5000])
def test_endless_names_are_cut_short(name: str) -> None:
    """A name of a thousand parts would nest deeper than readers of JSON bear."""
    (key, tags) = conform({name: 1})

    assert tags == "tags"
    assert key.startswith("tocsin.misfit.winlog.a")
    assert key.count(".") < MAX_PARTS + 3
    assert len(key) < MAX_NAME


def test_names_that_differ_only_beyond_the_cut_stay_two() -> None:
    """The digest of the whole name ends what is left of it."""
    event = conform({"x" * 5000 + "1": 1, "x" * 5000 + "2": 2})

    assert sorted(value for value in event.values() if isinstance(value, int)) == [1, 2]


def test_deep_values_end_in_a_note() -> None:
    """Levels below the limit are named by their type; the record itself has the whole."""
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]

    (value,) = conform({"winlog.event_data.Deep": deep}).values()

    levels = 0
    while isinstance(value, list):
        (value,) = value
        levels += 1
    assert (levels, value) == (MAX_PARTS + 1, "list below too many levels")


def test_names_of_nested_objects_are_bounded_together() -> None:
    """Elasticsearch refuses a flattened value whose path and text exceed 32,766 bytes."""
    deep: Any = 1
    for _ in range(40):
        deep = {"n" * 250: deep}

    (value,) = conform({"winlog.event_data.Deep": deep}).values()

    path = 0
    while isinstance(value, dict):
        ((name, value),) = value.items()
        path += len(name)
    assert path <= MAX_NAMES
    assert value == "dict below too many levels"


@given(EVENTS)
def test_conforming_twice_is_conforming_once(event: dict[str, Any]) -> None:
    """What conform gives out fits."""
    once = conform(event)

    assert conform(once) == once


@given(EVENTS)
def test_conforming_events_can_be_nested_and_encoded(event: dict[str, Any]) -> None:
    """Whatever came in, JSON goes out."""
    assert orjson.loads(orjson.dumps(nest(conform(event)))) is not None


@given(EVENTS)
def test_nothing_vanishes(event: dict[str, Any]) -> None:
    """Every field is still there under its own name or under tocsin.misfit."""
    fitted = conform(event)

    kept = set(fitted) | {key.removeprefix("tocsin.misfit.") for key in fitted}
    assert {key for key in event if "\0" not in key} <= kept
