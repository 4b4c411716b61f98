"""Which expressions are looked for in one pass, and which in texts that stand together."""

import pytest

from tocsin.pipelines.detection.expressions import PAYS, ExpressionFilter, is_filterable, is_local
from tocsin.pipelines.detection.ir import Matches
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


@pytest.mark.parametrize("text", ["^$", "^[0-9]*$", "a|^$"])
def test_a_line_begins_after_a_last_line_feed(text):
    """An empty one, which Hyperscan does not know of."""
    regex = compile_regex(text, "m")
    expressions = ExpressionFilter([regex.plain])
    for _ in range(PAYS):
        expressions.find("warm")

    assert expressions.find("line") == frozenset()
    assert expressions.find("line\n") == frozenset((0,))


@pytest.mark.parametrize("text", ["a[^b]{0,65}c", "a{65}", "(?:ab){65,}", r"\\x{65}"])
def test_long_repetitions_stay_open(text):
    """Whichever of their bounds is the long one."""
    assert not is_filterable(Matches(compile_regex(text, "")))


@pytest.mark.parametrize("text", ["a[^b]{0,64}c", "a{64,}", "\u2019."])
def test_short_repetitions_and_code_points_do_not(text):
    """The number of a code point is no count."""
    assert is_filterable(Matches(compile_regex(text, "")))
