"""The judge: what a rule in intermediate form means, as plainly as it can be said.

Everything that is faster has to give the answers of this module, event by event. It keeps nothing,
shares nothing, and takes the tree as it is (SEMANTICS §2).
"""

import operator
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from tocsin.pipelines.detection import patterns
from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Compare,
    Contains,
    EndsWith,
    Equals,
    Exists,
    InNetwork,
    Is,
    Keyword,
    Leaf,
    Like,
    Matches,
    Node,
    Not,
    Null,
    Or,
    Predicate,
    Reference,
    Selection,
    StartsWith,
    TextPredicate,
    TimePart,
    TimeUnit,
)
from tocsin.pipelines.detection.rules import DetectionRule, RuleException
from tocsin.pipelines.detection.source_text import source_texts
from tocsin.schemas.events import Event
from tocsin.schemas.times import parse_time
from tocsin.schemas.values import clean, fold, number_text, to_decimal

_COMPARISONS = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
}


def matches(rule: DetectionRule, event: Event) -> bool:
    """Whether `rule` matches `event`."""
    return fires(rule, event) and not exceptions(rule, event)


def fires(rule: DetectionRule, event: Event) -> bool:
    """Whether `rule` matches `event`, its exceptions left aside."""
    return holds(rule.gate, event) and holds(rule.condition, event)


def exceptions(rule: DetectionRule, event: Event) -> tuple[RuleException, ...]:
    """The exceptions that take a match of `rule` on `event` away (SEMANTICS §2.12)."""
    if not rule.exceptions:
        return ()
    time = _time(event)
    return tuple(
        exception
        for exception in rule.exceptions
        if (time is None or time <= exception.until) and not holds(exception.condition, event)
    )


def _time(event: Event) -> int | None:
    """When the event happened; None where it says no time, to which no end applies."""
    try:
        return parse_time(event["@timestamp"])
    except (KeyError, TypeError, ValueError):
        return None


def holds(node: Node, event: Event) -> bool:
    """Whether the tree below `node` holds for `event`."""
    match node:
        case And(children):
            return all(holds(child, event) for child in children)
        case Or(children):
            return any(holds(child, event) for child in children)
        case AtLeast(count, children):
            return sum(holds(child, event) for child in children) >= count
        case Not(child):
            return not holds(child, event)
        case Selection(_, child):
            return holds(child, event)
    return leaf_holds(node, event)


def leaf_holds(leaf: Leaf, event: Event) -> bool:
    """Whether the one question of `leaf` is answered with yes."""
    if isinstance(leaf, Keyword):
        return any(satisfies(text, leaf.predicate) for _, text in source_texts(event, leaf.native))
    field = present(leaf.targets, event)
    match leaf.predicate:
        case Exists(wanted):
            return (field is not None) == wanted
        case Null():
            return field is None or event[field] == [] or None in elements(event[field])
        case Reference() as reference:
            return field is not None and _refers(event[field], reference, event)
    return field is not None and any(
        satisfies(element, leaf.predicate) for element in elements(event[field])
    )


def present(targets: tuple[str, ...], event: Event) -> str | None:
    """The first of `targets` that is a key of `event`."""
    for target in targets:
        if target in event:
            return target
    return None


def elements(value: Any) -> Iterator[Any]:
    """The scalars of a value: itself, or those of a list. Objects have none."""
    if isinstance(value, list):
        for element in value:
            yield from elements(element)
    elif not isinstance(value, dict):
        yield value


def satisfies(value: Any, predicate: Predicate) -> bool:
    """Whether one scalar satisfies a predicate that looks at a value alone."""
    match predicate:
        case Is(truth):
            return value is truth
        case Equals() | Contains() | StartsWith() | EndsWith() | Like():
            text = text_of(value)
            return text is not None and _text_satisfies(text, predicate)
        case Matches(regex):
            text = text_of(value)
            return text is not None and regex.search(text)
        case InNetwork(network):
            address = address_of(value)
            return address is not None and address in network
        case Compare(name, number):
            return _compares(to_decimal(value), name, number)
        case TimePart(unit, name, number):
            return _compares(time_part(value, unit), name, number)
    raise TypeError(f"{type(predicate).__name__} is not about one value")


def text_of(value: Any) -> str | None:
    """The text that a string or number is compared as; None for everything else."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return number_text(value)


def _text_satisfies(text: str, predicate: TextPredicate) -> bool:
    if not predicate.cased:
        text = fold(text)
    if predicate.windash:
        text = patterns.fold_dashes(text)
    match predicate:
        case Equals(wanted):
            return patterns.canonical_text(text) == wanted
        case Contains(wanted):
            return wanted in text
        case StartsWith(wanted):
            return text.startswith(wanted)
        case EndsWith(wanted):
            return text.endswith(wanted)
        case Like():
            return patterns.like(predicate, text)


def address_of(value: Any) -> IPv4Address | IPv6Address | None:
    """The IP address that a text is (SEMANTICS §2.7)."""
    if not isinstance(value, str):
        return None
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def time_part(value: Any, unit: TimeUnit) -> Decimal | None:
    """The `unit` of the time that an ISO 8601 text states, as it states it."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return Decimal(moment.isocalendar().week if unit == "week" else getattr(moment, unit))


def _compares(left: Decimal | None, name: str, right: Decimal) -> bool:
    return left is not None and _COMPARISONS[name](left, right)


def _refers(value: Any, reference: Reference, event: Event) -> bool:
    other = present(reference.targets, event)
    return other is not None and any(
        _relates(left, right, reference)
        for left in elements(value)
        for right in elements(event[other])
    )


def _relates(left: Any, right: Any, reference: Reference) -> bool:
    if reference.relation == "equals" and isinstance(left, bool):
        return left is right
    one, two = text_of(left), text_of(right)
    if one is None or two is None:
        return False
    if not reference.cased:
        one, two = fold(one), fold(two)
    match reference.relation:
        case "equals":
            return patterns.canonical_text(one) == patterns.canonical_text(two)
        case "contains":
            return two in one
        case "startswith":
            return one.startswith(two)
        case "endswith":
            return one.endswith(two)
