"""The log source table as one pySigma processing pipeline, for `sigma convert -p FILE`.

It means the same as `tocsin.schemas.sigma`, save that a field with several targets is looked for
in all of them, where the engine takes the first that an event has: the query languages that
pySigma writes have no such notion.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from sigma.processing.pipeline import ProcessingPipeline

from tocsin.schemas.fields import ROOTS
from tocsin.schemas.sigma import Entry, Table, read_table

Item = dict[str, Any]

PRIORITY = 20
"""After pipelines that rewrite log sources (10), before those of a backend (50)."""

_GATED = "gated"


@cache
def processing_pipeline() -> ProcessingPipeline:
    """The pipeline as pySigma runs it."""
    return ProcessingPipeline.from_yaml(pipeline_yaml())


def pipeline_yaml() -> str:
    """The pipeline as the YAML text that pySigma and sigma-cli read."""
    document = {
        "name": "Sigma's log sources and fields to Tocsin's events",
        "priority": PRIORITY,
        "transformations": list(_items(read_table())),
    }
    text: str = yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    return text


def _items(table: Table) -> Iterator[Item]:
    """Fields first, under their Sigma names; gates last, so that nothing maps them again.

    An entry leaves out what a wider one says as well, whose items pySigma also applies.
    """
    wider = {id(entry): _wider(table, entry) for entry in table.entries}
    refined = {id(other) for entry in table.entries for other in wider[id(entry)]}
    for entry in table.entries:
        above = [other for other in wider[id(entry)] if not other.derived]
        mapping = {
            name: targets
            for name, targets in entry.fields.items()
            if not any(other.fields.get(name) == targets for other in above)
        }
        if mapping:
            yield _item(entry, "fields", _field_mapping(mapping))
    for entry in table.entries:
        above = [other for other in wider[id(entry)] if not other.derived]
        if entry.remainder and not any(other.remainder for other in above):
            yield _item(entry, "remainder", _prefix(entry, entry.remainder))
    for entry in table.entries:
        if all(entry.gate):
            yield _gate_item(entry, refined=id(entry) in refined)
            yield _item(entry, "gated", {"type": "set_state", "key": _GATED, "val": True})


def _wider(table: Table, entry: Entry) -> list[Entry]:
    return [
        other for other in table.entries if other is not entry and other.source.covers(entry.source)
    ]


def _item(entry: Entry, role: str, transformation: Item) -> Item:
    return {
        "id": f"{'_'.join(entry.source.named().values())}_{role}",
        **transformation,
        "rule_conditions": [{"type": "logsource", **entry.source.named()}],
    }


def _field_mapping(fields: Mapping[str, tuple[str, ...]]) -> Item:
    mapping = {
        name: targets[0] if len(targets) == 1 else list(targets) for name, targets in fields.items()
    }
    return {"type": "field_name_mapping", "mapping": mapping}


def _prefix(entry: Entry, prefix: str) -> Item:
    """Puts `prefix` before what is neither mapped by now nor an event's field by itself."""
    mapped = {target for targets in entry.fields.values() for target in targets}
    known = [rf"(?:{'|'.join(map(re.escape, sorted(ROOTS)))})\..*"]
    known += [re.escape(target) for target in sorted(mapped) if "." not in target]
    return {
        "type": "field_name_prefix",
        "prefix": prefix,
        "field_name_conditions": [
            {"type": "exclude_fields", "mode": "re", "fields": [f"^(?:{'|'.join(known)})$"]}
        ],
    }


def _gate_item(entry: Entry, *, refined: bool) -> Item:
    alternatives = [
        {name: _wanted(values) for name, values in alternative.items()}
        for alternative in entry.gate
    ]
    conditions = alternatives[0] if len(alternatives) == 1 else alternatives
    item = _item(entry, "gate", {"type": "add_condition", "conditions": conditions})
    if refined:
        (source,) = item["rule_conditions"]
        gated = {"type": "processing_state", "key": _GATED, "val": True}
        item["rule_conditions"] = {"source": source, _GATED: gated}
        item["rule_cond_expr"] = f"source and not {_GATED}"
    return item


def _wanted(values: tuple[str | int, ...]) -> Any:
    """Allowed values as a Sigma detection item has them; `*` is any."""
    if not values:
        return "*"
    return values[0] if len(values) == 1 else list(values)
