r"""The text of a regular expression: read with one meaning, and written anew in a plain form.

    (?i)^\s*cmd.exe$      becomes      \A[\x09-\x0d ]*[Cc][Mm][Dd][^\x0a][Ee][Xx][Ee]\z

The plain form means the same to all RE2-like engines: no flags, no `\d` or `.`, no folding; only
literals, classes of code points, groups, alternatives, repetitions and anchors.

- `\d \w \s \b` are ASCII, `\s` with VT; so are the POSIX classes.
- `^` and `$` are the very start and end of the text, with `m` of each line; lines end with LF.
- `.` is anything but LF, with `s` anything.
- `i` folds as everything else folds: `x` stands for all code points with the lower case of `x`.

What has another meaning is refused: look-around, back-references, possessive and atomic groups,
Unicode properties, ambiguous spellings.
"""

from dataclasses import dataclass, replace

from tocsin.pipelines.detection.codepoints import EVERYTHING, CodePoints, folded, written
from tocsin.pipelines.detection.kinds import NEWLINE, WORD

MAX_REPEAT = 1000
"""RE2's own limit."""

MAX_NESTING = 32
"""Groups within groups; SigmaHQ's deepest pattern has 4."""

DIGIT = CodePoints.of("09")
SPACE = CodePoints.of("\t\r", "  ")

