"""Why an alert is there, in one sentence that a person reads first."""

from collections.abc import Sequence

from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.conditions import And, Name, Node, Not, Or
from tocsin.pipelines.correlation.rules import CorrelationRule, CorrelationType
from tocsin.pipelines.detection.explain import MatchedItem
from tocsin.pipelines.detection.rules import RuleInfo
from tocsin.schemas.events import Event
from tocsin.schemas.times import DAY, HOUR, MINUTE, SECOND

VALUE_CHARACTERS = 80
"""A longer value is cut: the sentence is for reading, the whole stands in the event."""

ITEMS = 3
"""The most items that a sentence names."""


def event_reason(rule: RuleInfo, event: Event, items: Sequence[MatchedItem]) -> str:
    """Which values of the event satisfied the rule: `process.name is "x"; … on HOST`."""
    parts = [f"{item.field or 'text'} {_cut(item.value)}" for item in items[:ITEMS]]
    more = len(items) - len(parts)
    if more > 0:
        parts.append(f"{more} more")
    where = event.get("host.name") or event.get("source.ip")
    place = f" on {where}" if where else ""
    return f"{rule.title}{place}: {'; '.join(parts)}" if parts else f"{rule.title}{place}"


def group_reason(alert: GroupAlert) -> str:
    """What was counted, over which span, for which group."""
    group = ", ".join(f"{name} {_cut(value)}" for name, value in alert.group.items())
    whose = f" for {group}" if group else ""
    return f"{_counted(alert)}{whose}"


def _counted(alert: GroupAlert) -> str:
    rule = alert.rule
    within = f"within {span_text(rule.timespan)}"
    value = "" if alert.value is None else f"{alert.value:,.10g}"
    field = next((names[0] for ref in rule.references for names in ref.compared), "")
    if rule.suppression:
        return f"{rule.info.title}: {alert.count:,} events in {span_text(rule.period)}"
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return f"{value} events {within}"
        case CorrelationType.VALUE_COUNT:
            return f"{value} different values of {field} {within}"
        case CorrelationType.TEMPORAL if value:
            return f"{value} different rules {within}"
        case CorrelationType.TEMPORAL_ORDERED if value:
            return f"{value} rules in their order {within}"
        case CorrelationType.TEMPORAL | CorrelationType.TEMPORAL_ORDERED:
            return f"the combination of rules held {within}"
    return f"{str(rule.type).removeprefix('value_')} of {field} is {value} {within}"


_OPERATORS = {
    "lt": "less than",
    "lte": "at most",
    "gt": "more than",
    "gte": "at least",
    "eq": "exactly",
    "neq": "not",
}


def condition_text(rule: CorrelationRule) -> str:
    """The condition of a correlation in words: `at least 5`, `a and not (b or c)`, `a then b`."""
    ids = [reference.rule for reference in rule.references]
    if rule.expression is not None:
        return _expression(rule.expression, ids)
    if rule.sequence:
        return " then ".join(ids[index] for index in rule.sequence)
    return " and ".join(
        f"{_OPERATORS[one.operator]} {one.threshold:.15g}" for one in rule.comparisons
    )


def _expression(node: Node, ids: Sequence[str], *, inner: bool = False) -> str:
    match node:
        case Name(index):
            return ids[index]
        case Not(operand):
            return f"not {_expression(operand, ids, inner=True)}"
        case And(operands) | Or(operands):
            word = " and " if isinstance(node, And) else " or "
            text = word.join(_expression(operand, ids, inner=True) for operand in operands)
            return f"({text})" if inner else text


def span_text(micros: int) -> str:
    """A span of time in its largest whole unit: `90s`, `10m`, `2h`, `7d`."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if micros >= size and micros % size == 0:
            return f"{micros // size}{unit}"
    return f"{micros / SECOND:g}s"


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 1]}…"
