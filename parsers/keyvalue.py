"""Pairs as firewalls write them: `key=value key="quoted value"`, separated by spaces or commas.

What stands in quotes never becomes a field of its own, however it looks: a quoted value ends at a
quote that is not escaped and that a separator and the next key, or the end, follows. A quote that
nothing closes holds all the rest.
"""

import re
from typing import NamedTuple

_KEY = r"[A-Za-z_][^\s=\",]*+"
_PAIR = re.compile(
    rf"""
    ({_KEY})=
    (?:
        ( "[^"\\]*+ (?: (?: \\. | \\\Z | "(?! [\s,]*+ (?: \Z | (?<=[\s,]) {_KEY}= ) ) )
                        [^"\\]*+ )*+ )
        ("|\Z)
      | ( [^\s,]*+ (?: ,(?! \s | \Z | {_KEY}= ) [^\s,]*+ )*+ )
    )
    | ( [^\s,]++ )
    """,
    re.ASCII | re.DOTALL | re.VERBOSE,
)


class Pairs(NamedTuple):
    """What a line of pairs says.

    `fields` has the first value of each key, without its quotes and with quotes unescaped;
    `cut` says that the last quote was never closed.
    """

    fields: dict[str, str]
    cut: bool = False


def read_pairs(text: str, start: int = 0) -> Pairs:
    r"""The pairs of `text` from `start` on, in one pass.

    `\"` is a quote within quotes; any other backslash is itself, as in `user="CORP\ada"`. Words
    after an unquoted value belong to it (`devname=Main Office`), those before the first pair to
    nothing. Of a repeated key the first value counts: later ones may be a sender's.
    """
    fields: dict[str, str] = {}
    words: list[str] = []
    key = ""
    cut = False
    escaped = '\\"' in text
    for name, quoted, close, bare, word in _PAIR.findall(text, start):
        if word:
            words.append(word)
            continue
        if words:
            _append(fields, key, words)
            words = []
        key = name
        if quoted:
            cut = not close
        if key in fields:
            key = ""
        elif quoted:
            fields[key] = quoted[1:].replace('\\"', '"') if escaped else quoted[1:]
        else:
            fields[key] = bare
    _append(fields, key, words)
    return Pairs(fields, cut)


def _append(fields: dict[str, str], key: str, words: list[str]) -> None:
    if key and words:
        fields[key] = " ".join([fields[key], *words]).lstrip()
