"""Read the text of a correlation document; what it refers to is resolved in `compile`.

pySigma is not used for the documents, as it refuses ranges, cuts fractions of thresholds and reads
`generate` in one of its two places only; its time units are right, and are used.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from sigma.correlations import SigmaCorrelationTimespan
from sigma.exceptions import SigmaError

from tocsin.pipelines.correlation.conditions import OPERATORS, Comparison
from tocsin.pipelines.correlation.rules import (
    TEMPORAL_TYPES,
    VALUE_TYPES,
    CorrelationType,
)
from tocsin.pipelines.detection.documents import Mapping as LinedMapping
from tocsin.pipelines.detection.rules import CorrelationDocument, RuleInfo
from tocsin.schemas.times import DAY, HOUR, SECOND

MAX_SPAN = 366 * DAY
"""The longest timespan or period: state is kept for it, so a slip of the pen shall not pass."""

MAX_QUOTED = 60
"""Characters of a value that a message quotes."""

_KEYS = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"})
_CONDITION_KEYS = frozenset({*OPERATORS, "field", "percentile"})
_SUPPRESSION_KEYS = ("group-by", "period")


class RuleError(ValueError):
    """A rule that cannot be given exactly one meaning, and why.

    The message starts with the key that it is about, like `condition.field: …`.
    """


@dataclass(frozen=True, slots=True)
class Draft:
    """A correlation document as read: names are not yet resolved. Spans are in microseconds."""

    info: RuleInfo
    type: CorrelationType
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan: int
    period: int
    generate: bool

    comparisons: tuple[Comparison, ...] = ()
    expression: str | None = None
    compared: tuple[str, ...] = ()
    percentile: Fraction = Fraction(50)
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_document(document: CorrelationDocument) -> Draft:
    """The draft of a correlation `document`; raises RuleError."""
    body = document.body.get("correlation")
    if not isinstance(body, Mapping):
        raise RuleError("correlation: expected a mapping")
    if unknown := [str(key) for key in body if key not in _KEYS]:
        raise RuleError(f"correlation: unknown key {_quoted(unknown)}")
    kind = _type(body.get("type"))
    timespan = read_span("timespan", body.get("timespan"))
    condition = body.get("condition")
    draft = Draft(
        info=document.info,
        type=kind,
        rules=_texts("rules", body.get("rules", [])),
        group_by=_texts("group-by", body.get("group-by", [])),
        timespan=timespan,
        period=_period(document.info.tocsin, max(HOUR, timespan)),
        generate=_generate(document.body, body),
        aliases=_aliases(body.get("aliases", {})),
    )
    if isinstance(condition, str):
        if kind not in TEMPORAL_TYPES:
            raise RuleError(f"condition: {kind} takes thresholds, not an expression")
        return replace(draft, expression=condition)
    if condition is None and kind in TEMPORAL_TYPES:
        return draft
    if not isinstance(condition, Mapping):
        raise RuleError("condition: expected a mapping of operators to thresholds")
    return replace(
        draft,
        comparisons=_comparisons(condition),
        compared=_compared(kind, condition),
        percentile=_percentile(kind, condition),
    )


def line_of(body: Mapping[str, Any], message: str) -> int | None:
    """The line in `body` of the key that a RuleError's message is about, as far as it is there.

    None for a body that does not know its lines.
    """
    line = None
    node: Any = body
    for key in ("correlation", *message.partition(":")[0].split(".")):
        if isinstance(node, LinedMapping) and key in node:
            line = node.line_of(key)
            node = node[key]
        elif key != "correlation":
            break
    return line


def read_span(key: str, value: object) -> int:
    """Microseconds of a Sigma time span like `5m`; raises RuleError."""
    try:
        seconds: int = SigmaCorrelationTimespan(value).seconds  # type: ignore[arg-type]
    except (SigmaError, ValueError):  # Python reads no number of more than 4,300 digits
        raise RuleError(
            f"{key}: {_cut(value)} is no time span: a whole number and one of s, m, h, d, w"
        ) from None
    if seconds * SECOND > MAX_SPAN:
        raise RuleError(f"{key}: {_cut(value)} is longer than 366 days")
    return seconds * SECOND


@dataclass(frozen=True, slots=True)
class SuppressionDraft:
    """What a detection's `tocsin:` says of its suppression (SEMANTICS §5.5)."""

    group_by: tuple[str, ...]
    period: int


