"""Every field of events and alerts: type, meaning and personal-data class, each named once.

`fields.yml` and `alert_fields.yml` are the source; index templates, the Arrow schema, validation
and the field reference follow from them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

FieldType = Literal["boolean", "date", "double", "flattened", "ip", "keyword", "long", "text"]
DataClass = Literal["none", "pseudonymous", "personal", "content"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `array` ones are always lists; `allowed` is empty where any value may stand.

    A `flattened` field holds an object, a list of objects, or, in a flat event, dotted keys below
    its name. `caseless` ones are also searched without regard to case.
    """

    name: str
    type: FieldType
    description: str
    data_class: DataClass
    array: bool = False
    allowed: tuple[str, ...] = ()
    caseless: bool = False


def _read(name: str) -> Mapping[str, Any]:
    text = (files("tocsin.schemas") / name).read_text(encoding="utf-8")
    document: Mapping[str, Any] = yaml.safe_load(text)
    return document


def _definitions(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any, str]]]:
    for name, (kind, data_class, description) in document["fields"].items():
        yield name, (kind, data_class, description)
    for shape in document.get("shapes", {}).values():
        for owner, of in shape["owners"].items():
            for name, (kind, data_class, description) in shape["fields"].items():
                yield f"{owner}.{name}", (kind, data_class, description.replace("{of}", of))


def _fields(document: Mapping[str, Any]) -> dict[str, Field]:
    """The fields that `document` defines, by name. Raises ValueError for one that is none."""
    fields: dict[str, Field] = {}
    for name, (kind, data_class, description) in _definitions(document):
        bare = kind.removesuffix("*")
        if bare not in get_args(FieldType) or data_class not in get_args(DataClass):
            raise ValueError(f"field {name}: unknown type {kind} or data class {data_class}")
        if name in fields:
            raise ValueError(f"field {name}: defined twice")
        fields[name] = Field(
            name,
            bare,
            description,
            data_class,
            array=kind.endswith("*"),
            allowed=tuple(document.get("allowed", {}).get(name, ())),
            caseless=name in document.get("caseless", ()),
        )
    return dict(sorted(fields.items()))


_EVENTS = _read("fields.yml")
_ALERTS = _read("alert_fields.yml")
_DEAD_LETTERS = _read("dead_letter_fields.yml")

EVENT_FIELDS: Mapping[str, Field] = _fields(_EVENTS)
"""The fields of events, by name, in order."""

FIELDS: Mapping[str, Field] = dict(sorted({**EVENT_FIELDS, **_fields(_ALERTS)}.items()))
"""The fields of events and alerts, by name, in order."""

DEAD_LETTER_FIELDS: Mapping[str, Field] = dict(
    sorted(
        (
            {name: EVENT_FIELDS[name] for name in _DEAD_LETTERS["shared"]} | _fields(_DEAD_LETTERS)
        ).items()
    )
)
"""The fields of dead letters, by name, in order."""

ANALYST_FIELDS: tuple[str, ...] = tuple(_ALERTS["analyst"])
"""Fields that belong to analysts: set when an alert is created, never written again."""

VENDORS: Mapping[str, str] = _EVENTS["vendor"]
"""Vendor roots and what stands below them."""

VENDOR_ROOTS: tuple[str, ...] = tuple(VENDORS)
"""Below these, parsers keep what a vendor says in the vendor's own names."""

ROOTS = frozenset(
    name.partition(".")[0] for name in (*FIELDS, *VENDOR_ROOTS) if "." in name or name in VENDORS
)
"""First parts of all dotted names that events and alerts have."""
