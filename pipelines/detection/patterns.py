r"""Text patterns: Sigma's wildcards read, folded, and matched in linear time.

    \cmd*.exe     ("\cmd", ANY, ".exe")      `*` any characters, none included
    a?c           ("a", ONE, "c")            `?` one character, newline included
    50\*          ("50*",)                   escaped: the character itself

A backslash escapes only wildcards and itself: `\` and `\\` are one backslash each, `\\*` is a
backslash and a wildcard (Sigma specification, "Escaping").
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import product

import numpy as np

from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    Like,
    StartsWith,
    TextPredicate,
)
from tocsin.schemas.values import clean, fold, is_number, shortest

DASHES = "-/\u2013\u2014\u2015"
"""What `windash` takes for one another: hyphen, slash, en dash, em dash, horizontal bar."""

MAX_SINGLES_LENGTH = 512
"""Characters of the segments of one pattern that hold `?` and may stand anywhere: each costs a pass
over the value, some six microseconds for 64 KiB."""

MAX_SEGMENTS = 4000
"""Texts between the `*`s of one pattern; each is looked for, in some 0.2 microseconds."""


class Wildcard(Enum):
    """A character of a pattern that stands for others."""

    ANY = "*"
    ONE = "?"


Part = str | Wildcard

_TOKEN = re.compile(r"\\[\\*?]|[*?]")


class PatternError(ValueError):
    """The pattern cannot be matched within bounds."""


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a Sigma string; adjacent texts are one, empty ones are left out."""
    parts: list[Part] = []
    literal, at = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[at : token.start()]
        at = token.end()
        if token[0][0] == "\\":
            literal += token[0][1]
            continue
        if literal:
            parts.append(literal)
        literal = ""
        parts.append(Wildcard(token[0]))
    literal += text[at:]
    if literal:
        parts.append(literal)
    return tuple(parts)


def fold_dashes(text: str) -> str:
    """`text` with all `DASHES` as hyphens."""
    for dash in DASHES[1:]:
        text = text.replace(dash, "-")
    return text


def dash_variants(text: str) -> Iterator[str]:
    """Every text that `windash` takes for `text`: five for each dash in it."""
    for choice in product(*(DASHES if char in DASHES else char for char in text)):
        yield "".join(choice)


def predicate(parts: Sequence[Part], *, cased: bool, windash: bool) -> TextPredicate:
    """The simplest predicate that asks for the whole text to have the shape of `parts`.

    Raises PatternError where that could not be told in time linear in the text's length.
    """
    texts = [
        _folded(part, cased, windash) if isinstance(part, str) else part for part in parts if part
    ]
    segments = [list(segment) for segment in _segments(texts)]
    if len(segments) == 1 and len(segments[0]) == 1:
        whole = segments[0][0]
        return Equals(canonical_text(whole), cased, windash)
    if all(len(segment) == 1 for segment in segments):
        first, *middle, last = [segment[0] for segment in segments]
        if not middle and not last:
            return StartsWith(first, cased, windash) if first else Contains("", cased, windash)
        if not middle and not first:
            return EndsWith(last, cased, windash)
        if len(middle) == 1 and not first and not last:
            return Contains(middle[0], cased, windash)
    if len(segments) > MAX_SEGMENTS:
        raise PatternError(f"{len(segments) - 1} wildcards `*`, at most {MAX_SEGMENTS - 1}")
    length = sum(_length(segment) for segment in segments[1:-1] if len(segment) > 1)
    if length > MAX_SINGLES_LENGTH:
        raise PatternError(
            f"{length} characters with `?` between `*`, at most {MAX_SINGLES_LENGTH}"
        )
    return Like(tuple(map(tuple, segments)), cased, windash)


def _folded(text: str, cased: bool, windash: bool) -> str:
    text = clean(text) if cased else fold(clean(text))
    return fold_dashes(text) if windash else text


def canonical_text(text: str) -> str:
    """The canonical form of text that is cleaned, and folded as it has to be."""
    # Of the texts that end in a digit, most of which are none, few begin like a number.
    if text[-1:].isdigit() and text[0] in _NUMBERS_BEGIN and is_number(text):
        return shortest(text)
    return text


_NUMBERS_BEGIN = frozenset("-0123456789")


def _segments(parts: Sequence[Part]) -> Iterator[list[str]]:
    """What stands between the `*`s (several in a row are one), as `Like` has it."""
    segment = [""]
    previous: Part = ""
    for part in parts:
        if part is Wildcard.ANY:
            if previous is not Wildcard.ANY:
                yield segment
                segment = [""]
        elif part is Wildcard.ONE:
            segment.append("")
        else:
            segment[-1] += str(part)
        previous = part
    yield segment


def like(pattern: Like, text: str) -> bool:
    """Whether the whole of `text`, folded as `pattern` is, has its shape.

    The first and last segments are compared at the ends; those between are looked for from left to
    right, each as early as it can be, which is enough as `*` takes any rest.
    """
    first, *middle = pattern.segments
    if not middle:
        return len(text) == _length(first) and _stands(first, text, 0)
    last = middle.pop()
    end = len(text) - _length(last)
    at = _length(first)
    if end < at or not _stands(first, text, 0) or not _stands(last, text, end):
        return False
    for segment in middle:
        at = _find(segment, text, at, end)
        if at < 0:
            return False
        at += _length(segment)
    return True


def _length(segment: Sequence[str]) -> int:
    return sum(map(len, segment)) + len(segment) - 1


def _stands(segment: tuple[str, ...], text: str, at: int) -> bool:
    for part in segment:
        if not text.startswith(part, at):
            return False
        at += len(part) + 1
    return True


def _find(segment: tuple[str, ...], text: str, start: int, end: int) -> int:
    """Where `segment` first stands in `text[start:end]`, or -1."""
    if len(segment) == 1:
        return text.find(segment[0], start, end)
    codes = np.frombuffer(text[start:end].encode("utf-32-le"), np.uint32)
    places = len(codes) - _length(segment) + 1
    if places <= 0:
        return -1
    standing = np.ones(places, bool)
    at = 0
    for part in segment:
        for char in part:
            standing &= codes[at : at + places] == ord(char)
            at += 1
        at += 1
    first = int(standing.argmax())
    return start + first if standing[first] else -1
