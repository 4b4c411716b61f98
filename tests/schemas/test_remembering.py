"""Remembering what texts came to."""

from tocsin.schemas.remembering import MAX_LENGTH, remembering


def test_a_function_is_asked_once_for_a_text():
    """What it returned comes back for an equal text; None counts as well."""
    asked: list[str] = []

    @remembering(10)
    def number(text: str) -> int | None:
        asked.append(text)
        return int(text) if text.isdecimal() else None

    assert [number("7"), number("x"), number("7"), number("x")] == [7, None, 7, None]
    assert asked == ["7", "x"]


def test_no_more_texts_are_remembered_than_allowed():
    """With room for two, the third text takes the place of both."""
    asked: list[str] = []

    @remembering(2)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    for text in ("a", "bb", "ccc", "ccc", "a"):
        assert length(text) == len(text)
    assert asked == ["a", "bb", "ccc", "a"]


def test_long_texts_are_not_remembered():
    """One character more than is remembered is asked each time."""
    asked: list[int] = []

    @remembering(10)
    def length(text: str) -> int:
        asked.append(len(text))
        return len(text)

    for size in (MAX_LENGTH, MAX_LENGTH, MAX_LENGTH + 1, MAX_LENGTH + 1):
        assert length("x" * size) == size
    assert asked == [256, 257, 257]
