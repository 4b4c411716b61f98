"""The canonical form of values (SEMANTICS §1.4)."""

import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.values import canonical, clean, fold, is_number, to_decimal


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("Administrator", "administrator"),
        ("ÀÉÎ", "àéî"),
        ("İ", "i"),
        ("ẞ", "ß"),
        ("4625", "4625"),
        (4625, "4625"),
        (4625.0, "4625"),
        ("1.10", "1.1"),
        (1.1, "1.1"),
        ("-0", "0"),
        ("-0.0", "0"),
        (-0.0, "0"),
        ("04625", "04625"),
        ("+1", "+1"),
        ("1e5", "1e5"),
        ("1.", "1."),
        (".5", ".5"),
        ("٣", "٣"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (True, True),
        (None, None),
        ("", ""),
        ("a\ud800", "a\ufffd"),
    ],
)
def test_values_have_one_canonical_form(value: object, form: object) -> None:
    """Text in lower case, numbers and text of their form in shortest decimal form."""
    assert canonical(value) == form
    assert type(canonical(value)) is type(form)


@pytest.mark.parametrize("value", [[], {}, b"x"])
def test_lists_and_objects_have_no_canonical_form(value: object) -> None:
    """Who compares a list compares its elements."""
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical(value)


def test_no_code_point_changes_the_length_when_folded() -> None:
    """Simple case mapping, as Elasticsearch's lowercase does: one code point for one."""
    for point in range(sys.maxunicode + 1):
        assert len(fold(chr(point))) == 1


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    """A canonical text is its own canonical form."""
    assert fold(fold(text)) == fold(text)


@given(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_canonical_form_is_stable(value: object) -> None:
    """What was made canonical stays as it is."""
    assert canonical(canonical(value)) == canonical(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_numbers_keep_their_value(number: float) -> None:
    """Shortest decimal form is exact: it reads back as the same double."""
    form = canonical(number)

    assert isinstance(form, str)
    assert is_number(form)
    assert float(form) == number


@given(st.integers(), st.integers(0, 12))
def test_trailing_zeros_do_not_count(number: int, zeros: int) -> None:
    """1.50 and 1.5 are one value."""
    assert canonical(f"{number}.5{'0' * zeros}") == canonical(f"{number}.5")


@given(st.text())
def test_cleaned_text_can_be_encoded(text: str) -> None:
    """Lone surrogates, which no encoding takes, are gone."""
    clean(text + "\udfff").encode("utf-8")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, Decimal(1)),
        (0.1, Decimal("0.1")),
        ("0.10", Decimal("0.10")),
        ("1e5", None),
        ("", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        ([1], None),
    ],
)
def test_numbers_are_exact_and_everything_else_is_none(value: object, number: object) -> None:
    """SEMANTICS §3.4: a finite decimal number or text of one."""
    assert to_decimal(value) == number


@given(st.integers(), st.integers(1, 10**6))
def test_decimals_of_integers_and_text_agree(number: int, part: int) -> None:
    """The number and its text stand for the same."""
    assert to_decimal(number) == to_decimal(str(number))
    assert Fraction(to_decimal(f"{number}.{part}") or 0) == Fraction(f"{number}.{part}")
