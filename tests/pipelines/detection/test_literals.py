"""Literals are found in texts of any length, whichever of the two searches looks for them."""

import pytest

from tocsin.pipelines.detection import literals


def test_a_literal_with_nul_is_found_in_long_texts(monkeypatch):
    """Hyperscan's binding ends a literal at NUL; such literals are looked for without it."""
    monkeypatch.setattr(literals, "MAX_PIECES", -1)
    search = literals.LiteralSearch(["\x00", "a\x00b", "abc"])
    lone = literals.LiteralSearch(["x\x00y"])

    assert search.find("abc " * 2000) == {2}
    assert search.find("a\x00c " * 2000) == {0}
    assert search.find("a\x00b abc " * 2000) == {0, 1, 2}
    assert lone.find("x" * 9000) == frozenset()
    assert lone.find("x" * 9000 + "\x00y") == {0}


def test_each_of_several_texts_is_told_its_own_literals():
    """Ends of texts are found where they are, and nothing across them."""
    search = literals.LiteralSearch(["ab", "\x02b", "b\x03", "ba", "\x00"])
    texts = ["ab", "c", "", "ba ab"]

    assert search.find_in_each(texts, literals.BETWEEN.join(texts)) == {0: {0, 2}, 3: {0, 1, 2, 3}}
    with pytest.raises(literals.TooManyError):
        search.find_in_each(["a\x00"], "a\x00")
    assert literals.LiteralSearch(["\x00"]).find_in_each(["a"], "a") == {}
    assert literals.LiteralSearch([]).find_in_each(["a"], "a") == {}
