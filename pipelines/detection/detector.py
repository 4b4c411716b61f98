"""Detection over batches of events: which rules match which of them.

    rules ──▶ planner (`plan`) ──▶ matcher (`match`) ──▶ verdicts ──▶ matches

Exceptions are left to the reference: they look at the time, and matches of their rules are few.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.cache import Memory
from tocsin.pipelines.detection.match import Matcher
from tocsin.pipelines.detection.plan import Finding, Planner
from tocsin.pipelines.detection.rules import DetectionRule, RuleSet
from tocsin.schemas.events import Event

MEMORY = 64 << 20
"""Bytes of caches. With less, values that come again are worked out again."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Compiled rules. `excepted` counts the matches that each exception took away, by its id."""

    matcher: Matcher
    excepted: Counter[str] = field(default_factory=Counter)

    def match(
        self, events: Sequence[Event], lines: Sequence[bytes] | None = None
    ) -> list[tuple[int, DetectionRule]]:
        """Every match as (index into `events`, rule), sorted by index, then rule id.

        `lines` may be the JSON texts that the events were read from; keywords are then looked for
        in them first, which is faster.
        """
        return [
            (index, rule)
            for index, rule in self.matcher.matches(events, lines)
            if not rule.exceptions or not self._excepted(rule, events[index])
        ]

    def stands(self, finding: Finding, event: Event) -> bool:
        """Whether a finding holds for `event` with what is open settled, and is not excepted."""
        if finding.open and not self.matcher.holds(finding, event):
            return False
        return not self._excepted(finding.rule, event)

    def _excepted(self, rule: DetectionRule, event: Event) -> bool:
        exceptions = reference.exceptions(rule, event)
        self.excepted.update(exception.id for exception in exceptions)
        return bool(exceptions)


def compile_rules(rules: RuleSet, *, memory: int = MEMORY) -> Detector:
    """The detector of all detection rules; those whose log source nothing feeds are left out.

    `memory` bounds its caches, in bytes; nothing but speed depends on it.
    """
    native = any(rule.native for rule in rules.detections)
    return Detector(Matcher(Planner(rules.detections), Memory(memory), native=native))
