"""Caches keep what comes again, within a budget, and give the same answers whatever they keep."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.detection import cache
from tocsin.pipelines.detection.cache import MISSING, Memory, ValueCache

ODD = frozenset((1,))
EVEN = frozenset((2,))


def parity(value):
    return ODD if len(str(value)) % 2 else EVEN


@pytest.fixture
def small(monkeypatch):
    """Caches that think over what they keep after a few texts."""
    monkeypatch.setattr(cache, "TRUSTED", 8)
    monkeypatch.setattr(cache, "TRIED", 4)
    monkeypatch.setattr(cache, "RESTED", 16)


def test_texts_that_come_again_are_kept(small):
    """Through every trial: what lay aside meanwhile is there again."""
    asked = []
    values = ValueCache(lambda value: asked.append(value) or ODD, Memory(1 << 20))
    texts = [f"text {number}" for number in range(8)]

    for _ in range(20):
        for text in texts:
            assert values[text] is ODD

    assert len(asked) == 8 + 4
    assert len(values) == 8


def test_texts_that_never_come_twice_are_not_kept_for_long(small):
    """After a trial without one of them, until the next attempt."""
    values = ValueCache(parity, Memory(1 << 20))
    texts = (f"text {number}" for number in count())

    kept = []
    for _ in range(8 + 4 + 16 + 8):
        values[next(texts)]
        kept.append(len(values))

    assert kept[:8] == [1, 2, 3, 4, 5, 6, 7, 1]
    assert kept[11:27] == [0] * 16
    assert kept[27:35] == [1, 2, 3, 4, 5, 6, 7, 8]


@given(st.lists(st.sampled_from(["a", "bb", "ccc", None, 2, 33, 1, True, 1.0, MISSING])))
def test_answers_are_those_of_the_work(asked):
    """Whatever is asked in whichever order, and however little may be kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "TRUSTED", 2)
        patch.setattr(cache, "TRIED", 1)
        patch.setattr(cache, "RESTED", 2)
        for limit in (0, 450, 1 << 20):
            values = ValueCache(parity, Memory(limit))
            assert [values.look_up(each) for each in asked] == [parity(each) for each in asked]


def test_a_spent_budget_empties_all_caches(small):
    """And what lies aside; the entries are counted."""
    memory = Memory(10 * 210)
    first, second = ValueCache(parity, memory), ValueCache(parity, memory)

    for number in range(30):
        first[f"text {number}"], second["always"]

    assert memory.evicted > 0
    memory.empty()
    assert (len(first), len(second)) == (0, 0)


def test_texts_that_are_not_kept_are_worked_out_together(small):
    """What else there is in a batch is looked up; after a while all of it is again."""
    together = []

    def of_texts(texts):
        together.append(list(texts))
        return list(map(parity, texts))

    values = ValueCache(parity, Memory(1 << 20), of_texts)
    for number in range(8 + 4):
        values[f"text {number}"]

    batch = ["x", None, ["list"], "yy", MISSING]
    assert values.rests
    for _ in range(8):
        assert values.look_up_each(batch) == list(map(parity, batch))
    assert together == [["x", "yy"]] * 8
    assert not values.rests
    assert values.look_up_each(batch) == list(map(parity, batch))
    assert len(together) == 8


def test_zero_and_one_are_kept_apart_from_what_python_takes_for_them():
    """Event numbers come again and again; truth and floats are of other text."""
    asked = []
    values = ValueCache(lambda value: asked.append(value) or parity(value), Memory(1 << 20))

    for _ in range(3):
        assert [values[each] for each in (1, 0, True, 0.0)] == [ODD, ODD, EVEN, ODD]

    assert list(map(repr, asked)) == ["1", "0", "True", "0.0", "True", "0.0", "True", "0.0"]
    values.clear()
    assert values[1] is ODD
    assert len(asked) == 9
