"""Which events a rule looks at, as a condition in intermediate form.

The field maps of `schemas` know the log sources; a gate there is a choice of alternatives, each a
set of fields with the values they may have.
"""

from collections.abc import Sequence

from tocsin.pipelines.detection.ir import (
    ALWAYS,
    NEVER,
    And,
    Equals,
    Exists,
    Item,
    Node,
    Or,
    Origin,
    Selection,
)
from tocsin.schemas.sigma import Alternative, FieldMap, Gate, LogSource, Scalar, field_map
from tocsin.schemas.values import canonical


def rule_fields(logsource: LogSource, *, ecs: bool, native: bool) -> FieldMap:
    """The field map for a rule of `logsource`, written in ECS or in Sigma's taxonomy."""
    product = "ecs" if ecs else logsource.product
    return field_map(product, logsource.category, logsource.service, native=native)


def gate_node(gate: Gate | None, line: int) -> Node:
    """The condition that events of a log source meet; `line` is where the rule names it."""
    if gate is None:
        return NEVER
    if any(not alternative for alternative in gate):
        return ALWAYS
    return Selection("logsource", _or([_alternative(part, line) for part in gate]))


def _alternative(alternative: Alternative, line: int) -> Node:
    nodes = [_field(name, values, line) for name, values in alternative.items()]
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _field(name: str, values: tuple[Scalar, ...], line: int) -> Node:
    if not values:
        return Item((name,), Exists(present=True), Origin("logsource", name, "", line))
    return _or(
        [
            Item((name,), Equals(str(canonical(each))), Origin("logsource", name, str(each), line))
            for each in values
        ]
    )


def _or(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))
