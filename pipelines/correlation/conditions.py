"""Conditions of correlations: thresholds, and the extended form `a and (b or c) and not d`.

Both answer three questions: does the condition hold for a window, which way must the window look
(SEMANTICS §4.2), and is there any window that it holds for, and any that it does not (§4.7).
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}

FORWARD_OPERATORS = frozenset({"lt", "lte", "neq"})
"""Operators that a later match may make false, so that they are judged when the window is over."""

MAX_DEPTH = 32
MAX_STEPS = 20_000


class ConditionError(ValueError):
    """A condition that cannot be given exactly one meaning."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator with its threshold; several hold together (§4.5)."""

    operator: str
    threshold: float

    def holds(self, value: float) -> bool:
        """Whether `value` stands in this relation to the threshold."""
        return OPERATORS[self.operator](value, self.threshold)


def all_hold(comparisons: Sequence[Comparison], value: float) -> bool:
    """Whether `value` satisfies every one of `comparisons`."""
    return all(comparison.holds(value) for comparison in comparisons)


def check_thresholds(
    comparisons: Sequence[Comparison], *, counts: bool, most: int | None = None
) -> None:
    """Raise ConditionError if no value satisfies `comparisons`, or every one does (§4.7).

    With `counts` the values are the whole numbers from 1 to `most`, else all doubles. Between
    neighbouring thresholds the verdict does not change, so a few values decide.
    """
    thresholds = [comparison.threshold for comparison in comparisons]
    values: set[float]
    if counts:
        values = {1, most if most is not None else math.ceil(max(thresholds, default=1)) + 2}
        values |= {math.floor(threshold) + step for threshold in thresholds for step in (-1, 0, 1)}
        values = {value for value in values if value >= 1 and (most is None or value <= most)}
    else:
        values = {*thresholds, sum(thresholds) / len(thresholds)}
        values |= {math.nextafter(t, side) for t in thresholds for side in (-math.inf, math.inf)}
    verdicts = [all_hold(comparisons, value) for value in values]
    if not any(verdicts):
        raise ConditionError("no window can satisfy this condition")
    if all(verdicts):
        raise ConditionError("every window with a match satisfies this condition")


def least_count(comparisons: Sequence[Comparison]) -> int:
    """The least count from 1 on that satisfies `comparisons`, which some count does."""
    near = {math.floor(one.threshold) + step for one in comparisons for step in (0, 1)}
    return min(count for count in {1, *near} if count >= 1 and all_hold(comparisons, count))


@dataclass(frozen=True, slots=True)
class Name:
    """True where the window holds a match of the rule at `index` of the references."""

    index: int


@dataclass(frozen=True, slots=True)
class Not:
    """True where `operand` is not."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """True where all `operands` are."""

    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where one of `operands` is."""

    operands: tuple["Node", ...]


Node = Name | Not | And | Or


def evaluate(node: Node, present: int) -> bool:
    """Whether `node` is true where bit i of `present` says that rule i has a match."""
    if isinstance(node, Name):
        return bool(present >> node.index & 1)
    if isinstance(node, Not):
        return not evaluate(node.operand, present)
    if isinstance(node, And):
        return all(evaluate(operand, present) for operand in node.operands)
    return any(evaluate(operand, present) for operand in node.operands)


def names(node: Node) -> list[int]:
    """The indices that `node` names, in order of first appearance."""
    return list(dict.fromkeys(_names(node)))


def _names(node: Node) -> Iterator[int]:
    if isinstance(node, Name):
        yield node.index
    elif isinstance(node, Not):
        yield from _names(node.operand)
    else:
        for operand in node.operands:
            yield from _names(operand)


def negates(node: Node) -> bool:
    """Whether `not` stands anywhere in `node`."""
    if isinstance(node, Not):
        return True
    return not isinstance(node, Name) and any(negates(operand) for operand in node.operands)


def positive_names(node: Node, negated: bool = False) -> frozenset[int]:
    """The indices that `node` names without `not`, once NOT is pushed inwards (§4.3)."""
    if isinstance(node, Name):
        return frozenset() if negated else frozenset({node.index})
    if isinstance(node, Not):
        return positive_names(node.operand, not negated)
    return frozenset().union(*(positive_names(operand, negated) for operand in node.operands))


