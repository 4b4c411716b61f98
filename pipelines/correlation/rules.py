"""Correlation rules, compiled: what to count, in which groups, over which windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from tocsin.pipelines.correlation.conditions import Comparison, Node
from tocsin.pipelines.detection.rules import CorrelationDocument, RuleInfo


class CorrelationType(StrEnum):
    """The types of the Sigma specification, and `value_median`, which pySigma adds."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


NUMERIC_TYPES = frozenset(
    {
        CorrelationType.VALUE_SUM,
        CorrelationType.VALUE_AVG,
        CorrelationType.VALUE_PERCENTILE,
        CorrelationType.VALUE_MEDIAN,
    }
)
VALUE_TYPES = NUMERIC_TYPES | {CorrelationType.VALUE_COUNT}
TEMPORAL_TYPES = frozenset({CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED})

Targets = tuple[str, ...]
"""Event fields that one Sigma field maps to; the first that is present counts (§3.2)."""


class ReferencedRule(Protocol):
    """A detection as correlations see it."""

    @property
    def info(self) -> RuleInfo:
        """What is known of the rule."""

    def field_targets(self, field: str, /) -> tuple[str, ...]:
        """The event fields that `field` maps to in this rule, in order of preference."""


class RuleSource(Protocol):
    """Loaded rules: what `tocsin.pipelines.detection.load_rules` gives."""

    @property
    def detections(self) -> Sequence[ReferencedRule]:
        """The accepted detections."""

    @property
    def correlations(self) -> Sequence[CorrelationDocument]:
        """The correlation documents, unread."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule that a correlation refers to, and the event fields that stand for its own.

    `group` and `compared` have one entry for each name of `group-by` and of `field`.
    """

    rule: str
    group: tuple[Targets, ...]
    compared: tuple[Targets, ...] = ()
    is_correlation: bool = False


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A correlation that has exactly one meaning. Spans of time are in microseconds.

    Either `comparisons` are given, or `expression` (an extended `temporal` condition), or
    `sequence` (an extended `temporal_ordered` one: the references that must follow each other).
    `digest` covers the rule, those it refers to and their fields: it changes with the meaning.
    `forward` is the direction of §4.2. A `suppression` rule is a detection's own (§5.5).
    """

    info: RuleInfo
    type: CorrelationType
    references: tuple[Reference, ...]
    group_by: tuple[str, ...]
    timespan: int
    period: int
    digest: str
    comparisons: tuple[Comparison, ...] = ()
    expression: Node | None = None
    sequence: tuple[int, ...] = ()
    percentile: Fraction = Fraction(50)
    generate: bool = False
    forward: bool = False
    suppression: bool = False

    @property
    def id(self) -> str:
        """The RULE ID."""
        return self.info.id

    def period_start(self, time: int) -> int:
        """The start of the period that holds `time` (§1.3)."""
        return time - time % self.period

    @property
    def reach(self) -> int:
        """How far after its judged match a window still needs matches."""
        return self.timespan if self.forward else 0

    @property
    def own_horizon(self) -> int:
        """The horizon of §6.1 without lateness and without the rules below."""
        return self.period + self.timespan + self.reach

    @property
    def monotone(self) -> bool:
        """Whether one match more can only add alerts, so that a late one may revise (§4.6)."""
        return (
            not self.forward
            and self.type not in NUMERIC_TYPES
            and all(comparison.operator != "eq" for comparison in self.comparisons)
        )
