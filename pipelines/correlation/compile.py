"""Documents to compiled rules: names resolved, fields mapped, everything else refused.

A correlation may refer to correlations, so they are compiled innermost first; what refers to a
refused rule is refused in its turn, and all others go on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tocsin.pipelines.correlation.conditions import (
    FORWARD_OPERATORS,
    And,
    Comparison,
    ConditionError,
    Name,
    Node,
    check_expression,
    check_thresholds,
    names,
    negates,
    parse_expression,
    positive_names,
)
from tocsin.pipelines.correlation.documents import (
    Draft,
    RuleError,
    SuppressionDraft,
    line_of,
    read_document,
    read_suppression,
)
from tocsin.pipelines.correlation.rules import (
    TEMPORAL_TYPES,
    VALUE_TYPES,
    CorrelationRule,
    CorrelationType,
    Reference,
    ReferencedRule,
    RuleSource,
    Targets,
)
from tocsin.pipelines.detection.rules import Refusal, RuleInfo
from tocsin.schemas.identity import digest

_AT_LEAST_ONE = (Comparison("gte", 1),)


def compile_rules(ruleset: RuleSource) -> tuple[tuple[CorrelationRule, ...], list[Refusal]]:
    """The correlations and suppressions of `ruleset`, inner ones first, and what was refused."""
    refusals: list[Refusal] = []
    drafts: list[Draft] = []
    for document in ruleset.correlations:
        try:
            drafts.append(read_document(document))
        except RuleError as error:
            refusals.append(_refusal(document.info, str(error), document.body))
    bodies = {document.info.id: document.body for document in ruleset.correlations}
    compiled = _Compiler(ruleset.detections, drafts, bodies, refusals).run()
    return (*compiled, *_suppressions(ruleset.detections, refusals)), refusals


def _refusal(info: RuleInfo, reason: str, body: Mapping[str, Any]) -> Refusal:
    return info.refusal(reason, line_of(body, reason))


class _Compiler:
    """One compilation: a walk in depth, as an inner rule must be there before its outer one."""

    def __init__(
        self,
        detections: Iterable[ReferencedRule],
        drafts: list[Draft],
        bodies: Mapping[str, Mapping[str, Any]],
        refusals: list[Refusal],
    ) -> None:
        self._detections = {rule.info.id: rule for rule in detections}
        self._drafts = {draft.info.id: draft for draft in drafts}
        self._ids = _ids_by_name([*self._detections.values(), *drafts])
        self._compiled: dict[str, CorrelationRule | None] = {}
        self._open: list[str] = []
        self._bodies = bodies
        self._refusals = refusals

    def run(self) -> tuple[CorrelationRule, ...]:
        for rule_id in self._drafts:
            self._compile(rule_id)
        return tuple(rule for rule in self._compiled.values() if rule is not None)

    def _compile(self, rule_id: str) -> CorrelationRule | None:
        """The rule of that id, or None where it was refused."""
        if rule_id not in self._compiled:
            self._open.append(rule_id)
            try:
                rule = self._resolve(self._drafts[rule_id])
            except (RuleError, ConditionError) as error:
                named = isinstance(error, RuleError)
                reason = str(error) if named else f"condition: {error}"
                info, body = self._drafts[rule_id].info, self._bodies[rule_id]
                self._refusals.append(_refusal(info, reason, body))
                rule = None
            self._open.pop()
            self._compiled[rule_id] = rule
        return self._compiled[rule_id]

    def _resolve(self, draft: Draft) -> CorrelationRule:
        listed = draft.rules or _named(draft)
        if not listed:
            raise RuleError("rules: expected the names or ids of the rules to correlate")
        ids = tuple(dict.fromkeys(self._id(name) for name in listed))
        aliases = self._aliases(draft, ids)
        references = tuple(self._reference(draft, rule_id, aliases) for rule_id in ids)
        rule = CorrelationRule(
            info=draft.info,
            type=draft.type,
            references=references,
            group_by=draft.group_by,
            timespan=draft.timespan,
            period=draft.period,
            digest=self._digest(draft, references),
            percentile=draft.percentile,
            generate=draft.generate,
        )
        if draft.expression is not None:
            index_of = partial(self._index, ids=ids)
            return _extended(rule, parse_expression(draft.expression, index_of))
        return _threshold(rule, draft.comparisons)

    def _id(self, name: str) -> str:
        ids = self._ids.get(name, [])
        if not ids:
            raise RuleError(f'rules: unknown rule "{name}"')
        if len(ids) > 1:
            raise RuleError(f'rules: "{name}" names {len(ids)} rules')
        return ids[0]

    def _index(self, name: str, ids: tuple[str, ...]) -> int:
        rule_id = self._id(name)
        if rule_id not in ids:
            raise RuleError(f'condition: "{name}" is not among the rules')
        return ids.index(rule_id)

    def _aliases(self, draft: Draft, ids: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """Fields by alias and rule id; an alias must name every referenced rule (§3.2)."""
        aliases = {}
        for alias, by_name in draft.aliases.items():
            by_id = {self._id(name): target for name, target in by_name.items()}
            for rule_id in ids:
                if rule_id not in by_id:
                    raise RuleError(f'aliases.{alias}: names no field for rule "{rule_id}"')
            if extra := [rule_id for rule_id in by_id if rule_id not in ids]:
                raise RuleError(f'aliases.{alias}: "{extra[0]}" is not among the rules')
            aliases[alias] = by_id
        return aliases

    def _reference(
        self, draft: Draft, rule_id: str, aliases: Mapping[str, Mapping[str, str]]
    ) -> Reference:
        def targets(name: str) -> Targets:
            written = aliases[name][rule_id] if name in aliases else name
            return self._targets(rule_id, written)

        is_correlation = rule_id in self._drafts
        if is_correlation:
            self._inner(rule_id)
        return Reference(
            rule=rule_id,
            group=tuple(targets(name) for name in draft.group_by),
            compared=tuple(targets(name) for name in draft.compared),
            is_correlation=is_correlation,
        )

    def _inner(self, rule_id: str) -> CorrelationRule:
        if rule_id in self._open:
            circle = " -> ".join([*self._open[self._open.index(rule_id) :], rule_id])
            raise RuleError(f"rules: the correlations refer to each other in a circle: {circle}")
        inner = self._compile(rule_id)
        if inner is None:
            raise RuleError(f'rules: correlation "{rule_id}" was refused')
        return inner

    def _targets(self, rule_id: str, name: str) -> Targets:
        if rule_id not in self._drafts:
            return tuple(self._detections[rule_id].field_targets(name)) or (name,)
        group_by = self._inner(rule_id).group_by
        if name not in group_by:
            raise RuleError(
                f'field "{name}": correlation "{rule_id}" has only the fields it groups by'
                f" ({', '.join(group_by) or 'none'})"
            )
        return (name,)

    def _digest(self, draft: Draft, references: tuple[Reference, ...]) -> str:
        parts = [draft.info.digest]
        for reference in references:
            inner = self._compiled.get(reference.rule)
            below = inner.digest if inner else self._detections[reference.rule].info.digest
            parts += [reference.rule, below, repr(reference.group), repr(reference.compared)]
        return digest(*parts)


def _ids_by_name(rules: Iterable[ReferencedRule | Draft]) -> dict[str, list[str]]:
    """RULE IDs by each name that may stand in `rules`: the id itself, and the `name`."""
    ids: dict[str, list[str]] = {}
    for rule in rules:
        for name in dict.fromkeys((rule.info.id, rule.info.name)):
            if name is not None and rule.info.id not in ids.setdefault(name, []):
                ids[name].append(rule.info.id)
    return ids


def _named(draft: Draft) -> tuple[str, ...]:
    """The names in an extended condition, in order: its rules, where `rules` is not given."""
    named: list[str] = []

    def index_of(name: str) -> int:
        named.append(name)
        return 0

    if draft.expression is not None:
        parse_expression(draft.expression, index_of)
    return tuple(named)


def _threshold(rule: CorrelationRule, comparisons: tuple[Comparison, ...]) -> CorrelationRule:
    rules = len(rule.references)
    counts = rule.type in TEMPORAL_TYPES or rule.type not in VALUE_TYPES
    comparisons = comparisons or (Comparison("gte", rules),)
    check_thresholds(
        comparisons,
        counts=counts or rule.type is CorrelationType.VALUE_COUNT,
        most=rules if rule.type in TEMPORAL_TYPES else None,
    )
    forward = any(comparison.operator in FORWARD_OPERATORS for comparison in comparisons)
    return replace(rule, comparisons=comparisons, forward=forward)


def _extended(rule: CorrelationRule, tree: Node) -> CorrelationRule:
    if rule.type is CorrelationType.TEMPORAL_ORDERED:
        operands = tree.operands if isinstance(tree, And) else (tree,)
        if not all(isinstance(operand, Name) for operand in operands):
            raise RuleError('condition: temporal_ordered takes names joined by "and" only')
        sequence = tuple(sorted(names(tree)))
        check_expression(tree, len(rule.references))
        return replace(rule, sequence=sequence)
    check_expression(tree, len(rule.references))
    forward = negates(tree)
    if forward and not positive_names(tree):
        raise RuleError('condition: names no rule without "not", so there is no time to judge it')
    return replace(rule, expression=tree, forward=forward)


def _suppressions(
    detections: Iterable[ReferencedRule], refusals: list[Refusal]
) -> list[CorrelationRule]:
    """The suppressions that detections ask for: `event_count` of one with timespan zero (§5.5)."""
    rules = []
    for detection in detections:
        try:
            draft = read_suppression(detection.info)
        except RuleError as error:
            refusals.append(_refusal(detection.info, str(error), {}))
        else:
            if draft is not None:
                rules.append(_suppression(detection, draft))
    return rules


def _suppression(detection: ReferencedRule, draft: SuppressionDraft) -> CorrelationRule:
    info = detection.info
    group = tuple(tuple(detection.field_targets(name)) or (name,) for name in draft.group_by)
    return CorrelationRule(
        info=info,
        type=CorrelationType.EVENT_COUNT,
        references=(Reference(info.id, group),),
        group_by=draft.group_by,
        timespan=0,
        period=draft.period,
        digest=digest(info.digest, "suppression", repr(group)),
        comparisons=_AT_LEAST_ONE,
        suppression=True,
    )
