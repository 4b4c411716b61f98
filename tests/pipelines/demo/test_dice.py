"""Chance that is the same everywhere: known numbers for a seed, streams that do not disturb."""

from tocsin.pipelines.demo.clock import HOUR_MS
from tocsin.pipelines.demo.dice import Dice


def test_streams_of_one_seed_are_independent():
    """What one stream draws leaves another as it is."""
    quiet, disturbed = Dice(1, "mail"), Dice(1, "mail")
    other = Dice(1, "firewall")

    drawn = [quiet.below(1_000_000) for _ in range(5)]
    for _ in range(100):
        other.below(10)

    assert [disturbed.below(1_000_000) for _ in range(5)] == drawn
    assert [other.below(1_000_000) for _ in range(5)] != drawn


def test_choices_stay_within_their_bounds():
    """Ends are included where a method says so, and both are reached."""
    dice = Dice(7, "bounds")

    assert {dice.between(1, 3) for _ in range(200)} == {1, 2, 3}
    assert {dice.below(2) for _ in range(200)} == {0, 1}
    assert {dice.pick("ab") for _ in range(200)} == {"a", "b"}
    assert all(10 <= dice.amount(10, 20) < 20 for _ in range(200))


def test_small_amounts_are_the_most():
    """Half of all amounts lie in the first sixteenth of their range."""
    dice = Dice(7, "amounts")

    small = sum(dice.amount(0, 1_600_000) < 100_000 for _ in range(4_000))

    assert 1_850 < small < 2_150


def test_moments_follow_the_hours_weights():
    """An hour without weight has no moments."""
    dice = Dice(7, "hours")
    weights = [0] * 24
    weights[9], weights[14] = 3, 1

    hours = [dice.moment(weights) // HOUR_MS for _ in range(4_000)]

    assert set(hours) == {9, 14}
    assert 2_850 < hours.count(9) < 3_150


def test_a_rhythm_is_late_but_never_early():
    """Each beat comes within its jitter."""
    beats = Dice(7, "beats").rhythm(0, 10_000, 1_000, 100)

    assert len(beats) == 10
    assert all(0 <= beat - number * 1_000 < 100 for number, beat in enumerate(beats))
