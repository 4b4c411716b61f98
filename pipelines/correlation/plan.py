"""The plan: compiled correlations with what follows from how they refer to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tocsin.pipelines.correlation.compile import compile_rules
from tocsin.pipelines.correlation.conditions import all_hold
from tocsin.pipelines.correlation.rules import CorrelationRule, RuleSource
from tocsin.pipelines.detection.rules import Refusal, RuleInfo
from tocsin.schemas.times import MINUTE

DEFAULT_LATENESS = MINUTE
"""How far, in microseconds, the watermark stays behind the highest time seen (DELIVERY §4.3)."""


@dataclass(frozen=True)
class CorrelationPlan:
    """Everything the correlator needs of a rule set; `rules` has inner correlations first.

    `refusals` are rules that will not run, `warnings` those that run but may surprise.
    `staged` names correlations that are tried out: they silence no other rule.
    """

    rules: tuple[CorrelationRule, ...]
    refusals: tuple[Refusal, ...] = ()
    lateness: int = DEFAULT_LATENESS
    staged: frozenset[str] = frozenset()
    infos: Mapping[str, RuleInfo] = field(default_factory=dict, repr=False)

    @cached_property
    def correlations(self) -> Mapping[str, CorrelationRule]:
        """The correlation rules, suppressions left out, by RULE ID."""
        return {rule.id: rule for rule in self.rules if not rule.suppression}

    @cached_property
    def outer(self) -> Mapping[str, tuple[CorrelationRule, ...]]:
        """By RULE ID of a correlation, the correlations that refer to it."""
        return {
            inner: tuple(
                rule
                for rule in self.rules
                if any(ref.is_correlation and ref.rule == inner for ref in rule.references)
            )
            for inner in self.correlations
        }

    def inner(self, rule: CorrelationRule) -> list[CorrelationRule]:
        """The correlations that `rule` refers to."""
        return [self.correlations[ref.rule] for ref in rule.references if ref.is_correlation]

    @cached_property
    def fields_by_rule(self) -> Mapping[str, frozenset[str]]:
        """By RULE ID of a detection, the event fields that its matches must carry."""
        fields: dict[str, set[str]] = {}
        for rule in self.rules:
            for reference in rule.references:
                if not reference.is_correlation:
                    targets = (*reference.group, *reference.compared)
                    fields.setdefault(reference.rule, set()).update(*targets)
        return {rule: frozenset(names) for rule, names in fields.items()}

    @cached_property
    def silent(self) -> frozenset[str]:
        """RULE IDs that give no alert of their own (§5.7).

        A correlation that others refer to is as silent as a detection: the specification's
        `generate` speaks of all referred rules.
        """
        generating: dict[str, list[bool]] = {}
        for rule in self.rules:
            if not rule.suppression and rule.id not in self.staged:
                for reference in rule.references:
                    generating.setdefault(reference.rule, []).append(rule.generate)
        return frozenset(rule for rule, generates in generating.items() if not any(generates))

    @cached_property
    def suppressed(self) -> frozenset[str]:
        """RULE IDs of detections that give one alert a group and period instead of an event."""
        return frozenset(rule.id for rule in self.rules if rule.suppression)

    def lag(self, rule: CorrelationRule) -> int:
        """How far `rule` runs behind the watermark: the most forward time below it (§5.6)."""
        return self._lags[rule.id] if not rule.suppression else 0

    @cached_property
    def _lags(self) -> Mapping[str, int]:
        lags: dict[str, int] = {}
        for rule in self.correlations.values():
            below = [lags[inner.id] + inner.reach for inner in self.inner(rule)]
            lags[rule.id] = max(below, default=0)
        return lags

    def horizon(self, rule: CorrelationRule) -> int:
        """The horizon of `rule` in microseconds (§6.1)."""
        below = max((self.horizon(inner) for inner in self.inner(rule)), default=0)
        return rule.own_horizon + self.lateness + below

    def lookback(self, rule: CorrelationRule) -> int:
        """How far before the start of a period matches can decide of its alert."""
        below = max((inner.period + self.lookback(inner) for inner in self.inner(rule)), default=0)
        return rule.timespan + below

    @property
    def longest_horizon(self) -> int:
        """The largest horizon of all rules, 0 without rules: what the matches topic must keep."""
        return max((self.horizon(rule) for rule in self.rules), default=0)

    @cached_property
    def warnings(self) -> tuple[Refusal, ...]:
        """What `check` should say of rules that run but may mean something else than meant."""
        found = []
        for rule in self.correlations.values():
            reasons = (_forward_warning(rule), _chain_warning(rule, self.inner(rule)))
            found += [rule.info.refusal(why) for why in reasons if why]
        return tuple(sorted(found))


def compile_correlations(
    ruleset: RuleSource, *, lateness: int = DEFAULT_LATENESS
) -> CorrelationPlan:
    """The plan of the correlations in `ruleset`; a rule that is refused does not stop the others.

    `lateness` is in microseconds.
    """
    rules, refusals = compile_rules(ruleset)
    staged = frozenset(
        rule.id for rule in rules if not rule.suppression and rule.info.tocsin.get("staged")
    )
    infos = {rule.info.id: rule.info for rule in ruleset.detections}
    infos |= {rule.id: rule.info for rule in rules}
    return CorrelationPlan(rules, tuple(sorted(refusals)), lateness, staged, infos)


def _forward_warning(rule: CorrelationRule) -> str | None:
    if not rule.forward or not rule.comparisons:
        return None
    return (
        "a condition with lt, lte or neq is judged once for each run of matches less than a"
        " timespan apart, at the run's first match"
    )


def _chain_warning(rule: CorrelationRule, inner: list[CorrelationRule]) -> str | None:
    """A warning where one match a period of each inner group can never reach the threshold.

    A window of length T meets at most T // period + 2 periods. An inner rule that groups more
    finely gives any number of matches.
    """
    countable = rule.type.value in {"event_count", "value_count"} and rule.comparisons
    if not countable or len(inner) < len(rule.references):
        return None
    if any(set(one.group_by) != set(rule.group_by) for one in inner):
        return None
    most = sum(rule.timespan // one.period + 2 for one in inner)
    if any(all_hold(rule.comparisons, count) for count in range(1, most + 1)):
        return None
    return (
        f"the correlations that this rule counts give one match a period, at most {most} in its"
        " timespan: its threshold cannot be reached"
    )
