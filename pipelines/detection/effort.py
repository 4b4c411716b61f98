"""What a rule may take for one long value, so that no rule holds up the others.

Equality, literals, networks and numbers are told for all rules at once, whatever their number. What
is counted here looks at a text by itself: regular expressions, wildcards within, `cased`, and
`windash` with many dashes. The estimates are for 64 KiB that are made for the predicate.
"""

from collections import defaultdict

from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    Like,
    Matches,
    Node,
    Predicate,
    StartsWith,
    leaves,
)
from tocsin.pipelines.detection.literals import MAX_DASHES

MAX_MICROSECONDS = 5_000
"""For one value; the public rules need 3,300 at most."""


def microseconds(node: Node) -> int:
    """About how long the condition takes for one value of 64 KiB."""
    asked: dict[object, set[Predicate]] = defaultdict(set)
    for leaf in leaves(node):
        asked[getattr(leaf, "targets", None)].add(leaf.predicate)
    return max((sum(map(_microseconds, found)) for found in asked.values()), default=0)


def _microseconds(predicate: Predicate) -> int:
    match predicate:
        case Matches(regex):
            return 60 + 12 * regex.size
        case Like(segments):
            singles = sum(len(segment) for segment in segments if len(segment) > 1)
            return 20 + len(segments) // 5 + 3 * singles
        case Contains(text, cased, windash) | StartsWith(text, cased, windash):
            return _text_microseconds(text, cased, windash)
        case EndsWith(text, cased, windash) | Equals(text, cased, windash):
            return _text_microseconds(text, cased, windash)
    return 0


def _text_microseconds(text: str, cased: bool, windash: bool) -> int:
    if windash and text.count("-") > MAX_DASHES:
        return 60
    return 20 if cased else 0
