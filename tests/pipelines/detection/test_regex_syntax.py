"""The text of a regular expression has one meaning, which its plain form shows."""

import pytest

from tocsin.pipelines.detection.regex_syntax import RegexError, plain_form


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("abc", "abc"),
        ("(?i)ab", "[Aa][Bb]"),
        (r"\d+$", r"[0-9]+\z"),
        (r"^\s", r"\A[\x09-\x0d ]"),
        ("a.b", r"a[\x00-\x09\x0b-\x{10ffff}]b"),
        ("(?s)a.b", r"a[\x00-\x{10ffff}]b"),
        ("(?:a|(?i)b)c", "(?:a|[Bb])c"),
        ("(a|b)?", "(?:a|b)?"),
        (r"\x41\x{42}", "AB"),
        ("a{2,}?", "a{2,}"),
        ("(?m)^a$", "(?m:^)a(?m:$)"),
    ],
)
def test_a_pattern_is_rewritten_without_flags_and_shorthands(pattern, plain):
    """What is left means the same to every engine of RE2's family."""
    assert plain_form(pattern) == plain


def test_an_error_names_the_place():
    """The message counts characters of the pattern from 1."""
    with pytest.raises(RegexError, match="look-around has no linear-time meaning at 3 of the"):
        plain_form("ab(?=c)")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a)\1", "back-references have no linear-time meaning at 4 of the pattern"),
        (r"\w++", "possessive repetition has no linear-time meaning at 3 of the pattern"),
        ("(?>a)", "group of unsupported kind at 1 of the pattern"),
        (r"a\pL", r"unknown escape `\p` at 2 of the pattern"),
        ("a{,3}", "`{,n}` means different things to different engines at 2 of the pattern"),
        ("a**", "repetition of a repetition at 2 of the pattern"),
        ("a|(?x)b", "flag `x` has no meaning here (i, m and s have) at 3 of the pattern"),
    ],
)
def test_what_has_another_meaning_is_refused(pattern, reason):
    """Engines differ in it, or cannot answer in linear time."""
    with pytest.raises(RegexError) as told:
        plain_form(pattern)
    assert str(told.value) == reason
