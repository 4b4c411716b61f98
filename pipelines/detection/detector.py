"""Detection over batches of events: which rules match which of them.

Rules of the same log source share a gate. An event is asked for its gates' witnesses first, one
field for each alternative of a gate, so that the gates of other sources cost a look-up together.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.ir import Node
from tocsin.pipelines.detection.rules import DetectionRule, RuleSet
from tocsin.schemas.events import Event
from tocsin.schemas.sigma import Gate
from tocsin.schemas.values import canonical

Key = str | bool | None


@dataclass(frozen=True, slots=True)
class _Group:
    """The rules that share a gate, in the order of their ids."""

    gate: Node
    rules: tuple[DetectionRule, ...]


@dataclass(frozen=True, slots=True)
class Detector:
    """Compiled rules. `excepted` counts the matches that each exception took away, by its id."""

    always: tuple[_Group, ...]
    witnesses: dict[str, dict[Key, tuple[_Group, ...]]]
    excepted: Counter[str] = field(default_factory=Counter)

    def match(self, events: Sequence[Event]) -> list[tuple[int, DetectionRule]]:
        """Every match as (index into `events`, rule), sorted by index, then rule id."""
        found: list[tuple[int, DetectionRule]] = []
        for index, event in enumerate(events):
            matching = [
                rule
                for group in self._groups(event)
                if reference.holds(group.gate, event)
                for rule in group.rules
                if self._matches(rule, event)
            ]
            matching.sort(key=lambda rule: rule.info.id)
            found.extend((index, rule) for rule in matching)
        return found

    def _groups(self, event: Event) -> Iterable[_Group]:
        """The groups to which `event` may belong, each once."""
        groups = {id(group): group for group in self.always}
        for name, by_value in self.witnesses.items():
            if name in event:
                for value in reference.elements(event[name]):
                    for group in by_value.get(canonical(value), ()):
                        groups[id(group)] = group
        return groups.values()

    def _matches(self, rule: DetectionRule, event: Event) -> bool:
        if not reference.holds(rule.condition, event):
            return False
        exceptions = reference.exceptions(rule, event)
        self.excepted.update(exception.id for exception in exceptions)
        return not exceptions


def compile_rules(rules: RuleSet) -> Detector:
    """The detector of all detection rules; those whose log source nothing feeds are left out."""
    by_gate: dict[str, list[DetectionRule]] = defaultdict(list)
    for rule in sorted(rules.detections, key=lambda rule: rule.info.id):
        if rule.fields.gate is not None:
            by_gate[repr(rule.fields.gate)].append(rule)
    always: list[_Group] = []
    witnesses: dict[str, dict[Key, tuple[_Group, ...]]] = defaultdict(dict)
    for sharing in by_gate.values():
        group = _Group(sharing[0].gate, tuple(sharing))
        found = list(_witnesses(sharing[0].fields.gate or ()))
        if None in found:
            always.append(group)
            continue
        for witness in found:
            if witness is not None:
                name, value = witness
                witnesses[name][value] = (*witnesses[name].get(value, ()), group)
    return Detector(tuple(always), dict(witnesses))


def _witnesses(gate: Gate) -> Iterable[tuple[str, Key] | None]:
    """For each alternative the values of one field that it asks for; None where it asks for none.

    The field with the fewest values tells most.
    """
    for alternative in gate:
        named = [(name, values) for name, values in alternative.items() if values]
        if not named:
            yield None
            continue
        name, values = min(named, key=lambda each: len(each[1]))
        for value in values:
            yield name, canonical(value)