def check_expression(node: Node, references: int) -> None:
    """Raise ConditionError if no non-empty window satisfies `node`, or every one does (§4.7).

    A window is what it holds of the `references`; one match at least is in it.
    """
    some = Or(tuple(Name(index) for index in range(references)))
    budget = iter(range(MAX_STEPS))
    if not _satisfiable(And((node, some)), budget):
        raise ConditionError("no window can satisfy this condition")
    if not _satisfiable(And((Not(node), some)), budget):
        raise ConditionError("every window with a match satisfies this condition")


def _satisfiable(node: Node | bool, budget: Iterator[int]) -> bool:
    if isinstance(node, bool):
        return node
    if next(budget, None) is None:
        raise ConditionError("this condition is too complex to be judged")
    index = next(_names(node))
    return any(_satisfiable(_assume(node, index, value=value), budget) for value in (True, False))


def _assume(node: Node, index: int, *, value: bool) -> Node | bool:
    """`node` with the truth of one name put in and carried outwards."""
    if isinstance(node, Name):
        return value if node.index == index else node
    if isinstance(node, Not):
        inner = _assume(node.operand, index, value=value)
        return not inner if isinstance(inner, bool) else Not(inner)
    deciding = isinstance(node, Or)
    left: list[Node] = []
    for operand in node.operands:
        reduced = _assume(operand, index, value=value)
        if isinstance(reduced, bool):
            if reduced is deciding:
                return deciding
        else:
            left.append(reduced)
    if not left:
        return not deciding
    return type(node)(tuple(left)) if len(left) > 1 else left[0]


_TOKEN = re.compile(r"\s*(?:(?P<word>[^\s()|]+)|(?P<paren>[()]))")
_UPPER_OPERATORS = frozenset({"AND", "OR", "NOT"})


def parse_expression(text: str, index_of: Callable[[str], int]) -> Node:
    """The tree of an extended condition; `not` binds closest, then `and`, then `or`.

    Like those of detections: operators in upper case, too, and in names anything but blanks,
    parentheses and `|`.
    `index_of` gives the index of a rule's name, and raises ConditionError for an unknown one.
    Raises ConditionError with the column for anything that is not of the grammar.
    """
    parser = _Parser(_tokens(text), index_of)
    node = parser.disjunction(0)
    column, token = parser.peek()
    if token:
        raise ConditionError(f'column {column}: expected "and", "or" or the end, found "{token}"')
    return node


def _tokens(text: str) -> list[tuple[int, str]]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
            raise ConditionError(f'column {column}: unexpected "{text[column - 1]}"')
        token = found.group().strip()
        if token in _UPPER_OPERATORS:
            token = token.lower()
        tokens.append((found.start(found.lastgroup or 0) + 1, token))
        position = found.end()
    return [*tokens, (end + 1, "")]


class _Parser:
    """Recursive descent over tokens; depth is bounded, so hostile text cannot overflow it."""

    def __init__(self, tokens: list[tuple[int, str]], index_of: Callable[[str], int]) -> None:
        self._tokens = tokens
        self._position = 0
        self._index_of = index_of

    def peek(self) -> tuple[int, str]:
        return self._tokens[self._position]

    def disjunction(self, depth: int) -> Node:
        operands = [self._conjunction(depth)]
        while self._take("or"):
            operands.append(self._conjunction(depth))
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self, depth: int) -> Node:
        operands = [self._negation(depth)]
        while self._take("and"):
            operands.append(self._negation(depth))
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _negation(self, depth: int) -> Node:
        column = self.peek()[0]
        negations = 0
        while self._take("not"):
            negations += 1
        if negations > MAX_DEPTH:
            raise ConditionError(f'column {column}: more than {MAX_DEPTH} times "not"')
        node = self._primary(depth)
        for _ in range(negations):
            node = Not(node)
        return node

    def _primary(self, depth: int) -> Node:
        column, token = self.peek()
        if self._take("("):
            if depth == MAX_DEPTH:
                raise ConditionError(f"column {column}: more than {MAX_DEPTH} nested parentheses")
            node = self.disjunction(depth + 1)
            if not self._take(")"):
                raise ConditionError(f'column {self.peek()[0]}: expected ")"')
            return node
        if token in {"", "and", "or", ")"}:
            found = f'"{token}"' if token else "the end"
            raise ConditionError(f"column {column}: expected the name of a rule, found {found}")
        self._position += 1
        return Name(self._index_of(token))

    def _take(self, token: str) -> bool:
        if self.peek()[1] != token:
            return False
        self._position += 1
        return True