def read_suppression(info: RuleInfo) -> SuppressionDraft | None:
    """The suppression that a detection asks for, if any; raises RuleError."""
    given = [key for key in _SUPPRESSION_KEYS if key in info.tocsin]
    if not given:
        return None
    if len(given) == 1:
        raise RuleError(f"tocsin: suppression needs group-by and period, found {given[0]} alone")
    group_by = _texts("tocsin.group-by", info.tocsin["group-by"])
    return SuppressionDraft(group_by, _period(info.tocsin, 0))


def _type(value: object) -> CorrelationType:
    try:
        return CorrelationType(value)  # type: ignore[arg-type]
    except ValueError:
        expected = ", ".join(CorrelationType)
        raise RuleError(f"type: {value!r} is unknown; expected one of {expected}") from None


def _texts(key: str, value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) and item for item in listed):
        raise RuleError(f"{key}: expected a name or a list of names")
    return tuple(dict.fromkeys(listed))


def _period(tocsin: Mapping[str, Any], default: int) -> int:
    if "period" not in tocsin:
        return default
    return read_span("tocsin.period", tocsin["period"])


def _generate(document: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    given = [source["generate"] for source in (document, body) if "generate" in source]
    if not all(isinstance(value, bool) for value in given):
        raise RuleError("generate: expected true or false")
    if len(set(given)) > 1:
        raise RuleError("generate: the top level and the correlation contradict each other")
    return bool(given and given[0])


def _aliases(value: object) -> dict[str, dict[str, str]]:
    aliases: dict[str, dict[str, str]] = {}
    if not isinstance(value, Mapping):
        raise RuleError("aliases: expected a mapping")
    for alias, by_rule in value.items():
        if not isinstance(by_rule, Mapping) or not all(
            isinstance(part, str) and part for pair in by_rule.items() for part in pair
        ):
            raise RuleError(f"aliases.{alias}: expected a mapping of rules to fields")
        aliases[str(alias)] = {str(rule): str(name) for rule, name in by_rule.items()}
    return aliases


def _comparisons(condition: Mapping[Any, Any]) -> tuple[Comparison, ...]:
    if unknown := [str(key) for key in condition if key not in _CONDITION_KEYS]:
        raise RuleError(f"condition: unknown key {_quoted(unknown)}")
    comparisons = tuple(
        Comparison(name, _number(f"condition.{name}", condition[name]))
        for name in OPERATORS
        if name in condition
    )
    if not 1 <= len(comparisons) <= 2:
        raise RuleError("condition: expected one operator, or two for a range")
    return comparisons


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError(f"{key}: {_cut(value)} is not a number")
    if not abs(value) <= sys.float_info.max:
        raise RuleError(f"{key}: not a number that a double can hold")
    return value


def _compared(kind: CorrelationType, condition: Mapping[Any, Any]) -> tuple[str, ...]:
    if kind not in VALUE_TYPES:
        if "field" in condition:
            raise RuleError(f"condition.field: {kind} compares no field")
        return ()
    fields = _texts("condition.field", condition.get("field", []))
    if not fields:
        raise RuleError(f"condition.field: {kind} needs the field to compare")
    if len(fields) > 1 and kind is not CorrelationType.VALUE_COUNT:
        raise RuleError(f"condition.field: {kind} compares one field")
    return fields


def _percentile(kind: CorrelationType, condition: Mapping[Any, Any]) -> Fraction:
    if kind is not CorrelationType.VALUE_PERCENTILE:
        if "percentile" in condition:
            raise RuleError(f"condition.percentile: {kind} takes none")
        return Fraction(50)
    if "percentile" not in condition:
        raise RuleError("condition.percentile: required, a number from 0 to 100")
    value = _number("condition.percentile", condition["percentile"])
    if not 0 <= value <= 100:
        raise RuleError(f"condition.percentile: {value} does not lie between 0 and 100")
    return Fraction(repr(value))


def _cut(value: object) -> str:
    """`value` as a message quotes it."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
