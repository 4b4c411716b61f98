"""The canonical form in which values are compared, hashed and grouped (SEMANTICS §1.4)."""

import math
import re
from decimal import Decimal
from functools import lru_cache

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_SURROGATES = re.compile("[\ud800-\udfff]")


def fold(text: str) -> str:
    """`text` in simple per-code-point lower case; its length never changes."""
    return text.lower() if text.isascii() else _fold(text)


@lru_cache(maxsize=4)  # several predicates look at one long text
def _fold(text: str) -> str:
    # Two lower cases of Python's are not simple: U+0130 becomes two, and a sigma that ends a word
    # another than one within.
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def clean(text: str) -> str:
    """`text` with lone surrogates replaced by U+FFFD, so that it can always be encoded."""
    return text if text.isascii() else _clean(text)


@lru_cache(maxsize=4)
def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def is_number(text: str) -> bool:
    """Whether `text` is of the form that counts as a number."""
    return _NUMBER.fullmatch(text) is not None


def shortest(text: str) -> str:
    """Numeric `text` (see `is_number`) in shortest decimal form: `1.10` is `1.1`, `-0` is `0`."""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def number_text(number: float) -> str:
    """An int or finite float in shortest decimal form, without exponent."""
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return repr(number)
    return shortest(format(Decimal(repr(number)), "f"))


def canonical(value: object) -> str | bool | None:
    """The canonical form of a scalar: text, a boolean, or None.

    Numbers and text of their form become one text; booleans stay themselves, as they equal
    nothing but booleans. Raises TypeError for lists and objects, which have no canonical form.
    """
    if isinstance(value, str):
        if value and (value[-1].isdigit()) and is_number(value):
            return shortest(value)
        return fold(clean(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return number_text(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def to_decimal(value: object) -> Decimal | None:
    """The exact number that `value` stands for, or None where it stands for none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, str) and is_number(value):
        return Decimal(value)
    return None
