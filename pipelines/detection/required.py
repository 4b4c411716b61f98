r"""Literals that a text must have for a regular expression to match it.

    \A[Cc]md[^\x0a]*(?:one|two\x2e)\z        any of {"one", "two."}

A regular expression costs a scan of its own for each value. Most hold a literal, though, and if
a text has it is told by the one pass for all literals (`literals`).

What is read here is the plain form of `regex_syntax`: literals, classes of code points, groups,
alternatives, repetitions and anchors.
"""

import re
from dataclasses import dataclass

from tocsin.schemas.values import fold

MAX_ALTERNATIVES = 64
"""More literals for one expression are worth less than their place in the automaton."""

MAX_CLASS = 8
"""Characters of a class up to which each is taken for a literal, where there is no other."""

MIN_WORTH = 3
"""Literals worth less stand in too many texts to spare anything."""

_RARE = frozenset("`{}$^<>|+%&~#@*!;[]")
_RARE_WORTH = 3

TOKEN = re.compile(
    r"""(?P<anchor>\\[AzbB]|\(\?m:\^\)|\(\?m:\$\))
    |(?P<open>\(\?:)
    |(?P<class>\[(?:\\x\{[0-9a-f]+\}|\\.|[^\]\\])*\])
    |(?P<char>\\x\{[0-9a-f]+\}|\\x[0-9a-f]{2}|\\.|[^\\\[()|*+?{])
    |(?P<bounds>[*+?]|\{\d+(?:,\d*)?\})
    |(?P<sign>[()|])""",
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"\\x\{[0-9a-f]+\}|\\x[0-9a-f]{2}|\\.|[^\\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a part: the folded texts of which it is one, or must hold one."""

    exact: frozenset[str] | None = None
    some: frozenset[str] = frozenset()

    @property
    def literals(self) -> frozenset[str]:
        return self.some if self.exact is None else self.exact


_EMPTY = frozenset(("",))


def required_literals(plain: str) -> frozenset[str]:
    """Folded literals of which each text that matches has one; none where none can be told."""
    for largest in (1, MAX_CLASS):
        literals = _Reader(plain, largest).alternatives(0)[0].literals
        if _worth(literals)[0] >= MIN_WORTH:
            return literals
    return frozenset()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads an expression, and classes of up to `largest` characters as alternatives."""

    plain: str
    largest: int

    def alternatives(self, at: int) -> tuple[_Part, int]:
        """What is known of alternatives that begin at `at`, and where they end."""
        branches = []
        while True:
            branch, at = self._sequence(at)
            branches.append(branch)
            if not self.plain.startswith("|", at):
                break
            at += 1
        sets = [branch.literals for branch in branches]
        union = frozenset[str]().union(*sets) if all(sets) else frozenset[str]()
        if len(union) > MAX_ALTERNATIVES:
            return _Part(), at
        if all(branch.exact is not None for branch in branches):
            return _Part(exact=union), at
        return _Part(some=union), at

    def _sequence(self, at: int) -> tuple[_Part, int]:
        """Neighbours that are known exactly make longer literals."""
        run, whole = _EMPTY, True
        found: list[frozenset[str]] = []
        while at < len(self.plain) and self.plain[at] not in "|)":
            part, at = self._part(at)
            least, most, at = _bounds(self.plain, at)
            exact = part.exact if least else None
            if exact is not None and len(run) * len(exact) <= MAX_ALTERNATIVES:
                run = frozenset(one + other for one in run for other in exact)
                if (least, most) == (1, 1):
                    continue
            elif least:
                found.append(part.literals)
            whole = False
            found.append(run)
            run = _EMPTY
        if whole:
            return _Part(exact=run), at
        return _Part(some=max((*found, run), key=_worth)), at

    def _part(self, at: int) -> tuple[_Part, int]:
        token = TOKEN.match(self.plain, at)
        if token is None:
            raise ValueError(f"not in plain form at {at}: {self.plain}")
        at = token.end()
        match token.lastgroup:
            case "anchor":
                return _Part(exact=_EMPTY), at
            case "open":
                inner, at = self.alternatives(at)
                return inner, at + 1
            case "class":
                return _Part(exact=_members(token[0][1:-1], self.largest)), at
            case _:
                return _Part(exact=frozenset((fold(_char(token[0])),))), at


def is_rare(char: str) -> bool:
    """Whether texts hardly have this sign."""
    return char in _RARE


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    """How much is told by some of `literals` standing in a text: letters are common, signs less."""
    least = min(
        (sum(_RARE_WORTH if is_rare(char) else 1 for char in each) for each in literals), default=0
    )
    return least, -len(literals)


def _members(members: str, largest: int) -> frozenset[str] | None:
    """The folded characters of a class, if there are some and at most `largest`."""
    if members.startswith("^"):
        return None
    found: set[str] = set()
    chars = iter(_MEMBER.findall(members))
    before = ""
    for char in chars:
        low = high = _char(char)
        if char == "-":
            low, high = before, _char(next(chars))
        if ord(high) - ord(low) >= MAX_CLASS:
            return None
        found.update(fold(chr(code)) for code in range(ord(low), ord(high) + 1))
        before = high
    return frozenset(found) if 0 < len(found) <= largest else None


def _char(written: str) -> str:
    if written.startswith("\\x"):
        return chr(int(written[2:].strip("{}"), 16))
    return written[-1]


def _bounds(plain: str, at: int) -> tuple[int, int | None, int]:
    """The least and most repetitions of what stands before `at`."""
    token = TOKEN.match(plain, at)
    if token is None or token.lastgroup != "bounds":
        return 1, 1, at
    simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(token[0])
    if simple is not None:
        return *simple, token.end()
    low, comma, high = token[0][1:-1].partition(",")
    return int(low), (int(high) if high else None) if comma else int(low), token.end()
