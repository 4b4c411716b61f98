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

MIN_WORTH = 3
"""Literals worth less stand in too many texts to spare anything."""

_RARE = frozenset("`{}$^<>|+%&~#@*!;[]")
_RARE_WORTH = 3

_TOKEN = re.compile(
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
    """What is known of a part: the folded text that it is, or some of which it must hold one."""

    exact: str | None = None
    some: frozenset[str] = frozenset()


def required_literals(plain: str) -> frozenset[str]:
    """Folded literals of which each text that matches has one; none where none can be told."""
    part, _ = _alternatives(plain, 0)
    some = part.some if part.exact is None else frozenset((part.exact,))
    return some if some and _worth(some)[0] >= MIN_WORTH else frozenset()


def _alternatives(plain: str, at: int) -> tuple[_Part, int]:
    branches = []
    while True:
        branch, at = _sequence(plain, at)
        branches.append(branch)
        if not plain.startswith("|", at):
            break
        at += 1
    if len(branches) == 1:
        return branches[0], at
    sets = [each.some if each.exact is None else frozenset((each.exact,)) for each in branches]
    union = frozenset().union(*sets) if all(sets) else frozenset()
    return _Part(some=union if len(union) <= MAX_ALTERNATIVES else frozenset()), at


def _sequence(plain: str, at: int) -> tuple[_Part, int]:
    """Neighbours that are known exactly make one longer literal."""
    run, whole = "", True
    found: list[frozenset[str]] = []
    while at < len(plain) and plain[at] not in "|)":
        part, at = _part(plain, at)
        least, most, at = _bounds(plain, at)
        if part.exact is not None and (least, most) == (1, 1):
            run += part.exact
            continue
        whole = False
        if least and part.exact is not None:
            run += part.exact
        elif least:
            found.append(part.some)
        found.append(frozenset((run,)))
        run = ""
    if whole:
        return _Part(exact=run), at
    found.append(frozenset((run,)))
    return _Part(some=max(found, key=_worth)), at


def is_rare(char: str) -> bool:
    """Whether texts hardly have this sign."""
    return char in _RARE


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    """How much is told by some of `literals` standing in a text: letters are common, signs less."""
    least = min(
        (sum(_RARE_WORTH if is_rare(char) else 1 for char in each) for each in literals), default=0
    )
    return least, -len(literals)


def _part(plain: str, at: int) -> tuple[_Part, int]:
    token = _TOKEN.match(plain, at)
    if token is None:
        raise ValueError(f"not in plain form at {at}: {plain}")
    at = token.end()
    match token.lastgroup:
        case "anchor":
            return _Part(exact=""), at
        case "open":
            inner, at = _alternatives(plain, at)
            return inner, at + 1
        case "class":
            return _Part(exact=_only(token[0][1:-1])), at
        case _:
            return _Part(exact=fold(_char(token[0]))), at


def _only(members: str) -> str | None:
    """The one folded character that a class stands for, if it is one."""
    if members.startswith("^"):
        return None
    chars = _MEMBER.findall(members)
    folded = {fold(_char(char)) for char in chars}
    return folded.pop() if len(folded) == 1 and "-" not in chars else None


def _char(written: str) -> str:
    if written.startswith("\\x"):
        return chr(int(written[2:].strip("{}"), 16))
    return written[-1]


def _bounds(plain: str, at: int) -> tuple[int, int | None, int]:
    """The least and most repetitions of what stands before `at`."""
    token = _TOKEN.match(plain, at)
    if token is None or token.lastgroup != "bounds":
        return 1, 1, at
    simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(token[0])
    if simple is not None:
        return *simple, token.end()
    low, comma, high = token[0][1:-1].partition(",")
    return int(low), (int(high) if high else None) if comma else int(low), token.end()
