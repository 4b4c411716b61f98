"""All public rules: that they load, in what time, and that pySigma reads them the same way."""

import time

import pytest
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from tocsin.pipelines.detection import patterns
from tocsin.pipelines.detection.documents import read_documents
from tocsin.pipelines.detection.ir import And, AtLeast, Item, Not, Or, Reference, Selection
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.modifiers import predicates


def test_all_active_rules_load_but_those_with_placeholders(sigmahq):
    """3,755 of 3,780 load in well under 25 s; each of 25 refusals names its placeholder."""
    start = time.process_time()

    rules = load_rules(sigmahq, native=True)

    assert time.process_time() - start < 25
    assert len(rules.detections) == 3755
    assert len(rules.refusals) == 25
    assert all("no value is configured for placeholder `%" in str(each) for each in rules.refusals)


def test_all_active_rules_load_for_normalised_events(sigmahq):
    """The same rules load with the field maps; those of sources without a parser are told."""
    rules = load_rules(sigmahq)

    assert len(rules.detections) == 3755
    assert all(rule.fields.gate is None for rule in rules.detections if rule.fields.reason)
    assert 0 < len(rules.unfed) < 1000


def ours(node):
    """One of our trees with nothing left but logic: nested sets of named leaves."""
    match node:
        case Selection(_, child):
            return ours(child)
        case Not(child):
            return negated(ours(child))
        case And(children):
            return gathered("and", map(ours, children))
        case Or(children):
            return gathered("or", map(ours, children))
        case AtLeast():
            raise AssertionError("no public rule counts selections")
        case Item(_, Reference(), origin):
            return ("leaf", field_of(origin), "reference", origin.value)
    field = field_of(node.origin) if isinstance(node, Item) else None
    return ("leaf", field, loosened(node.predicate))


def field_of(origin):
    return origin.item.split("|")[0]


def loosened(predicate):
    """A predicate without what tells spellings of dashes apart, which pySigma multiplies out."""
    if not hasattr(predicate, "windash"):
        return repr(predicate)
    kind = type(predicate).__name__
    body = getattr(predicate, "text", None)
    if body is None:
        body = "*".join("?".join(segment) for segment in predicate.segments)
    return kind, patterns.fold_dashes(body)


def gathered(kind, children):
    flat = set()
    for child in children:
        flat |= child[1] if child[0] == kind else {child}
    return next(iter(flat)) if len(flat) == 1 else (kind, frozenset(flat))


def negated(tree):
    return tree[1] if tree[0] == "not" else ("not", tree)


def theirs(node):
    """The same of a condition that pySigma parsed."""
    match node:
        case ConditionNOT():
            return negated(theirs(node.args[0]))
        case ConditionAND() | ConditionOR():
            kind = "and" if isinstance(node, ConditionAND) else "or"
            return gathered(kind, map(theirs, node.args))
        case ConditionFieldEqualsValueExpression():
            return their_leaf(node.field, node.value)
        case ConditionValueExpression():
            return their_leaf(None, node.value)
    raise AssertionError(node)


def their_leaf(field, value):
    match value:
        case SigmaExpansion():
            return gathered("or", (their_leaf(field, each) for each in value.values))
        case SigmaString():
            parts = [
                {SpecialChars.WILDCARD_MULTI: patterns.Wildcard.ANY}.get(
                    part, patterns.Wildcard.ONE if isinstance(part, SpecialChars) else part
                )
                for part in value.s
            ]
            if field is None:
                parts = [patterns.Wildcard.ANY, *parts, patterns.Wildcard.ANY]
            return (
                "leaf",
                field,
                loosened(patterns.predicate(parts, cased=False, windash=False)),
            )
        case SigmaNumber():
            plain, modifiers = value.number, ["contains"] if field is None else []
        case SigmaBool():
            plain, modifiers = value.boolean, []
        case SigmaNull():
            plain, modifiers = None, []
        case SigmaExists():
            plain, modifiers = value.exists, ["exists"]
        case SigmaCIDRExpression():
            plain, modifiers = value.cidr, ["cidr"]
        case SigmaRegularExpression():
            plain = "".join(
                part if isinstance(part, str) else patterns_text(part) for part in value.regexp.s
            )
            modifiers = ["re", *(flag.name[0].lower() for flag in value.flags)]
        case SigmaFieldReference():
            return ("leaf", field, "reference", value.field)
        case SigmaCompareExpression():
            raise AssertionError("no public rule compares numbers")
        case _:
            raise AssertionError(value)
    (found,) = predicates(plain, modifiers, {}, lambda name: (name,))
    return ("leaf", field, loosened(found))


def patterns_text(part):
    return "*" if part is SpecialChars.WILDCARD_MULTI else "?"


@pytest.mark.slow
def test_pysigma_reads_all_active_rules_the_same_way(sigmahq):
    """Our trees and pySigma's are the same in every rule, spellings of dashes aside."""
    rules = {rule.info.path: rule for rule in load_rules(sigmahq, native=True).detections}
    differing = []
    compared = 0
    for folder in sigmahq:
        for path in sorted(folder.rglob("*.yml")):
            rule = rules.get(path.relative_to(folder).as_posix())
            if rule is None or len(list(read_documents(path.read_bytes()))) > 1:
                continue
            parsed = SigmaRule.from_yaml(path.read_text(encoding="utf-8"))
            trees = [theirs(condition.parsed) for condition in parsed.detection.parsed_condition]
            compared += 1
            if gathered("or", trees) != ours(rule.condition):
                differing.append(str(path))
    assert compared > 3700
    assert differing == []
