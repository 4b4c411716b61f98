"""Which expressions may be looked for in texts that stand together."""

import pytest

from tocsin.pipelines.detection.expressions import is_local
from tocsin.pipelines.detection.regex import compile_regex


@pytest.mark.parametrize("text", ["a", "[*+]b", r"\*\+\\", "(a|bc){1,9}x?", r"\x41{3}", "[^a]"])
def test_matches_of_a_greatest_length_are_found_anywhere(text):
    """Whatever stands around them."""
    assert is_local(compile_regex(text, "").plain)


@pytest.mark.parametrize(
    "text", ["a*", "a+", "a{2,}", "(?:a+)?", "^a", "a$", "(?m)^a", r"\ba", r"\Ba"]
)
def test_others_may_reach_into_neighbours_or_depend_on_them(text):
    """Repetitions without end, and what looks at the ends of a text or word."""
    assert not is_local(compile_regex(text, "").plain)
