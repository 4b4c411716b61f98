"""What marks say of prefixes and time, DELIVERY §4.2 to §4.5 and §5.2."""

import orjson

from tocsin.pipelines.frontier import Frontier, counted_sources
from tocsin.schemas.marks import Kind, Mark, Origin
from tocsin.schemas.records import Source
from tocsin.schemas.times import BEGINNING_OF_TIME, MINUTE, SECOND

FIRST = Origin("firewall", "topic-a", 0)
SECOND_ONE = Origin("firewall", "topic-a", 1)
SILENCE = 10 * MINUTE


def mark(
    first: int,
    next_: int,
    time: int = 0,
    kind: Kind = Kind.PROGRESS,
    generation: int = 1,
    origin: Origin = FIRST,
) -> Mark:
    return Mark("city", origin, first, next_, time, kind, generation)


def frontier(*marks: Mark) -> Frontier:
    built = Frontier(0, SILENCE)
    for each in marks:
        built.apply(each, seen=0)
    return built


def test_the_first_mark_of_a_partition_sets_its_prefix():
    """Whatever went before it was done, or its worker would not be there."""
    known = frontier(mark(500, 600))

    assert known.is_repeat(FIRST, 600)
    assert not known.is_repeat(FIRST, 601)


def test_a_mark_that_leaves_a_gap_extends_nothing():
    """Offsets 600 to 650 were never said to be done."""
    known = frontier(mark(500, 600), mark(650, 700, time=9))

    assert not known.is_repeat(FIRST, 601)
    assert known.watermark("city", [FIRST], now=0).time == 0


def test_a_mark_that_overlaps_the_prefix_extends_it():
    """Its first offset is a fetch position, at or below the prefix."""
    known = frontier(mark(500, 600, time=5), mark(550, 700, time=9))

    assert known.is_repeat(FIRST, 700)
    assert known.watermark("city", [FIRST], now=0).time == 9


def test_an_idle_mark_at_the_prefix_moves_time():
    """Nothing was read, and the clock went on."""
    known = frontier(mark(500, 600, time=5), mark(600, 600, time=8, kind=Kind.IDLE))

    assert known.watermark("city", [FIRST], now=0).time == 8


def test_a_mark_wholly_below_the_prefix_does_not_move_time():
    """It is of a worker that starts again from its commit."""
    known = frontier(mark(500, 600, time=5), mark(400, 450, time=8, kind=Kind.OPEN))

    assert known.watermark("city", [FIRST], now=0).time == 5
    assert known.is_repeat(FIRST, 600)


def test_time_never_goes_back():
    """A new worker has seen less of the partition than the one before it."""
    known = frontier(mark(0, 600, time=50), mark(600, 601, time=BEGINNING_OF_TIME))

    assert known.watermark("city", [FIRST], now=0).time == 50


def test_a_closed_partition_does_not_hold_the_watermark():
    """It was taken out of the configuration."""
    known = frontier(mark(0, 1, time=5, kind=Kind.CLOSED), mark(0, 1, time=70, origin=SECOND_ONE))

    assert known.watermark("city", [FIRST, SECOND_ONE], now=0).time == 70


def test_the_kind_of_an_older_generation_is_ignored():
    """A zombie that closes its partition does no harm."""
    known = frontier(
        mark(0, 1, time=5, generation=4), mark(0, 1, time=5, kind=Kind.CLOSED, generation=3)
    )

    assert known.watermark("city", [FIRST], now=0).time == 5


def test_a_partition_without_a_mark_holds_the_watermark():
    """Nobody knows yet what it holds."""
    known = frontier(mark(0, 1, time=70))

    assert known.watermark("city", [FIRST, SECOND_ONE], now=SILENCE).time == BEGINNING_OF_TIME


def test_a_silent_partition_is_passed_after_the_stated_maximum_and_named():
    """Both one that never spoke and one that stopped."""
    known = Frontier(0, SILENCE)
    third = Origin("mail", "topic-b", 0)
    known.apply(mark(0, 1, time=70), seen=SILENCE)
    known.apply(mark(0, 1, time=3, origin=SECOND_ONE), seen=SECOND)

    passed = known.watermark("city", [FIRST, SECOND_ONE, third], now=SILENCE + 2 * SECOND)

    assert passed.time == 70
    assert passed.passed == (SECOND_ONE, third)


def test_when_every_partition_is_silent_no_time_passes():
    """There is nobody left who could say that nothing is missing."""
    known = frontier(mark(0, 1, time=70))

    assert known.watermark("city", [FIRST], now=SILENCE + 1).time == BEGINNING_OF_TIME


def test_silence_is_worth_an_alarm_before_it_is_passed():
    """An operator has the rest of the ten minutes to do something."""
    known = frontier(mark(0, 1))
    known.apply(mark(0, 1, origin=SECOND_ONE), seen=50 * SECOND)

    assert known.silent([FIRST, SECOND_ONE], now=MINUTE, after=30 * SECOND) == [FIRST]


def test_sources_of_history_count_only_where_an_organisation_has_no_others():
    """They never hold the live watermark (§5.2)."""
    live = Source("mail", "postfix", "city")
    old = Source("old-mail", "postfix", "city", history=True)
    archive = Source("archive", "nginx", "library", history=True)

    assert counted_sources([old, live, archive]) == {"city": (live,), "library": (archive,)}


def test_what_was_saved_goes_on_where_it_stood():
    """Prefix, time and kind of each partition are those that its marks had set."""
    known = frontier(mark(500, 600, time=5), mark(0, 7, time=9, origin=SECOND_ONE))

    again = Frontier.restore(orjson.loads(orjson.dumps(known.save())), 0, SILENCE)

    assert again.is_repeat(FIRST, 600)
    assert not again.is_repeat(FIRST, 601)
    assert again.watermark("city", [FIRST, SECOND_ONE], now=0).time == 5


def test_a_partition_that_was_closed_is_closed_when_it_is_restored():
    """Its source was taken out, and it holds nobody."""
    known = frontier(mark(0, 7, time=9), mark(0, 3, kind=Kind.CLOSED, origin=SECOND_ONE))

    again = Frontier.restore(known.save(), 0, SILENCE)

    assert again.watermark("city", [FIRST, SECOND_ONE], now=0).time == 9


def test_nobody_was_silent_before_a_restore_began():
    """Marks of moment 0 count as of the moment at which reading began again."""
    known = frontier(mark(0, 7, time=9))

    again = Frontier.restore(known.save(), 60 * MINUTE, SILENCE)

    assert again.silent([FIRST], now=70 * MINUTE, after=SILENCE) == []
    assert again.silent([FIRST], now=70 * MINUTE + 1, after=SILENCE) == [FIRST]
