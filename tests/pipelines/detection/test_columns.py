"""A column says the same of a text by itself and among many."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection import columns, expressions, literals
from tocsin.pipelines.detection.columns import Column
from tocsin.pipelines.detection.forms import Atoms
from tocsin.pipelines.detection.ir import Contains, EndsWith, Equals, Matches, StartsWith
from tocsin.pipelines.detection.regex import compile_regex

PARTS = ["a", "b", "c", "A", "-", ":", ".", "1", "0", "\n", "é", "\u212a", "\ud800"]
PARTS += ["\x00", "\x02", "\x03", "\x03\x02", "x" * 30]
WORDS = ["", "a", "ab", "b", "ca", "-x", "1", "1.0", "k", "\x00", "\x03\x02", "b\x03", "\x02a"]
EXPRESSIONS = ["[ab]:", ":.", "^a", "b$", ".", "[a-c]+", "(?i)c?A", "a*", r"\bb\b", "[ab]{2}."]

texts = st.lists(st.sampled_from(PARTS), max_size=4).map("".join)
predicates = st.one_of(
    st.builds(
        lambda kind, text, cased, windash: kind(text, cased=cased, windash=windash),
        st.sampled_from([Contains, StartsWith, EndsWith, Equals]),
        st.sampled_from(WORDS),
        st.booleans(),
        st.booleans(),
    ),
    st.sampled_from(EXPRESSIONS).map(lambda text: Matches(compile_regex(text, ""))),
)


def atoms_of(asked):
    atoms = Atoms()
    for each in asked:
        atoms.numbers(("F",), each)
    return dict(enumerate(atoms.known))


@settings(max_examples=500)
@given(st.lists(st.lists(predicates, min_size=1, max_size=3), max_size=6), st.lists(texts))
def test_many_texts_are_told_together_what_each_is_told(asked, values):
    """Long ones, others than ASCII and such with marks among them; lazy atoms may stay open."""
    atoms = atoms_of(asked)
    lazy = {number for number, atom in atoms.items() if atom.lazy}
    column = Column(atoms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "APART", 0)
        patch.setattr(columns, "TOGETHER", 3)
        patch.setattr(columns, "CHUNK", 50)
        patch.setattr(literals, "CHUNK", 20)
        patch.setattr(expressions, "PAYS", 0)

        each = [column.signature(value) for value in values]
        together = column.signatures(values)

    assert [found - lazy for found in together] == [found - lazy for found in each]
    assert all(found >= one for found, one in zip(together, each, strict=True))


def test_texts_that_hold_too_much_are_asked_one_by_one(monkeypatch):
    """Occurrences are found one by one, so many of them are no gain."""
    monkeypatch.setattr(literals, "MAX_HITS_EACH", 2)
    column = Column(atoms_of([[Contains("a")], [EndsWith("b")]]))

    assert column.signatures(["aaaaab", "", "ba"]) == [{0, 1}, set(), {0}]


def test_what_is_known_of_texts_is_bounded_by_what_they_hold(monkeypatch):
    """Texts made to hold many needles each fill no more memory than others."""
    monkeypatch.setattr(columns, "MAX_KNOWN", 100)
    column = Column(atoms_of([[Contains(word)] for word in ("ab", "cd", "ef", "gh", "ij", "kl")]))

    for chosen in range(64):
        words = (
            ("ab", "cd", "ef", "gh", "ij", "kl")[each] for each in range(6) if chosen >> each & 1
        )
        expected = {each for each in range(6) if chosen >> each & 1}
        assert column.signature(" ".join(words)) == expected
        known = column._known.items()
        assert sum(len(hits) + len(atoms) for (_, hits, _), atoms in known) <= 100
