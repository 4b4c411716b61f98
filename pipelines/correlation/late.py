"""Late matches that correlations could not take in: what a backfill should run again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.pipelines.correlation.keys import Canonical, group_values
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import CorrelationRule
from tocsin.pipelines.correlation.windows import EVENT, KEY, RULE, TIME, Entry

MAX_GROUPS = 10_000
"""Groups listed between two takings; more are counted, not listed."""

MAX_MATCHES = 100_000
"""Late matches remembered, so that one that comes again is no second one (DELIVERY §4.5)."""


@dataclass(frozen=True, slots=True)
class LateGroup:
    """Late matches of one rule and group: how many, and the span of periods they may change."""

    organization: str
    rule: str
    group: Mapping[str, Canonical]
    period_start: int
    period_end: int
    matches: int


class LateGroups:
    """Late matches by (organisation, rule, group), each match once, bounded."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str, str], tuple[CorrelationRule, int, int, int]] = {}
        self._seen: dict[tuple[str, str, str, str, int], None] = {}
        self.unlisted = 0

    def add(self, organization: str, rule: CorrelationRule, entry: Entry) -> bool:
        """Note a late match; False for one that was noted before."""
        match = (organization, rule.id, entry[KEY], entry[EVENT], entry[RULE])
        if match in self._seen:
            return False
        self._seen[match] = None
        if len(self._seen) > MAX_MATCHES:
            del self._seen[next(iter(self._seen))]
        key = match[:3]
        start, end = affected_periods(rule, entry[TIME])
        if key in self._spans:
            _, known_start, known_end, count = self._spans[key]
            self._spans[key] = (rule, min(start, known_start), max(end, known_end), count + 1)
        elif len(self._spans) < MAX_GROUPS:
            self._spans[key] = (rule, start, end, 1)
        else:
            self.unlisted += 1
        return True

    def take(self) -> list[LateGroup]:
        """What was noted since the last taking, in order; what was seen stays remembered."""
        groups = [
            LateGroup(organization, rule_id, group_values(key, rule.group_by), start, end, count)
            for (organization, rule_id, key), (rule, start, end, count) in sorted(
                self._spans.items(), key=lambda item: item[0]
            )
        ]
        self._spans.clear()
        self.unlisted = 0
        return groups

    def snapshot(self) -> dict[str, Any]:
        """What `load` takes back."""
        spans = [[*key, start, end, n] for key, (_, start, end, n) in self._spans.items()]
        return {"spans": spans, "seen": list(self._seen), "unlisted": self.unlisted}

    def load(self, saved: Mapping[str, Any], plan: CorrelationPlan) -> None:
        """Take back what was noted, as far as its rules are in `plan`."""
        rules = {rule.id: rule for rule in plan.rules}
        for organization, rule_id, key, start, end, count in saved["spans"]:
            if rule_id in rules:
                self._spans[organization, rule_id, key] = (rules[rule_id], start, end, count)
        for organization, rule_id, key, event_id, reference in saved["seen"]:
            self._seen[organization, rule_id, key, event_id, reference] = None
        self.unlisted = saved["unlisted"]


def affected_periods(rule: CorrelationRule, time: int) -> tuple[int, int]:
    """Start and end of the periods whose alerts a match at `time` may change.

    A window that looks back and holds it is judged up to a timespan later, one that looks forward
    up to a timespan earlier; a run of matches may start elsewhere up to a timespan later, too.
    """
    earliest = time - (rule.timespan if rule.forward else 0)
    latest = time + (0 if rule.forward and rule.expression is not None else rule.timespan)
    return rule.period_start(earliest), rule.period_start(latest) + rule.period
