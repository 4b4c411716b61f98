"""Sets of code points, as character classes of regular expressions need them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tocsin.schemas.values import fold

LAST = 0x10FFFF

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CodePoints:
    """A set of code points as sorted, separate ranges, both ends included."""

    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, *pairs: str) -> "CodePoints":
        """The set of the ranges whose first and last characters are given: `of("az", "AZ")`."""
        return _union((ord(pair[0]), ord(pair[1])) for pair in pairs)

    def __or__(self, other: "CodePoints") -> "CodePoints":
        return _union((*self.ranges, *other.ranges))

    def __invert__(self) -> "CodePoints":
        gaps, start = [], 0
        for low, high in self.ranges:
            if start < low:
                gaps.append((start, low - 1))
            start = high + 1
        if start <= LAST:
            gaps.append((start, LAST))
        return CodePoints(tuple(gaps))

    def plain(self) -> str:
        """The set as a class of a regular expression, without shorthands and escapes by name."""
        if not self.ranges:
            # RE2 has no empty class; this one says the same.
            return rf"[^\x00-\x{{{LAST:x}}}]"
        if len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]:
            return written(self.ranges[0][0])
        return f"[{''.join(map(_written_range, self.ranges))}]"


EVERYTHING = CodePoints(((0, LAST),))


def folded(points: CodePoints) -> CodePoints:
    """All code points whose lower case is that of one in `points` (SEMANTICS §1.4)."""
    added: list[Range] = []
    classes = _case_classes()
    for low, high in points.ranges:
        if high - low > len(classes):
            members: Iterable[int] = (point for point in classes if low <= point <= high)
        else:
            members = (point for point in range(low, high + 1) if point in classes)
        added.extend((other, other) for point in members for other in classes[point])
    return _union((*points.ranges, *added))


def written(point: int) -> str:
    """One code point as a regular expression that means it alone, inside classes and outside."""
    char = chr(point)
    if char.isascii() and (char.isalnum() or char in " _"):
        return char
    if point < 0x80 and char.isprintable():
        return "\\" + char
    return f"\\x{point:02x}" if point < 0x80 else f"\\x{{{point:x}}}"


def _written_range(bounds: Range) -> str:
    low, high = bounds
    if high - low < 2:
        return "".join(written(point) for point in range(low, high + 1))
    return f"{written(low)}-{written(high)}"


def _union(ranges: Iterable[Range]) -> CodePoints:
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return CodePoints(tuple(joined))


@cache
def _case_classes() -> dict[int, tuple[int, ...]]:
    """For each code point that shares its lower case with others, all that share it."""
    by_lower: dict[str, list[int]] = defaultdict(list)
    for point in range(LAST + 1):
        lower = fold(chr(point))
        if lower != chr(point):
            by_lower[lower].append(point)
    classes = {}
    for lower, points in by_lower.items():
        members = (ord(lower), *points)
        for point in members:
            classes[point] = members
    return classes
