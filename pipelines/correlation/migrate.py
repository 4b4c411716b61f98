"""Rules of the old form, with an aggregation in their condition, as detections and a correlation.

    condition: selection | count(dst_ip) by src_ip > 10       timeframe: 24h

becomes the detection `selection` and a `value_count` of `dst_ip` that refers to it. `near` becomes
a detection for each part and a `temporal` over them. The correlation keeps the rule's id, as it is
what raises the alert; detections get ids that follow from it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml

from tocsin.pipelines.correlation.conditions import (
    And,
    ConditionError,
    Name,
    Node,
    Not,
    parse_expression,
)

_AGGREGATION = re.compile(
    r"(?P<function>count|sum|avg|min|max)\s*\(\s*(?P<field>[^()]*?)\s*\)"
    r"(?:\s+by\s+(?P<by>[^<>=!]+?))?"
    r"\s*(?P<operator><=|>=|==|!=|=|<|>)\s*(?P<threshold>[0-9]+(?:\.[0-9]+)?)",
    re.ASCII,
)
_NEAR = re.compile(r"near\s+(?P<expression>.+)", re.ASCII)
_OPERATORS = {
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
    "=": "eq",
    "==": "eq",
    "!=": "neq",
}
_KEPT = ("status", "description", "references", "author", "date", "modified", "tags")


class MigrationError(ValueError):
    """A rule of the old form that no correlation says the same as, and why."""


def is_old(body: Mapping[str, Any]) -> bool:
    """Whether a rule's condition has an aggregation, which Sigma 2 has no more."""
    detection = body.get("detection")
    condition = detection.get("condition") if isinstance(detection, Mapping) else None
    return isinstance(condition, str) and "|" in condition


def migrate(body: Mapping[str, Any], *, timespan: str | None = None) -> list[dict[str, Any]]:
    """The documents that say what the old rule `body` said: detections first, the correlation last.

    `timespan` is for rules without `timeframe`, which a correlation cannot do without. Raises
    MigrationError for what cannot be said by a correlation.
    """
    detection = body["detection"]
    search, _, aggregation = (part.strip() for part in detection["condition"].partition("|"))
    timespan = detection.get("timeframe", timespan)
    if timespan is None:
        raise MigrationError("the rule has no timeframe, and a correlation needs a timespan")
    if not isinstance(body.get("logsource"), Mapping):
        raise MigrationError("the rule has no log source of its own")
    if found := _AGGREGATION.fullmatch(aggregation):
        return _aggregated(body, search, found, timespan)
    if found := _NEAR.fullmatch(aggregation):
        return _near(body, search, found["expression"], timespan)
    raise MigrationError(f'the aggregation "{aggregation}" is of no known form')


def to_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """The text of a rule file with `documents`."""
    return yaml.safe_dump_all(
        [_plain(document) for document in documents],
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def _aggregated(
    body: Mapping[str, Any], search: str, found: re.Match[str], timespan: str
) -> list[dict[str, Any]]:
    function, field = found["function"], found["field"]
    threshold = float(found["threshold"])
    condition: dict[str, Any] = {
        _OPERATORS[found["operator"]]: int(threshold) if threshold.is_integer() else threshold
    }
    if function != "count" and not field:
        raise MigrationError(f"{function}() names no field")
    kind = "event_count"
    if field:
        condition["field"] = field
        kind = {
            "count": "value_count",
            "sum": "value_sum",
            "avg": "value_avg",
            "min": "value_percentile",
            "max": "value_percentile",
        }[function]
    if kind == "value_percentile":
        condition["percentile"] = 0 if function == "min" else 100
    name = _slug(body)
    selections = {
        key: value
        for key, value in body["detection"].items()
        if key not in ("condition", "timeframe")
    }
    correlation: dict[str, Any] = {"type": kind, "rules": [name]}
    if found["by"]:
        correlation["group-by"] = [part.strip() for part in found["by"].split(",")]
    correlation |= {"timespan": timespan, "condition": condition}
    return [
        _detection(body, name, "events", selections, search),
        _correlation(body, correlation),
    ]


def _near(
    body: Mapping[str, Any], search: str, expression: str, timespan: str
) -> list[dict[str, Any]]:
    selections = {
        key: value
        for key, value in body["detection"].items()
        if key not in ("condition", "timeframe")
    }
    parts = _near_parts(expression)
    for part, _ in parts:
        if part not in selections:
            raise MigrationError(f'"near {part}" is a selection of another log source')
    first = {key: value for key, value in selections.items() if key not in dict(parts)}
    name = _slug(body)
    documents = [_detection(body, f"{name}_first", search, first, search)]
    words = [f"{name}_first"]
    for part, negated in parts:
        part_name = f"{name}_{_slug_text(part)}"
        documents.append(_detection(body, part_name, part, {part: selections[part]}, part))
        words.append(f"not {part_name}" if negated else part_name)
    correlation: dict[str, Any] = {"type": "temporal"}
    correlation["rules"] = [word.removeprefix("not ") for word in words]
    correlation["timespan"] = timespan
    if any(negated for _, negated in parts):
        correlation["condition"] = " and ".join(words)
    return [*documents, _correlation(body, correlation)]


def _near_parts(expression: str) -> list[tuple[str, bool]]:
    """The selections that `near` asks for, and whether each must be absent."""
    named: list[str] = []

    def index_of(name: str) -> int:
        named.append(name)
        return len(named) - 1

    try:
        tree = parse_expression(expression, index_of)
    except ConditionError as error:
        raise MigrationError(f'"near {expression}": {error}') from None
    parts = []
    for operand in tree.operands if isinstance(tree, And) else (tree,):
        negated = isinstance(operand, Not)
        inner: Node = operand.operand if isinstance(operand, Not) else operand
        if not isinstance(inner, Name):
            raise MigrationError(f'"near {expression}" is more than selections joined by "and"')
        parts.append((named[inner.index], negated))
    return parts


def _detection(
    body: Mapping[str, Any],
    name: str,
    what: str,
    selections: Mapping[str, Any],
    condition: str,
) -> dict[str, Any]:
    document = {"title": f"{body['title']} ({what})", "id": _part_id(body, name), "name": name}
    return {
        **document,
        **_metadata(body),
        "logsource": body["logsource"],
        "detection": {**selections, "condition": condition},
        "level": "informational",
    }


def _correlation(body: Mapping[str, Any], correlation: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"title": body["title"]}
    if "id" in body:
        document["id"] = body["id"]
    document |= _metadata(body)
    document["correlation"] = correlation
    for key in ("falsepositives", "level"):
        if key in body:
            document[key] = body[key]
    return document


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: body[key] for key in _KEPT if key in body}
    if kept.get("status") in ("unsupported", "deprecated"):
        kept["status"] = "experimental"
    return kept


def _part_id(body: Mapping[str, Any], name: str) -> str:
    """An id that follows from the rule's, so that migrating twice gives the same rules."""
    try:
        namespace = UUID(str(body.get("id")))
    except ValueError:
        namespace = NAMESPACE_URL
    return str(uuid5(namespace, name))


def _slug(body: Mapping[str, Any]) -> str:
    """A name from the rule's title, and from its id, as titles are not unique."""
    return _slug_text(f"{body['title']} {str(body.get('id', ''))[:8]}")


def _slug_text(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return slug if slug[:1].isalpha() else f"rule_{slug}"


def _plain(value: Any) -> Any:
    """`value` in the types that YAML is written from; those read from files know their lines."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
