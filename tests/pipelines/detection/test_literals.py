"""Literals are found in texts of any length, whichever of the two searches looks for them."""

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
