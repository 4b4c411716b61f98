"""What each rule costs by itself: `tocsin rules cost`.

A rule is compiled alone and run over the same events, from empty caches. Together rules share most
of their work, so the costs do not add up; but a rule that stands out here has a keyword, a regular
expression or a condition worth another thought.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.rules import DetectionRule, RuleSet
from tocsin.schemas.events import Event

BATCH = 256
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """A rule with its processor time for an event, in microseconds, and its matches."""

    rule: DetectionRule
    microseconds: float
    matches: int


def rule_costs(rules: RuleSet, events: Sequence[Event]) -> list[Cost]:
    """The cost of every detection that something feeds, the highest first, then by RULE ID."""
    costs = [
        _cost(replace(rules, detections=(rule,)), events)
        for rule in rules.detections
        if rule.fields.gate is not None
    ]
    return sorted(costs, key=lambda cost: (-cost.microseconds, cost.rule.info.id))


def _cost(rules: RuleSet, events: Sequence[Event]) -> Cost:
    """The best of some rounds, the first of which makes the plans."""
    detector = compile_rules(rules)
    best = float("inf")
    matches = 0
    for _ in range(ROUNDS):
        detector.matcher.memory.empty()
        start = time.process_time()
        batches = (events[at : at + BATCH] for at in range(0, len(events), BATCH))
        matches = sum(len(detector.match(batch)) for batch in batches)
        best = min(best, time.process_time() - start)
    return Cost(rules.detections[0], best * 1e6 / max(1, len(events)), matches)
