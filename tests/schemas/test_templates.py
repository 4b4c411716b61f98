"""The index templates: closed, within limits, of types that every server knows."""

from collections.abc import Iterator
from typing import Any

import pytest

from tocsin.schemas.fields import ANALYST_FIELDS, EVENT_FIELDS, FIELDS, VENDOR_ROOTS
from tocsin.schemas.templates import field_count, index_templates
from tocsin.schemas.validation import MAX_NAMES

NAMES = ("tocsin-events", "tocsin-alerts", "tocsin-dead-letters")


def _mappings(name: str) -> dict[str, Any]:
    return index_templates()[name]["template"]["mappings"]


def _leaves(properties: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from _leaves(mapping["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, mapping


def _fields(name: str) -> dict[str, dict[str, Any]]:
    return dict(_leaves(_mappings(name)["properties"]))


def test_events_map_every_event_field_and_every_vendor_root() -> None:
    """What a parser sets can be searched."""
    assert set(_fields("tocsin-events")) == {*EVENT_FIELDS, *VENDOR_ROOTS}


def test_alerts_map_the_fields_of_their_events_as_well_as_their_own() -> None:
    """An alert of one event is a copy of it, and only alerts have what analysts own."""
    assert set(_fields("tocsin-alerts")) == {*FIELDS, *VENDOR_ROOTS}
    assert set(ANALYST_FIELDS) <= set(_fields("tocsin-alerts"))


@pytest.mark.parametrize("name", NAMES)
def test_mappings_are_closed(name: str) -> None:
    """No record can add a field, nor make a date of a text that looks like one."""
    assert _mappings(name)["dynamic"] is False
    assert _mappings(name)["date_detection"] is False


@pytest.mark.parametrize("name", NAMES)
def test_mappings_stay_below_the_limit_of_fields(name: str) -> None:
    """Elasticsearch refuses more than 1,000 unless told otherwise; objects count too."""
    assert field_count(_mappings(name)["properties"]) < 1_000


def test_objects_and_sub_fields_count() -> None:
    """The count is Elasticsearch's, not that of leaves: here a, a.b and a.b.caseless."""
    leaf = {"type": "keyword", "fields": {"caseless": {"type": "keyword"}}}

    assert field_count({"a": {"properties": {"b": leaf}}}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_only_types_of_the_servers_core_are_used(name: str) -> None:
    """Types of optional modules would need another template for a bare server."""
    types = {mapping["type"] for mapping in _fields(name).values()}

    assert types <= {"boolean", "date", "double", "flattened", "ip", "keyword", "long", "text"}


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_too_long_to_be_indexed(name: str) -> None:
    """A term of more than 32,766 bytes costs the whole document; a character takes up to four."""
    for field, mapping in _fields(name).items():
        if mapping["type"] == "flattened":
            assert (mapping["ignore_above"] + MAX_NAMES) * 4 <= 32_766, field
        elif mapping["type"] == "keyword" and mapping.get("index", True):
            assert mapping["ignore_above"] * 4 <= 32_766, field


def test_the_raw_record_is_stored_and_not_searched() -> None:
    """It is as long as it is, and what it says stands in the other fields."""
    assert _fields("tocsin-events")["event.original"] == {
        "type": "keyword",
        "index": False,
        "doc_values": False,
    }


def test_names_and_command_lines_are_also_searched_without_regard_to_case() -> None:
    """Sigma does not heed case: a search in Kibana can do likewise."""
    assert _fields("tocsin-events")["process.command_line"]["fields"]["caseless"] == {
        "type": "keyword",
        "ignore_above": 8_191,
        "normalizer": "lowercase",
    }


@pytest.mark.parametrize("name", NAMES)
def test_acknowledged_writes_are_on_disk(name: str) -> None:
    """An asynchronous translog loses acknowledged writes with the process: never set it."""
    settings = index_templates(replicas=2)[name]["template"]["settings"]["index"]

    assert settings["number_of_shards"] == 1
    assert settings["number_of_replicas"] == 2
    assert not [key for key in settings if "translog" in key]


def test_templates_take_precedence_over_the_servers_own() -> None:
    """Elasticsearch ships templates of priority 100."""
    assert {template["priority"] for template in index_templates().values()} == {200}


def test_each_template_takes_its_own_indices() -> None:
    """The patterns are those of the index names, and none takes another's."""
    assert [index_templates()[name]["index_patterns"] for name in NAMES] == [
        ["tocsin-events-*"],
        ["tocsin-alerts-*"],
        ["tocsin-dead-letters*"],
    ]
