r"""Regular expressions on long texts: over kinds of characters, by Hyperscan.

RE2 goes through all places of a pattern at which it may be, character by character; on 64 KiB made
for it, `a[ab]{900}c` takes a fifth of a second. Hyperscan keeps such places in a few registers, the
better the smaller the alphabet. So a pattern is written anew over the **kinds** of characters that
it tells apart, a byte for each, and so is the text:

    [Cc]md[^\x0a]{1,64}\x{e9}     kinds   C c   m   d   LF   é      other letters   all others
                                  bytes    0    1   2   \n   \x00         3            \x01

Word characters become such and all others what is none, and LF stays itself, so that `\b` and the
ends of lines are where they were. What is read here is the plain form of `regex_syntax`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import hyperscan
import numpy as np
import numpy.typing as npt
import re2

from tocsin.pipelines.detection.codepoints import LAST, CodePoints

MAX_SIZE = 160
"""RE2 instructions of the pattern over kinds, where a repetition `x{n,m}` of one kind of characters
counts as at most `FEW` of them; the largest public pattern has 130. Hyperscan then needs tenths of
a second at most to compile it, and some milliseconds for 64 KiB made for it."""

FEW = 8
"""Repetitions of one kind from which Hyperscan counts them instead of keeping a place for each."""

MAX_STEPS = 16
"""RE2 instructions up to which RE2 itself takes no longer, whatever the text."""

WORD = CodePoints.of("09", "AZ", "__", "az")
NEWLINE = CodePoints.of("\n\n")

_LF = ord("\n")
_ABSENT = 255
"""A byte that no text has over kinds, for classes without characters."""

_WORD_BYTES = [each for low, high in WORD.ranges for each in range(low, high + 1)]
_OTHER_BYTES = [each for each in range(_ABSENT) if each not in {_LF, *_WORD_BYTES}]

_TOKEN = re.compile(
    r"""(?P<sign>\\[AzbB]|\(\?m:[\^$]\)|\(\?:|[()|*+?]|\{\d+(?:,\d*)?\})
    |\[(?P<members>(?:\\x\{[0-9a-f]+\}|\\.|[^\]\\])*)\]
    |(?P<char>\\x\{[0-9a-f]+\}|\\x[0-9a-f]{2}|\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"(?P<dash>-)|(?:\\x\{[0-9a-f]+\}|\\x[0-9a-f]{2}|\\.|.)", re.DOTALL)
_KIND = rb"(?:\[[^\]]*\]|\\x..)"
_GROUPED = re.compile(rb"\(\?:(%b)(?:\|%b)*\)" % (_KIND, _KIND))
_RUN = re.compile(rb"(?P<class>\[[^\]]*\])|(?:\\x..)+(?=\\x..)")
"""Characters of a literal but for its last."""

_REPEATED = re.compile(rb"(?P<kind>%b)\{(?P<low>\d+)(?:,(?P<high>\d*))?\}" % _KIND)
_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY


def _version() -> tuple[int, ...]:
    """The version of the Hyperscan that the package brings."""
    database = hyperscan.Database()
    database.compile(expressions=[b"a"])
    found = re.search(rb"Version: (\d+)\.(\d+)\.(\d+)", database.info())
    return tuple(map(int, found.groups())) if found else ()


SEARCHES_SAFELY = () < _version() < (5, 4, 11)
"""Whether Hyperscan may be given regular expressions. Newer packages bring Vectorscan, which writes
beyond its stack where it searches long texts backwards (VectorCamp/vectorscan, pull request 392).
RE2 then answers alone, and takes longer for long texts. Literals are no danger."""


class LongTextError(ValueError):
    """The pattern cannot be answered for long texts in milliseconds; says why."""


class LongTextSearch:
    """A pattern in plain form, ready to be looked for in long texts; raises LongTextError."""

    def __init__(self, plain: str) -> None:
        tokens = list(_tokens(plain))
        self._kinds = Kinds.of(token for token in tokens if isinstance(token, CodePoints))
        over_kinds = "".join(
            token if isinstance(token, str) else self._kinds.written(token) for token in tokens
        ).encode()
        self.size = _size(over_kinds)
        if self.size > MAX_SIZE:
            raise LongTextError(f"{self.size} steps on long texts, at most {MAX_SIZE}")
        self._database = _compiled(over_kinds)
        is_slow = self._database is None or not SEARCHES_SAFELY
        self._slow = _matcher(over_kinds) if is_slow else None
        # Hyperscan, like PCRE, begins no line after a last LF.
        last = _matcher(rb"x\n(?:" + over_kinds + rb")\z")
        self._after_last_line = last.search(b"x\n") is not None

    def search(self, text: str) -> bool:
        """Whether `text`, which has no lone surrogates, holds a match."""
        data = self._kinds.text(text)
        if self._slow is not None:
            return self._slow.search(data) is not None
        if self._after_last_line and data.endswith(b"\n"):
            return True
        found: list[int] = []
        self._database.scan(data, match_event_handler=_collect, context=found)
        return bool(found)


