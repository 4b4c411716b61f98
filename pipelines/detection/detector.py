"""Detection over batches of events: which rules match which of them.

    rules ──▶ planner (`plan`) ──▶ matcher (`match`) ──▶ verdicts ──▶ matches

The matcher says which rules hold by what can be looked up. Here the rest is settled, for the few
events that have any: rules with keywords where one may stand, references to other fields, and
exceptions. Whatever is settled here, the reference says.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.cache import Memory
from tocsin.pipelines.detection.match import Matcher, Running
from tocsin.pipelines.detection.plan import Planner, Prepared, Verdict
from tocsin.pipelines.detection.rules import DetectionRule, RuleSet
from tocsin.schemas.events import Event

MEMORY = 64 << 20
"""Bytes of caches. With less, values that come again are worked out again."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Compiled rules. `excepted` counts the matches that each exception took away, by its id."""

    matcher: Matcher
    native: bool
    excepted: Counter[str] = field(default_factory=Counter)

    def match(
        self, events: Sequence[Event], lines: Sequence[bytes] | None = None
    ) -> list[tuple[int, DetectionRule]]:
        """Every match as (index into `events`, rule), sorted by index, then rule id.

        `lines` may be the JSON texts that the events were read from; keywords are then looked for
        in them first, which is faster.
        """
        found: list[tuple[int, DetectionRule]] = []
        for index, running, verdict in self.matcher.verdicts(events):
            event = events[index]
            keywords = running.keywords
            line = None if lines is None else lines[index]
            if keywords is not None and keywords.may_stand_in(event, line, native=self.native):
                verdict = _with_keywords(running, verdict, event)  # noqa: PLW2901
            found += [
                (index, prepared.rule)
                for prepared in verdict
                if not prepared.approximate or self._confirmed(prepared.rule, event)
            ]
        return found

    def _confirmed(self, rule: DetectionRule, event: Event) -> bool:
        if not reference.fires(rule, event):
            return False
        exceptions = reference.exceptions(rule, event)
        self.excepted.update(exception.id for exception in exceptions)
        return not exceptions


def _with_keywords(running: Running, verdict: Verdict, event: Event) -> Verdict:
    """The verdict on an event in which keywords may stand."""
    found = [prepared for prepared in verdict if not prepared.keywords]
    found += [each for each in running.plan.keyword_rules if reference.fires(each.rule, event)]
    return tuple(sorted(found, key=_rule_id))


def _rule_id(prepared: Prepared) -> str:
    return prepared.rule.info.id


def compile_rules(rules: RuleSet, *, memory: int = MEMORY) -> Detector:
    """The detector of all detection rules; those whose log source nothing feeds are left out.

    `memory` bounds its caches, in bytes; nothing but speed depends on it.
    """
    planner = Planner.of(rules.detections)
    native = any(rule.native for rule in rules.detections)
    return Detector(Matcher(planner, Memory(memory)), native)
