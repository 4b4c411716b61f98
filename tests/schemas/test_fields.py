"""The field definitions: consistent with one another and with what the parsers may set."""

import pytest

from tocsin.schemas import fields
from tocsin.schemas.fields import ANALYST_FIELDS, EVENT_FIELDS, FIELDS, ROOTS, VENDOR_ROOTS
from tocsin.schemas.related import RELATED


def test_no_field_is_the_parent_of_another() -> None:
    """A value and an object cannot stand under one name in a stored document."""
    names = {*FIELDS, *VENDOR_ROOTS}
    parents = {name.rpartition(".")[0] for name in names}
    while grown := {parent.rpartition(".")[0] for parent in parents} - parents:
        parents |= grown
    assert names & parents == set()


def test_shapes_give_every_owner_their_fields() -> None:
    """source.ip and destination.ip come from one definition, each with its own sentence."""
    assert FIELDS["source.ip"].type == "ip"
    assert FIELDS["source.ip"].data_class == "personal"
    assert FIELDS["source.ip"].description == "Address of the sending side."
    assert FIELDS["destination.ip"].description == "Address of the receiving side."


def test_lists_are_marked() -> None:
    """ECS wants some fields always as lists."""
    assert FIELDS["event.category"].array
    assert FIELDS["related.ip"].array
    assert not FIELDS["event.kind"].array


def test_classification_is_limited_to_what_ecs_allows() -> None:
    """event.kind, category, type and outcome take ECS's values only."""
    assert FIELDS["event.outcome"].allowed == ("success", "failure", "unknown")
    assert len(FIELDS["event.category"].allowed) == 20
    assert len(FIELDS["event.type"].allowed) == 18
    assert FIELDS["event.action"].allowed == ()


def test_events_have_no_fields_of_alerts() -> None:
    """What analysts own, and what correlation adds, stands in alerts alone."""
    assert set(ANALYST_FIELDS) <= set(FIELDS)
    assert not set(ANALYST_FIELDS) & set(EVENT_FIELDS)
    assert "tocsin.count" not in EVENT_FIELDS


def test_every_related_field_gathers_from_defined_fields_or_an_attachment() -> None:
    """`related.*` is filled from fields that exist."""
    known = [name for name in RELATED if name in EVENT_FIELDS]
    assert {"source.ip", "user.name", "host.name", "file.hash.sha256"} <= set(known)
    assert set(RELATED.values()) <= set(EVENT_FIELDS)


def test_roots_are_the_first_parts_of_all_names() -> None:
    """The field maps let names through that begin with one of these."""
    assert {"winlog", "fortinet", "source", "tocsin", "kibana"} <= ROOTS
    assert "message" not in ROOTS


@pytest.mark.parametrize(
    "definition", [["number", "none", "x"], ["keyword", "secret", "x"], ["keyword**", "none", "x"]]
)
def test_a_definition_of_unknown_type_or_class_is_an_error(definition: list[str]) -> None:
    """A slip in the table is told by the field's name."""
    with pytest.raises(ValueError, match=r"field a\.b: unknown type"):
        fields._fields({"fields": {"a.b": definition}})


def test_a_field_defined_twice_is_an_error() -> None:
    """A shape and a single definition may not both name it."""
    document = {
        "fields": {"a.b": ["long", "none", "x"]},
        "shapes": {"s": {"owners": {"a": "a"}, "fields": {"b": ["long", "none", "x"]}}},
    }
    with pytest.raises(ValueError, match=r"field a\.b: defined twice"):
        fields._fields(document)
