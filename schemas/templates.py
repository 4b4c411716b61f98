"""Index templates for events, alerts and dead letters, from the field definitions.

Mappings are closed (`dynamic: false`): what no field has is kept in the document and not indexed,
so no record can grow the mapping. Only types are used that every server knows, the bare core
included: no `wildcard`, `match_only_text` or `constant_keyword`.

Times are `date`, not `date_nanos`: that refuses what lies before 1970 or after 2262, and a broken
clock may not cost an event. Its index sorts by millisecond; the document keeps the microseconds,
in text of fixed width.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tocsin.schemas.fields import (
    DEAD_LETTER_FIELDS,
    EVENT_FIELDS,
    FIELDS,
    VENDOR_ROOTS,
    Field,
)
from tocsin.schemas.identity import digest
from tocsin.schemas.indices import ALERTS_PREFIX, DEAD_LETTERS_INDEX, EVENTS_PREFIX

Json = dict[str, Any]

PRIORITY = 200
"""Above Elasticsearch's own templates for `logs-*-*`, which have 100."""

KEYWORD_LIMIT = 8_191
"""Longest keyword that is indexed, in characters: as many as fit into 32,766 bytes of UTF-8,
beyond which Elasticsearch refuses the document."""

FLATTENED_LIMIT = 4_096
"""The same below a vendor root, where a value's names count as well (`validation.MAX_NAMES`)."""

FLATTENED_DEPTH = 128
"""Levels below a vendor root; `validation.MAX_PARTS` of a name and as many of its value fit."""

_NOT_SEARCHED = ("event.original",)


def index_templates(*, replicas: int = 1) -> dict[str, Json]:
    """The bodies of `PUT _index_template/NAME`, by name."""
    return {
        "tocsin-events": _template(
            f"{EVENTS_PREFIX}-*",
            _mapping(EVENT_FIELDS.values(), VENDOR_ROOTS),
            replicas,
            codec="best_compression",
        ),
        "tocsin-alerts": _template(
            f"{ALERTS_PREFIX}-*", _mapping(FIELDS.values(), VENDOR_ROOTS), replicas
        ),
        "tocsin-dead-letters": _template(
            f"{DEAD_LETTERS_INDEX}*", _mapping(DEAD_LETTER_FIELDS.values(), ()), replicas
        ),
    }


def field_count(properties: Mapping[str, Any]) -> int:
    """How many fields Elasticsearch counts in `properties`, objects and sub-fields included."""
    return sum(
        1 + field_count(mapping.get("properties", {})) + field_count(mapping.get("fields", {}))
        for mapping in properties.values()
    )


def _template(pattern: str, mapping: Json, replicas: int, **settings: str) -> Json:
    # Nothing is said of the translog: its default flushes before a write is acknowledged, and
    # without that acknowledged writes are lost with the process.
    index = {"number_of_shards": 1, "number_of_replicas": replicas, **settings}
    return {
        "index_patterns": [pattern],
        "priority": PRIORITY,
        "template": {"settings": {"index": index}, "mappings": mapping},
        "_meta": {"managed_by": "tocsin", "mapping": digest(repr(mapping))},
    }


def _mapping(fields: Iterable[Field], roots: Iterable[str]) -> Json:
    properties: Json = {}
    for field in fields:
        _place(properties, field.name, _field_mapping(field))
    for root in roots:
        _place(properties, root, _flattened())
    return {"dynamic": False, "date_detection": False, "properties": properties}


def _place(properties: Json, name: str, mapping: Json) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        properties = properties.setdefault(parent, {"properties": {}})["properties"]
    properties[leaf] = mapping


def _field_mapping(field: Field) -> Json:
    if field.name in _NOT_SEARCHED:
        return {"type": "keyword", "index": False, "doc_values": False}
    if field.type == "flattened":
        return _flattened()
    if field.type != "keyword":
        return {"type": field.type}
    mapping: Json = {"type": "keyword", "ignore_above": KEYWORD_LIMIT}
    if field.caseless:
        mapping["fields"] = {"caseless": {**mapping, "normalizer": "lowercase"}}
    return mapping


def _flattened() -> Json:
    return {
        "type": "flattened",
        "ignore_above": FLATTENED_LIMIT,
        "depth_limit": FLATTENED_DEPTH,
    }