def _compiled(over_kinds: bytes) -> Any:
    """The database of one pattern; None where RE2 is as quick."""
    database = hyperscan.Database()
    try:
        database.compile(expressions=[over_kinds], ids=[0], elements=1, flags=[_FLAGS])
    except hyperscan.HyperscanError as error:
        reason = str(error).lower()
        if "never match" in reason or _matcher(over_kinds).programsize <= MAX_STEPS:
            return None
        if "anchors" in reason:
            raise LongTextError("an anchor (`^`, `$`) amid the pattern") from None
        raise LongTextError(reason.rstrip(".")) from None
    return database


def _matcher(over_kinds: bytes) -> "re2._Regexp":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.never_capture = True
    return re2.compile(over_kinds, options)


def _size(over_kinds: bytes) -> int:
    """RE2 instructions of the pattern with what costs little made short."""
    plain = _GROUPED.sub(rb"\1", over_kinds)
    plain = _RUN.sub(lambda run: run["class"] or b"", plain)
    return int(_matcher(_REPEATED.sub(_few, plain)).programsize)


def _few(repeated: re.Match[bytes]) -> bytes:
    kind, low, high = repeated["kind"], int(repeated["low"]), repeated["high"]
    if high is None:
        return b"%b{%d}" % (kind, min(low, FEW))
    return b"%b{%d,%b}" % (kind, min(low, FEW), high and b"%d" % min(int(high), FEW))


def _collect(number: int, _start: int, _end: int, _flags: int, found: list[int]) -> None:
    found.append(number)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Each code point from one of `starts` to before the next is of the kind beside it in `codes`.

    `ascii` has the kinds of all bytes that are ASCII.
    """

    starts: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint8]
    ascii: bytes

    @classmethod
    def of(cls, classes: Iterable[CodePoints]) -> "Kinds":
        """The kinds that some classes of characters tell apart; raises LongTextError."""
        distinct = [NEWLINE, WORD, *dict.fromkeys(classes)]
        changes: dict[int, int] = defaultdict(int)
        for number, points in enumerate(distinct):
            for low, high in points.ranges:
                changes[low] ^= 1 << number
                changes[high + 1] ^= 1 << number
        bytes_of = {0: _OTHER_BYTES[0]}
        left = {False: iter(_OTHER_BYTES[1:]), True: iter(_WORD_BYTES)}
        codes = []
        within = 0
        starts = sorted({0, *changes} - {LAST + 1})
        for start in starts:
            within ^= changes[start]
            if within not in bytes_of:
                byte = _LF if within & 1 else next(left[bool(within & 2)], None)
                if byte is None:
                    raise LongTextError("more kinds of characters than bytes")
                bytes_of[within] = byte
            codes.append(bytes_of[within])
        found = np.array(starts, np.uint32), np.array(codes, np.uint8)
        return cls(*found, _codes(*found, np.arange(256, dtype=np.uint32)).tobytes())

    def text(self, text: str) -> bytes:
        """The kinds of the characters of a text."""
        if text.isascii():
            return text.encode().translate(self.ascii)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        return _codes(self.starts, self.codes, points).tobytes()

    def written(self, points: CodePoints) -> str:
        """A class of characters, none of which shares its kind with one outside, over kinds."""
        kinds: set[int] = set()
        for low, high in points.ranges:
            first, last = np.searchsorted(self.starts, [low, high], side="right") - 1
            kinds.update(self.codes[first : last + 1].tolist())
        members = [f"\\x{each:02x}" for each in sorted(kinds) or [_ABSENT]]
        return members[0] if len(members) == 1 else f"[{''.join(members)}]"


def _codes(
    starts: npt.NDArray[np.uint32], codes: npt.NDArray[np.uint8], points: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint8]:
    return codes[np.searchsorted(starts, points, side="right") - 1]


def _tokens(plain: str) -> Iterator[str | CodePoints]:
    """Signs as they stand, and characters and classes as sets."""
    for token in _TOKEN.finditer(plain):
        if token["sign"] is not None:
            yield token["sign"]
        elif token["members"] is not None:
            yield _class(token["members"])
        else:
            yield CodePoints.of(_char(token["char"]) * 2)


def _class(members: str) -> CodePoints:
    negated = members.startswith("^")
    found = list(_MEMBER.finditer(members.removeprefix("^")))
    pairs: list[str] = []
    ranged = False
    for member in found:
        if member["dash"] is not None:
            ranged = True
        elif ranged:
            pairs[-1] = pairs[-1][0] + _char(member[0])
            ranged = False
        else:
            pairs.append(_char(member[0]) * 2)
    points = CodePoints.of(*pairs)
    return ~points if negated else points


def _char(written: str) -> str:
    if written.startswith("\\x"):
        return chr(int(written[2:].strip("{}"), 16))
    return written[-1]
