"""Regular expressions with one meaning, and in linear time (SEMANTICS §2.6).

Sigma's `re` says "a subset of PCRE"; engines differ in what they make of it. Here a pattern is
rewritten in a plain form with its one meaning (`regex_syntax`), and searched for anywhere in the
text, which is code points. What would be too large, or could take too long, is refused with
RegexError.
"""

from dataclasses import dataclass, field
from functools import cache

import re2

from tocsin.pipelines.detection.kinds import LongTextError, LongTextSearch
from tocsin.pipelines.detection.regex_syntax import RegexError, plain_form

MAX_PROGRAM = 12_000
"""RE2 instructions, 16 bytes each; the largest public pattern has 8,005."""

LONG = 512
"""Bytes of UTF-8 from which a text is long (`kinds`). For so many RE2 takes up to three
milliseconds if they are made for the pattern, and a microsecond if not."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern of a rule: `source` and `flags` (of "ims") as written, `plain` as rewritten.

    What is equal as rewritten is equal.
    """

    source: str = field(compare=False)
    flags: str = field(compare=False)
    plain: str

    @property
    def size(self) -> int:
        """By how much it may take longer than others; see `kinds.MAX_SIZE`."""
        return _long_search(self.plain).size

    def search(self, text: str) -> bool:
        """Whether `text` (without lone surrogates) holds a match.

        It takes time linear in the text's length, some milliseconds for 64 KiB.
        """
        data = text.encode()
        if len(data) > LONG:
            return _long_search(self.plain).search(text)
        return _matcher(self.plain).search(data) is not None


def compile_regex(source: str, flags: str = "") -> Regex:
    """The Regex of a rule's pattern; raises RegexError."""
    plain = plain_form(source, flags)
    try:
        matcher = _matcher(plain)
    except re2.error as error:
        raise RegexError(f"the regular expression is too large: {error}") from None
    if matcher.programsize > MAX_PROGRAM:
        raise RegexError(
            f"the regular expression is too large: {matcher.programsize} instructions, "
            f"at most {MAX_PROGRAM}"
        )
    try:
        _long_search(plain)
    except LongTextError as error:
        raise RegexError(f"the regular expression could take too long: {error}") from None
    return Regex(source, "".join(sorted(set(flags))), plain)


@cache
def _matcher(plain: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(plain, options)


_long_search = cache(LongTextSearch)
