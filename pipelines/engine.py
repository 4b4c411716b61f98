"""Rules loaded and compiled as one: what the hosts hand to the stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from tocsin.pipelines.correlation.plan import (
    CorrelationPlan,
    compile_correlations,
)
from tocsin.pipelines.detection.collector import collections_held
from tocsin.pipelines.detection.detector import Detector, compile_rules
from tocsin.pipelines.detection.rules import Refusal, RuleSet
from tocsin.pipelines.detection.store import stored_rules

SHIPPED = Path(str(files("tocsin.correlation_rules")))
"""The directory of the rules that come with Tocsin."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that rules say: which events match, and what sets of matches mean.

    `refusals` are the rules that do not run, with path, line and reason.
    """

    rules: RuleSet
    detector: Detector
    correlations: CorrelationPlan
    refusals: tuple[Refusal, ...]


def load_engine(
    paths: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    native: bool = False,
    placeholders: Mapping[str, Sequence[str]] | None = None,
    cache_folder: Path | None = None,
) -> Engine:
    """The engine of the rules in `paths` (files and directories), or of the shipped ones.

    Rules whose id is in `exclude` do not run; `placeholders` has the values of `%name%`. In
    `cache_folder` rules are kept as they were read. Raises OSError for a path that cannot be read.
    """
    with collections_held():
        rules = stored_rules(
            paths or [SHIPPED], cache_folder, native=native, placeholders=placeholders
        )
        if exclude:
            rules = _without(rules, exclude)
        plan = compile_correlations(rules)
        return Engine(rules, compile_rules(rules), plan, rules.refusals + plan.refusals)


def _without(rules: RuleSet, excluded: Sequence[str]) -> RuleSet:
    return replace(
        rules,
        detections=tuple(rule for rule in rules.detections if rule.info.id not in excluded),
        correlations=tuple(rule for rule in rules.correlations if rule.info.id not in excluded),
    )
