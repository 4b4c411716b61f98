"""Regular expressions on long texts mean what they mean on short ones."""

import sys

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection.kinds import SEARCHES_SAFELY, Kinds, LongTextError, LongTextSearch
from tocsin.pipelines.detection.regex import compile_regex
from tocsin.pipelines.detection.regex_syntax import RegexError

ATOMS = [
    "a", "b", ".", r"\d", r"\w", r"\S", "[a-c]", "[^b]", r"[\s_]", "^", "$", r"\b", r"\B", "é", r"\.",
    "(?i:k)", "\u212a", "x{1,3}", "[-a]", r"\n", "(?m:^)", "(?m:$)", r"[^\x00-\x{10ffff}]",
]  # fmt: skip
"""All that plain patterns are made of."""


@settings(max_examples=300)
@given(
    st.data(),
    st.lists(st.text("ab1é.\n _kK\u212ax-\U0001f600", max_size=8), min_size=1, max_size=8),
    st.sampled_from(["", "i", "m", "ms"]),
)
def test_a_search_over_kinds_finds_what_re2_finds(expressions, data, texts, flags):
    """Whatever stands where, beyond ASCII too."""
    pattern = data.draw(expressions(ATOMS))
    try:
        regex = compile_regex(pattern, flags)
        search = LongTextSearch(regex.plain)
    except (RegexError, LongTextError):
        return
    for text in texts:
        expected = re2.search(regex.plain, text) is not None
        assert (search.search(text), regex.search(text)) == (expected, expected)


def test_a_line_begins_after_a_last_newline():
    """As RE2 has it and Hyperscan has not."""
    search = LongTextSearch(r"(?m:^)b?\z")

    assert [search.search(text) for text in ("a\n", "a\nb", "a", "\n", "")] == [
        True, True, False, True, True,
    ]  # fmt: skip


def test_long_texts_are_searched_with_the_pattern_s_meaning():
    """Anchors, words and kinds of characters in texts beyond the limit."""
    padding = "\u00e9" * 70_000

    assert compile_regex(r"^\w+$").search("a" * 70_000)
    assert not compile_regex(r"^\w+$").search("a" * 70_000 + "é")
    assert compile_regex(r"(?i)\bk\b.$").search(padding + "\u212a\u00e9") is False
    assert compile_regex(r"(?i)k.$").search(padding + "\u212a\u00e9")
    assert compile_regex(r"(?m)^b$").search(padding + "\nb\n" + padding)


def test_a_text_made_for_a_pattern_is_no_danger():
    """On this one some builds of Hyperscan write beyond their stack."""
    regex = compile_regex("(ab|c){60,}[^b]b{31}")

    assert not regex.search("a" * 65_536)
    assert regex.search("a" * 65_000 + "ab" * 60 + "a" + "b" * 31)


def test_kinds_are_what_classes_tell_apart():
    """Word characters become such, LF stays, and what no class names is one kind."""
    kinds = Kinds.of([])

    text = kinds.text("aZ_0\n.\u00e9\U0010ffff")

    assert len(set(text)) == 3
    assert text[:4].isalnum()
    assert text[4:5] == b"\n"
    assert not text[5:].isalnum()


def test_more_kinds_than_bytes_are_refused():
    """A pattern that tells apart more than 192 characters that are not ASCII."""
    with pytest.raises(RegexError, match="more kinds of characters than bytes"):
        compile_regex("|".join(chr(0x4E00 + 2 * number) for number in range(200)))


def test_every_python_but_the_newest_has_a_hyperscan_for_expressions():
    """So that what holds only with it is not left out unnoticed."""
    assert (sys.version_info < (3, 13)) == SEARCHES_SAFELY
