r"""The intermediate form of a rule: a boolean tree over leaves that each ask one question.

    rule        selection: {Image|endswith: ['\cmd.exe', '\pwsh.exe'], User: null}
                condition: selection

    form        And
                ├─ Or
                │  ├─ Item(("process.executable",), EndsWith("\\cmd.exe"), Origin(...))
                │  └─ Item(("process.executable",), EndsWith("\\pwsh.exe"), Origin(...))
                └─ Item(("user.name",), Null(), Origin(...))

Everything that YAML, modifiers, wildcards, field maps and condition quantifiers say is resolved
here, so that whoever evaluates the form needs no Sigma. Values stand in the form in which they are
compared (folded, unless `cased`), and each leaf keeps its `Origin` for those who explain a match.

Logic is two-valued (SEMANTICS §2.1). A leaf looks at one field: the first of its `targets` that is
a key of the event. A list satisfies a predicate if any of its elements does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from tocsin.pipelines.detection.regex import Regex

Operator = Literal["lt", "lte", "gt", "gte", "eq"]
TimeUnit = Literal["minute", "hour", "day", "week", "month", "year"]
Relation = Literal["equals", "contains", "startswith", "endswith"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a leaf stands in its rule.

    `item` is the key as written (`Image|endswith`, empty for plain keywords), `value` the value as
    written, `line` the value's line, `document` the RULE ID of the filter that the leaf comes
    from, or None for the rule itself.
    """

    selection: str
    item: str
    value: str
    line: int
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Equals:
    """The canonical form of a text or number equals `text` (SEMANTICS §2.4).

    `text` is canonical, folded unless `cased`. With `windash` both sides are compared after
    `patterns.fold_dashes`. Booleans and null never equal text.
    """

    text: str
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class Is:
    """The value is the boolean `truth`."""

    truth: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """The text holds `text`; the empty one is in every text and number."""

    text: str
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The text begins with `text`."""

    text: str
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class EndsWith:
    """The text ends with `text`."""

    text: str
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """The whole text has the shape of a wildcard pattern that none of the above expresses.

    `segments` are what stands between the `*`s, so that `a*b?c` is `(("a",), ("b", "c"))`: the
    texts of a segment have one character of any kind (`?`) between them. The first segment is
    anchored at the start, the last at the end; a leading or trailing `*` gives an empty segment
    `("",)`. Newlines are characters like any other.
    """

    segments: tuple[tuple[str, ...], ...]
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class Matches:
    """The text, in its own case, holds a match of `regex`."""

    regex: Regex


@dataclass(frozen=True, slots=True)
class InNetwork:
    """The text is an IP address of `network` (SEMANTICS §2.7)."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Null:
    """The field is missing, null, or an empty list."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The event has the key, null included, if `present`, else has it not."""

    present: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """The number, or text of a number, is `operator` than `number`."""

    operator: Operator
    number: Decimal


@dataclass(frozen=True, slots=True)
class TimePart:
    """A part of the time that ISO 8601 text states, in the text's own zone, against `number`.

    Weeks are those of ISO 8601. What is no such text is false.
    """

    unit: TimeUnit
    operator: Operator
    number: Decimal


@dataclass(frozen=True, slots=True)
class Reference:
    """The value stands in `relation` to that of another field of the same event.

    Of arrays some pair of elements does. Equality is that of canonical forms, booleans included;
    the other relations compare texts. Missing or null on either side is false.
    """

    targets: tuple[str, ...]
    relation: Relation = "equals"
    cased: bool = False


TextPredicate = Equals | Contains | StartsWith | EndsWith | Like
Predicate = (
    TextPredicate | Is | Matches | InNetwork | Null | Exists | Compare | TimePart | Reference
)


@dataclass(frozen=True, slots=True)
class Item:
    """A leaf: the field, which is the first of `targets` that the event has, and a predicate."""

    targets: tuple[str, ...]
    predicate: Predicate
    origin: Origin


@dataclass(frozen=True, slots=True)
class Keyword:
    """A leaf: some leaf of the source's text satisfies the predicate (SEMANTICS §2.8).

    `native` events are source text altogether; of normalised ones only the vendor record,
    `message`, and `event.original` where it is plain text are looked at.
    """

    predicate: TextPredicate | Matches
    native: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class And:
    """All of the `children` hold; without children it always holds."""

    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Some of the `children` holds; without children it never does."""

    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of the `children` hold: `2 of selection_*`."""

    count: int
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of `child`."""

    child: "Node"


@dataclass(frozen=True, slots=True)
class Selection:
    """The search identifier `name` of the rule, or of the filter `document`: holds if `child` does.

    It carries no logic; it keeps the shape that the author gave the rule.
    """

    name: str
    child: "Node"
    document: str | None = None


Leaf = Item | Keyword
Node = And | Or | AtLeast | Not | Selection | Leaf

ALWAYS = And(())
NEVER = Or(())


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf of the tree, in order."""
    match node:
        case And(children) | Or(children) | AtLeast(_, children):
            for child in children:
                yield from leaves(child)
        case Not(child) | Selection(_, child):
            yield from leaves(child)
        case _:
            yield node