_SHORTHANDS = {"d": DIGIT, "w": WORD, "s": SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_POSIX = {
    "alnum": CodePoints.of("09", "AZ", "az"),
    "alpha": CodePoints.of("AZ", "az"),
    "ascii": CodePoints.of("\0\x7f"),
    "blank": CodePoints.of("\t\t", "  "),
    "cntrl": CodePoints.of("\0\x1f", "\x7f\x7f"),
    "digit": DIGIT,
    "graph": CodePoints.of("!~"),
    "lower": CodePoints.of("az"),
    "print": CodePoints.of(" ~"),
    "punct": CodePoints.of("!/", ":@", "[`", "{~"),
    "space": SPACE,
    "upper": CodePoints.of("AZ"),
    "word": WORD,
    "xdigit": CodePoints.of("09", "AF", "af"),
}


class RegexError(ValueError):
    """The pattern cannot be given its one meaning in linear time; the text says where and why."""


def plain_form(source: str, flags: str = "") -> str:
    """The pattern `source` with `flags` (of "ims") in plain form; raises RegexError."""
    return _Reader(source).read(_Flags("i" in flags, "m" in flags, "s" in flags))


@dataclass(frozen=True, slots=True)
class _Flags:
    ignore_case: bool
    multi_line: bool
    dot_all: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A rewritten part; `empty`: it matches the empty text; `anchor`: it cannot be repeated."""

    plain: str
    empty: bool
    anchor: bool = False


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.inner_boundary = False

    def read(self, flags: _Flags) -> str:
        piece = self._alternatives(flags, 0)
        if self.at < len(self.source):
            raise self._error("unbalanced `)`")
        if self.inner_boundary and piece.empty:
            # RE2 runs over bytes: it would find the empty text between those of one code point.
            raise RegexError(r"`\B` in a pattern that matches the empty text")
        return piece.plain

    def _error(self, what: str, at: int | None = None) -> RegexError:
        return RegexError(f"{what} at {(self.at if at is None else at) + 1} of the pattern")

    def _take(self, text: str) -> bool:
        if self.source.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _next(self) -> str:
        if self.at == len(self.source):
            raise self._error("unexpected end")
        self.at += 1
        return self.source[self.at - 1]

    def _alternatives(self, flags: _Flags, depth: int) -> _Piece:
        if depth > MAX_NESTING:
            raise self._error(f"groups nested deeper than {MAX_NESTING}")
        branches = []
        while True:
            branch, flags = self._sequence(flags, depth)
            branches.append(branch)
            if not self._take("|"):
                break
        return _Piece(
            "|".join(branch.plain for branch in branches), any(branch.empty for branch in branches)
        )

    def _sequence(self, flags: _Flags, depth: int) -> tuple[_Piece, _Flags]:
        """One alternative, and the flags in force after it: `a(?i)b|c` folds `c` too."""
        pieces = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            start = self.at
            if self._take("(?#"):
                self._comment(start)
                continue
            switched = self._switch(flags)
            if switched is not None:
                flags = switched
                continue
            pieces.append(self._repeated(self._atom(flags, depth)))
        plain = "".join(piece.plain for piece in pieces)
        return _Piece(plain, all(piece.empty for piece in pieces)), flags

    def _comment(self, start: int) -> None:
        end = self.source.find(")", self.at)
        if end < 0:
            raise self._error("comment without end", start)
        self.at = end + 1

    def _switch(self, flags: _Flags) -> _Flags | None:
        """The flags after `(?i)` and its like, or None where none stands here."""
        end = self.source.find(")", self.at)
        if not self.source.startswith("(?", self.at) or end < 0:
            return None
        letters = self.source[self.at + 2 : end]
        if not letters or not set(letters) <= set("imsxUJ-"):
            return None
        flags = self._flags(flags, letters)
        self.at = end + 1
        return flags

    def _flags(self, flags: _Flags, letters: str) -> _Flags:
        names = {"i": "ignore_case", "m": "multi_line", "s": "dot_all"}
        on, _, off = letters.partition("-")
        for letter in on + off:
            if letter not in names:
                raise self._error(f"flag `{letter}` has no meaning here (i, m and s have)")
        changes = {names[letter]: True for letter in on} | {names[letter]: False for letter in off}
        return replace(flags, **changes)

    def _atom(self, flags: _Flags, depth: int) -> _Piece:
        start, char = self.at, self._next()
        match char:
            case "(":
                return self._group(flags, depth, start)
            case "[":
                return _Piece(self._class(flags, start).plain(), empty=False)
            case ".":
                return _Piece((EVERYTHING if flags.dot_all else ~NEWLINE).plain(), empty=False)
            case "^":
                return _Piece("(?m:^)" if flags.multi_line else r"\A", empty=True, anchor=True)
            case "$":
                return _Piece("(?m:$)" if flags.multi_line else r"\z", empty=True, anchor=True)
            case "\\":
                return self._escape(flags, start)
            case "*" | "+" | "?":
                raise self._error(f"nothing to repeat with `{char}`", start)
        return _literal(char, flags)

    def _group(self, flags: _Flags, depth: int, start: int) -> _Piece:
        if self._take("?"):
            flags = self._group_kind(flags, start)
        elif self._take("*"):
            raise self._error("verbs have no linear-time meaning", start)
        inner = self._alternatives(flags, depth + 1)
        if not self._take(")"):
            raise self._error("unbalanced `(`", start)
        return _Piece(f"(?:{inner.plain})", inner.empty)

    def _group_kind(self, flags: _Flags, start: int) -> _Flags:
        if self._take(":"):
            return flags
        for opening in ("=", "!", "<=", "<!"):
            if self._take(opening):
                raise self._error("look-around has no linear-time meaning", start)
        if self._take("P<") or self._take("<"):
            end = self.source.find(">", self.at)
            if end < 0 or not self.source[self.at : end].isidentifier():
                raise self._error("group without a proper name", start)
            self.at = end + 1
            return flags
        colon = self.source.find(":", self.at)
        letters = self.source[self.at : colon] if colon >= 0 else ""
        if not letters or not set(letters) <= set("imsxUJ-"):
            raise self._error("group of unsupported kind", start)
        self.at = colon + 1
        return self._flags(flags, letters)

    def _escape(self, flags: _Flags, start: int) -> _Piece:
        char = self._next()
        if char in "AzbB":
            self.inner_boundary |= char == "B"
            return _Piece("\\" + char, empty=True, anchor=True)
        shorthand = self._shorthand(char)
        if shorthand is not None:
            return _Piece(shorthand.plain(), empty=False)
        if char.isdigit() and char != "0":
            raise self._error("back-references have no linear-time meaning", start)
        return _literal(self._character(char, start), flags)

    @staticmethod
    def _shorthand(char: str) -> CodePoints | None:
        points = _SHORTHANDS.get(char.lower())
        return ~points if points is not None and char.isupper() else points

    def _character(self, char: str, start: int) -> str:
        """The one character that the escape `char` and what follows it stand for."""
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "0" and not self.source[self.at : self.at + 1].isdigit():
            return "\0"
        if char == "x" and self._take("{"):
            end = self.source.find("}", self.at)
            digits, self.at = self.source[self.at : max(end, self.at)], end + 1
            return self._code_point(digits, start)
        if char in "xu":
            size = 2 if char == "x" else 4
            digits, self.at = self.source[self.at : self.at + size], self.at + size
            if len(digits) < size:
                raise self._error("code point without digits", start)
            return self._code_point(digits, start)
        if char.isalnum():
            raise self._error(f"unknown escape `\\{char}`", start)
        return char

    def _code_point(self, digits: str, start: int) -> str:
        try:
            number = int(digits, 16) if digits.isalnum() else -1
        except ValueError:
            number = -1
        if not 0 <= number <= 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise self._error("no code point", start)
        return chr(number)

    def _class(self, flags: _Flags, start: int) -> CodePoints:
        negated = self._take("^")
        points = CodePoints(())
        first = True
        while first or not self._take("]"):
            low = self._member(start)
            if isinstance(low, CodePoints):
                points |= low
            elif self.source.startswith("-", self.at) and self.source[self.at + 1 :][:1] != "]":
                self.at += 1
                high = self._member(start)
                if isinstance(high, CodePoints) or high < low:
                    raise self._error("bad range in a class")
                points |= CodePoints.of(low + high)
            else:
                points |= CodePoints.of(low + low)
            first = False
        if flags.ignore_case:
            points = folded(points)
        return ~points if negated else points

    def _member(self, start: int) -> str | CodePoints:
        if self.at == len(self.source):
            raise self._error("unbalanced `[`", start)
        here, char = self.at, self._next()
        if char == "[" and self._take(":"):
            end = self.source.find(":]", self.at)
            name = self.source[self.at : max(end, self.at)]
            negated, name = name.startswith("^"), name.removeprefix("^")
            if name not in _POSIX:
                raise self._error("unknown POSIX class", here)
            self.at = end + 2
            return ~_POSIX[name] if negated else _POSIX[name]
        if char != "\\":
            return char
        char = self._next()
        if char == "b":
            return "\b"
        return self._shorthand(char) or self._character(char, here)

    def _repeated(self, piece: _Piece) -> _Piece:
        start = self.at
        bounds = self._bounds()
        if bounds is None:
            return piece
        low, high = bounds
        self._take("?")  # laziness changes where a match ends, not whether there is one
        if self._take("+"):
            raise self._error("possessive repetition has no linear-time meaning", start)
        if self._bounds() is not None:
            raise self._error("repetition of a repetition", start)
        if max(low, high or 0) > MAX_REPEAT or (high is not None and high < low):
            raise self._error(f"repetition must be {{n,m}} with n <= m <= {MAX_REPEAT}", start)
        empty = piece.empty or low == 0
        if piece.anchor:
            return piece if low else _Piece("", empty=True)
        return _Piece(piece.plain + _SUFFIXES.get(bounds, _counted(bounds)), empty)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The bounds of the repetition that stands here; a `{` that is none is a literal."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        if not self.source.startswith("{", self.at):
            return None
        end = self.source.find("}", self.at)
        low, comma, high = self.source[self.at + 1 : max(end, self.at + 1)].partition(",")
        numbers = [part for part in (low, high) if part]
        if end < 0 or not numbers or not all(_is_count(part) for part in numbers):
            return None
        if not low:
            raise self._error("`{,n}` means different things to different engines")
        self.at = end + 1
        least = _count(low)
        return least, (_count(high) if high else None) if comma else least


_SUFFIXES = {(0, None): "*", (1, None): "+", (0, 1): "?"}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _count(digits: str) -> int:
    """The number that `digits` are, or one beyond any limit."""
    return int(digits) if len(digits) < 10 else MAX_REPEAT + 1


def _counted(bounds: tuple[int, int | None]) -> str:
    low, high = bounds
    if low == high:
        return f"{{{low}}}"
    return f"{{{low},{'' if high is None else high}}}"


def _literal(char: str, flags: _Flags) -> _Piece:
    if 0xD800 <= ord(char) <= 0xDFFF:
        raise RegexError("a lone surrogate in the pattern")
    if flags.ignore_case:
        return _Piece(folded(CodePoints.of(char + char)).plain(), empty=False)
    return _Piece(written(ord(char)), empty=False)
