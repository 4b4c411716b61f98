"""Conditions: how the search identifiers of a rule combine.

    or-part     =  and-part  { "or" and-part }
    and-part    =  not-part  { "and" not-part }
    not-part    =  { "not" } operand
    operand     =  "(" or-part ")"  |  quantifier "of" pattern  |  identifier
    quantifier  =  "1"  |  "any"  |  "all"  |  a number
    pattern     =  "them"  |  an identifier in which `*` stands for any characters

`them` and patterns leave out identifiers that begin with `_`, unless the pattern does so too.
Operators may be written in upper case. (Sigma specification, "Condition".)

pySigma 1.5 reads conditions too, but takes `notepad` for `not epad`, lets a quantifier over
nothing vanish from the tree, refuses `2 of` and hyphens in patterns; so ours are read here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from tocsin.pipelines.detection.ir import And, AtLeast, Node, Not, Or, Selection

MAX_NESTING = 64

_TOKEN = re.compile(r"\s*(?:(?P<text>[()|]|[^\s()|]+)|$)")
_OPERATORS = frozenset({"and", "or", "not", "of"})


class ConditionError(ValueError):
    """A condition cannot be read, or can never have its meaning; says where and why."""


def parse_condition(text: str, selections: Mapping[str, Selection]) -> Node:
    """The tree of a condition over `selections`; raises ConditionError."""
    return _Reader(text, selections).read()


class _Reader:
    """Reads one condition from left to right."""

    def __init__(self, text: str, selections: Mapping[str, Selection]) -> None:
        self._selections = selections
        self._tokens = list(_tokens(text))
        self._at = 0

    def read(self) -> Node:
        node = self._or(0)
        word, column = self._tokens[self._at]
        if word == "|":
            raise ConditionError(
                f"aggregations (`| count() …`, column {column}) are no longer Sigma: "
                "write a correlation rule, `tocsin rules migrate` does it"
            )
        if word:
            raise _unexpected(word, column, "`and` or `or`")
        return node

    def _take(self, word: str) -> bool:
        if _operator(self._tokens[self._at][0]) == word:
            self._at += 1
            return True
        return False

    def _or(self, depth: int) -> Node:
        parts = [self._and(depth)]
        while self._take("or"):
            parts.append(self._and(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self, depth: int) -> Node:
        parts = [self._not(depth)]
        while self._take("and"):
            parts.append(self._not(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self, depth: int) -> Node:
        negated = False
        while self._take("not"):
            negated = not negated
        node = self._operand(depth)
        return Not(node) if negated else node

    def _operand(self, depth: int) -> Node:
        word, column = self._tokens[self._at]
        self._at += 1
        if word == "(":
            if depth >= MAX_NESTING:
                raise ConditionError(f"nested deeper than {MAX_NESTING} (column {column})")
            node = self._or(depth + 1)
            closing, column = self._tokens[self._at]
            if closing != ")":
                raise _unexpected(closing, column, "`)`")
            self._at += 1
            return node
        if word in ("", ")", "|") or _operator(word) in _OPERATORS:
            raise _unexpected(word, column, "a search identifier")
        if _operator(self._tokens[self._at][0]) == "of":
            self._at += 1
            return self._quantified(word, column)
        if word not in self._selections:
            raise ConditionError(f"no search identifier `{word}` (column {column})")
        return self._selections[word]

    def _quantified(self, quantifier: str, column: int) -> Node:
        pattern, place = self._tokens[self._at]
        self._at += 1
        if pattern in ("", "(", ")", "|"):
            raise _unexpected(pattern, place, "`them` or a pattern of search identifiers")
        named = self._named(pattern)
        if not named:
            raise ConditionError(f"no search identifier is like `{pattern}` (column {place})")
        if quantifier.lower() == "all":
            return named[0] if len(named) == 1 else And(named)
        count = 1 if quantifier.lower() == "any" else _count(quantifier, column)
        if count > len(named):
            raise ConditionError(
                f"`{quantifier} of {pattern}` can never hold, as only {len(named)} "
                f"are like that (column {column})"
            )
        if len(named) == 1:
            return named[0]
        return Or(named) if count == 1 else AtLeast(count, named)

    def _named(self, pattern: str) -> tuple[Selection, ...]:
        if pattern not in self._selections and pattern.lower() == "them":
            pattern = "*"
        like = re.compile("(?s:.*)".join(map(re.escape, pattern.split("*"))))
        hidden = pattern.startswith("_")
        return tuple(
            selection
            for name, selection in self._selections.items()
            if like.fullmatch(name) and (hidden or not name.startswith("_"))
        )


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The words of `text` with their columns, and an empty one that ends them."""
    for token in _TOKEN.finditer(text):
        if token["text"]:
            yield token["text"], token.start("text") + 1
    yield "", len(text) + 1


def _operator(word: str) -> str:
    """`word` in lower case if it may be an operator, which is all lower or all upper case."""
    return word.lower() if word.isupper() else word


def _count(quantifier: str, column: int) -> int:
    if not (quantifier.isascii() and quantifier.isdigit()) or int(quantifier[:9]) == 0:
        raise ConditionError(
            f"unknown quantifier `{quantifier}` (column {column}): expected 1, any, all or a number"
        )
    return int(quantifier[:9])


def _unexpected(word: str, column: int, expected: str) -> ConditionError:
    found = f"`{word}`" if word else "the end"
    return ConditionError(f"expected {expected}, found {found} (column {column})")


def any_of(conditions: Sequence[Node]) -> Node:
    """A rule with several conditions matches if any of them holds."""
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))
