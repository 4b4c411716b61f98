r"""Why a rule matches an event, or does not: the verdict of the reference, with its reasons.

    no   Shell of an office program
    yes    logsource
    yes      winlog.event_id `1`: winlog.event_id is `1`  (line 4)
    no     all of
    yes      selection
    yes        Image|endswith `\cmd.exe`: process.executable is `C:\Windows\cmd.exe`  (line 7)
    no       not
    yes        filter
    yes          CommandLine|contains `helper`: process.command_line is `cmd /c Helper`  (line 9)

Every node says whether it holds, so a reader follows the noes down to the value that decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Exists,
    Item,
    Keyword,
    Leaf,
    Node,
    Not,
    Null,
    Or,
    Reference,
    Selection,
)
from tocsin.pipelines.detection.reference import (
    elements,
    exceptions,
    holds,
    leaf_holds,
    present,
    satisfies,
)
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.pipelines.detection.source_text import source_texts
from tocsin.schemas.events import Event

SHOWN = 200
"""Characters of a value that an explanation shows."""


@dataclass(frozen=True, slots=True)
class MatchedItem:
    """What of an event satisfied what of a rule.

    `item` is the rule's key as written (empty for keywords), `pattern` its value as written,
    `field` the event's field, `value` the scalar in it that satisfied, None where the item asked
    for nothing to be there.
    """

    selection: str
    item: str
    pattern: str
    field: str
    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A node of a rule with its verdict; `line` is the rule's line, 0 for what has none."""

    holds: bool
    what: str
    line: int = 0
    children: "tuple[Explanation, ...]" = ()


def explain(rule: DetectionRule, event: Event) -> Explanation:
    """The tree of `rule` on `event`; at the root `holds` is whether the rule matches."""
    children = [_explain(rule.gate, event), _explain(rule.condition, event)]
    removing = exceptions(rule, event)
    children += [
        Explanation(
            exception not in removing,
            _shown(f"exception {exception.title} ({exception.owner}: {exception.reason})"),
            children=(_explain(exception.condition, event),),
        )
        for exception in rule.exceptions
    ]
    verdict = all(child.holds for child in children)
    return Explanation(verdict, _shown(rule.info.title), rule.info.line, tuple(children))


def _explain(node: Node, event: Event) -> Explanation:
    match node:
        case Selection(name, child):
            inner = _explain(child, event)
            return Explanation(inner.holds, _shown(name), inner.line, (inner,))
        case Not(child):
            return Explanation(not holds(child, event), "not", 0, (_explain(child, event),))
        case And(children):
            return _gathered("all of", node, children, event)
        case Or(children):
            return _gathered("any of", node, children, event)
        case AtLeast(count, children):
            return _gathered(f"at least {count} of", node, children, event)
    return Explanation(leaf_holds(node, event), _sentence(node, event), node.origin.line)


def _gathered(what: str, node: Node, children: tuple[Node, ...], event: Event) -> Explanation:
    if not children:
        what = "every event" if isinstance(node, And) else "no event (no parser feeds it)"
    return Explanation(
        holds(node, event), what, children=tuple(_explain(child, event) for child in children)
    )


def _sentence(leaf: Leaf, event: Event) -> str:
    """What the leaf asks for, and what it finds."""
    origin = leaf.origin
    asked = f"{_shown(origin.item or 'keyword')} `{_shown(origin.value)}`"
    if isinstance(leaf, Keyword):
        found = _satisfying(leaf, event)
        return f"{asked}: in {found[0]}" if found else f"{asked}: nowhere in the source's text"
    field = present(leaf.targets, event)
    if field is None:
        return f"{asked}: {' and '.join(leaf.targets)} missing"
    sentence = f"{asked}: {field} is {_literal(event[field])}"
    if isinstance(leaf.predicate, Reference):
        other = present(leaf.predicate.targets, event)
        beside = f"{other} is {_literal(event[other])}" if other else f"{origin.value} is missing"
        return f"{sentence}, {beside}"
    return sentence


def _literal(value: Any) -> str:
    return "null" if value is None else f"`{_shown(str(value))}`"


def _shown(text: str) -> str:
    """`text` on one line that no terminal takes for commands, cut to what one reads."""
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )


def lines(explanation: Explanation) -> Iterator[str]:
    """The explanation as text, one node a line, indented by depth."""
    yield from _lines(explanation, 0)


def _lines(explanation: Explanation, depth: int) -> Iterator[str]:
    verdict = "yes" if explanation.holds else "no "
    place = f"  (line {explanation.line})" if explanation.line and not explanation.children else ""
    yield f"{verdict}  {'  ' * depth}{explanation.what}{place}"
    for child in explanation.children:
        yield from _lines(child, depth + 1)


def matched_items(rule: DetectionRule, event: Event) -> tuple[MatchedItem, ...]:
    """What made `rule` match: the items that hold and that its condition wants to hold.

    What stands below `not` is never among them. In the order of the rule; nothing where its
    condition does not hold.
    """
    if not holds(rule.condition, event):
        return ()
    found = (_matched(leaf, event) for leaf in _wanted(rule.condition, event))
    return tuple(dict.fromkeys(found))


def _wanted(node: Node, event: Event) -> Iterator[Leaf]:
    """The leaves of those branches that hold, and so make the whole hold."""
    match node:
        case And(children) | Or(children) | AtLeast(_, children):
            for child in children:
                if holds(child, event):
                    yield from _wanted(child, event)
        case Selection(_, child):
            yield from _wanted(child, event)
        case Not():
            return
        case Item() | Keyword():
            yield node


def _matched(leaf: Leaf, event: Event) -> MatchedItem:
    found = _satisfying(leaf, event)
    origin = leaf.origin
    if found is None:
        assert isinstance(leaf, Item)
        found = (leaf.targets[0], None)
    field, value = found
    return MatchedItem(origin.selection, origin.item, origin.value, field, value, origin.line)


def _satisfying(leaf: Leaf, event: Event) -> tuple[str, Any] | None:
    """The field and the scalar in it that satisfies the leaf."""
    if isinstance(leaf, Keyword):
        return next(
            (
                (key, text)
                for key, text in source_texts(event, leaf.native)
                if satisfies(text, leaf.predicate)
            ),
            None,
        )
    field = present(leaf.targets, event)
    if field is None or isinstance(leaf.predicate, Null):
        return None
    scalars = list(elements(event[field]))
    if isinstance(leaf.predicate, Exists | Reference):
        return field, scalars[0] if scalars else None
    return next(((field, scalar) for scalar in scalars if satisfies(scalar, leaf.predicate)), None)
