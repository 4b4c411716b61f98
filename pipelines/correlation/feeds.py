"""Feeds: which correlations count the matches of a rule, and what they read of its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tocsin.pipelines.correlation.keys import (
    SHORT,
    compared_value,
    group_keys,
    short_key,
    text_key,
    text_value,
)
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import (
    NUMERIC_TYPES,
    CorrelationRule,
    CorrelationType,
    Reference,
    Targets,
)
from tocsin.pipelines.correlation.windows import Entry

MISSING_GROUP = "correlation.matches.ungrouped"
MISSING_VALUE = "correlation.matches.valueless"
DROPPED = "correlation.groups.dropped"
LATE = "correlation.matches.late"
EVICTED = "correlation.matches.evicted"

REASONS = {
    MISSING_GROUP: "matches lack a field that it groups by",
    MISSING_VALUE: "matches lack the value that it compares",
    DROPPED: "groups or tuples were more than one match may bring",
    LATE: "matches came too late",
    EVICTED: "matches had to make room for later ones",
}
"""What a correlation did not count, after the number of these."""


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
    one_group: str | None
    one_value: str | None

    def single_entry(self, time: int, event_id: str, fields: Mapping[str, Any]) -> Entry | None:
        """The entry of a match of the commonest shape, None for all others.

        That is one text to group by, and one text or whole number, or nothing, to compare. It is
        what `read` comes to as well, in a quarter of the time.
        """
        if self.one_group is None:
            return None
        group = fields.get(self.one_group)
        if type(group) is not str:
            return None
        # What `text_key` does, without the call.
        key = short_key(group) if len(group) <= SHORT else text_key(group)
        if self.one_value is None:
            return (time, key, event_id, self.reference_index, None)
        value = fields.get(self.one_value)
        if type(value) is str:
            return (time, key, event_id, self.reference_index, text_value(value))
        if type(value) is int:
            return (time, key, event_id, self.reference_index, str(value))
        return None

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
                    one_group=_only(reference.group) if _simple(rule, reference) else None,
                    one_value=_only(reference.compared),
                )
            )
    return feeds


def _simple(rule: CorrelationRule, reference: Reference) -> bool:
    """Whether matches may be of the shape of `Feed.single_entry`."""
    if not reference.compared:
        return True
    return rule.type is CorrelationType.VALUE_COUNT and _only(reference.compared) is not None


def _only(targets: tuple[Targets, ...]) -> str | None:
    """The one event field of one name, where there is no more to it."""
    return targets[0][0] if len(targets) == 1 and len(targets[0]) == 1 else None
