"""Feeds: which correlations count the matches of a rule, and what they read of its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tocsin.pipelines.correlation.keys import compared_value, group_keys
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import NUMERIC_TYPES, Targets

MISSING_GROUP = "correlation.matches.ungrouped"
MISSING_VALUE = "correlation.matches.valueless"
DROPPED = "correlation.groups.dropped"


class Reading(NamedTuple):
    """The groups that a match counts in and its compared value; or what it lacks (§3.2, §3.4)."""

    keys: Sequence[str]
    value: str | None = None
    dropped: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """From a rule to one correlation: indices in the plan's rules and in the references."""

    rule_index: int
    rule_id: str
    reference_index: int
    group: tuple[Targets, ...]
    compared: tuple[Targets, ...]
    numeric: bool
    suppression: bool

    def read(self, fields: Mapping[str, Any]) -> Reading:
        """What a match with `fields` is to the correlation."""
        keys, dropped = group_keys(fields, self.group, null_if_missing=self.suppression)
        if not keys:
            return Reading((), missing=MISSING_GROUP)
        if not self.compared:
            return Reading(keys, None, dropped)
        value, lost = compared_value(fields, self.compared, numeric=self.numeric)
        if value is None:
            return Reading((), missing=MISSING_VALUE)
        return Reading(keys, value, dropped + lost)


def feeds_of(plan: CorrelationPlan) -> dict[str, list[Feed]]:
    """The feeds of `plan` by the RULE ID that they start from.

    A suppression reads the matches of its detection, which other correlations see as well.
    """
    feeds: dict[str, list[Feed]] = {}
    for rule_index, rule in enumerate(plan.rules):
        if rule.suppression and rule.id in plan.silent:
            continue
        for reference_index, reference in enumerate(rule.references):
            feeds.setdefault(reference.rule, []).append(
                Feed(
                    rule_index=rule_index,
                    rule_id=rule.id,
                    reference_index=reference_index,
                    group=reference.group,
                    compared=reference.compared,
                    numeric=rule.type in NUMERIC_TYPES,
                    suppression=rule.suppression,
                )
            )
    return feeds
