"""Prefixes and marks of one source partition, DELIVERY §3.1 and §4.2, §4.3."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tocsin.pipelines.frontier import Frontier
from tocsin.pipelines.progress import PartitionProgress, Prefix
from tocsin.schemas.marks import Kind, Mark, Origin
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME, MINUTE, SECOND

ORIGIN = Origin("firewall", "topic-a", 3)


def progress(position: int = 100, committed: int = 100) -> PartitionProgress:
    return PartitionProgress("city", ORIGIN, committed, position, MINUTE)


def test_a_prefix_ends_before_the_first_span_that_is_not_acknowledged():
    """Spans behind a gap wait for it."""
    prefix = Prefix(10)

    gained = prefix.acknowledge(20, 30, 7)

    assert gained is None
    assert prefix.end == 10


def test_closing_the_gap_gains_all_that_waited_behind_it():
    """The highest time is that of everything gained, not of the last span."""
    prefix = Prefix(10)
    prefix.acknowledge(20, 30, 900)
    prefix.acknowledge(30, 35, 400)

    gained = prefix.acknowledge(10, 20, 500)

    assert gained == 900
    assert prefix.end == 35


@pytest.mark.parametrize(("first", "next_"), [(10, 10), (9, 12), (12, 11)])
def test_a_span_that_is_empty_or_below_the_prefix_is_a_defect(first: int, next_: int):
    """It can only come from a batch that was begun twice."""
    with pytest.raises(ValueError, match="does not extend"):
        Prefix(10).acknowledge(first, next_, 0)


def test_offsets_that_the_broker_skipped_are_done_with_their_batch():
    """A batch reaches from the end of the one before it, wherever its first record stands."""
    partition = progress()

    first = partition.begin(150)
    partition.acknowledge(first, 150, 0)

    assert first == 100
    assert partition.done == 150


def test_the_open_mark_covers_what_the_log_no_longer_holds():
    """Where retention overtook the commit, the lost offsets leave no gap in the marks."""
    mark = progress(position=140, committed=100).open(generation=7)

    assert mark == Mark("city", ORIGIN, 100, 140, BEGINNING_OF_TIME, Kind.OPEN, 7)


def test_the_time_of_a_mark_is_the_highest_so_far_less_the_lateness():
    """A later batch with lower times does not take it back."""
    partition = progress()
    partition.acknowledge(partition.begin(110), 110, 10 * MINUTE)
    partition.acknowledge(partition.begin(120), 120, 8 * MINUTE)

    mark = partition.progress(generation=1)

    assert mark == Mark("city", ORIGIN, 100, 120, 9 * MINUTE, Kind.PROGRESS, 1)


def test_nothing_done_gives_no_mark_of_progress():
    """The last mark is repeated instead."""
    partition = progress()
    partition.begin(120)

    assert partition.progress(generation=1) is None
    assert partition.repeat(generation=1).kind is Kind.OPEN


def test_marks_begin_at_the_last_commit_so_that_a_lost_mark_leaves_no_gap():
    """Only a commit, which follows the acknowledgement of its mark, moves their first offset."""
    partition = progress()
    partition.acknowledge(partition.begin(110), 110, 0)
    partition.progress(generation=1)
    partition.acknowledge(partition.begin(120), 120, 0)

    mark = partition.progress(generation=1)

    assert mark is not None
    assert (mark.first, mark.next) == (100, 120)


def test_an_idle_partition_has_the_time_of_the_request_that_showed_it():
    """Less the lateness, so that time goes on in quiet hours without a jump."""
    mark = progress().idle(log_end=100, sent=90 * SECOND, generation=2)

    assert mark == Mark("city", ORIGIN, 100, 100, 30 * SECOND, Kind.IDLE, 2)


def test_a_partition_with_work_in_flight_is_not_idle():
    """Its position is the end of the log, but its records are not done."""
    partition = progress()
    partition.begin(120)

    assert partition.idle(log_end=120, sent=SECOND, generation=2) is None


def test_an_idle_partition_of_history_keeps_its_highest_time():
    """The clock says nothing of old records (§5.2)."""
    partition = progress()
    partition.acknowledge(partition.begin(110), 110, 5 * MINUTE)

    mark = partition.idle(log_end=110, sent=None, generation=2)

    assert mark is not None
    assert mark.time == 4 * MINUTE


def test_the_end_record_takes_the_mark_to_the_end_of_time_itself():
    """No lateness is taken from it: after the end nothing is late."""
    partition = progress()
    partition.acknowledge(partition.begin(101), 101, END_OF_TIME)

    mark = partition.progress(generation=1)

    assert mark is not None
    assert mark.time == END_OF_TIME


class Consumption(RuleBasedStateMachine):
    """One source partition under workers that crash, freeze, come back and lose marks.

    The log is sixty offsets long. Whatever happens, a commit and the frontier's prefix never pass
    an offset that was not done, and the commit never passes the frontier.
    """

    LOG_END = 60

    def __init__(self) -> None:
        super().__init__()
        self.done: set[int] = set()
        self.committed = 0
        self.generation = 1
        self.frontier = Frontier(0, MINUTE)
        self.prefix = 0
        self.take_over()

    def take_over(self) -> None:
        self.worker = PartitionProgress("city", ORIGIN, self.committed, self.committed, 0)
        self.flying: list[tuple[int, int]] = []
        self.tell(self.worker.open(self.generation))

    def tell(self, mark: Mark) -> None:
        self.frontier.apply(mark, seen=0)
        while self.frontier.is_repeat(ORIGIN, self.prefix + 1):
            self.prefix += 1

    @precondition(lambda self: self.worker.position < self.LOG_END)
    @rule(length=st.integers(1, 9))
    def fetch(self, length: int) -> None:
        next_ = min(self.worker.position + length, self.LOG_END)
        self.flying.append((self.worker.begin(next_), next_))

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        first, next_ = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.done.update(range(first, next_))
        self.worker.acknowledge(first, next_, 0)

    @rule(arrives=st.booleans(), commits=st.booleans())
    def mark(self, arrives: bool, commits: bool) -> None:
        mark = self.worker.progress(self.generation) or self.worker.repeat(self.generation)
        if arrives:
            self.tell(mark)
            if commits:
                self.committed = self.worker.committed = mark.next

    @rule()
    def revoke(self) -> None:
        self.generation += 1
        self.take_over()

    @rule(kind=st.sampled_from(Kind))
    def zombie(self, kind: Kind) -> None:
        self.tell(Mark("city", ORIGIN, 0, self.committed, 0, kind, self.generation - 1))

    @invariant()
    def nothing_is_committed_before_it_is_done(self) -> None:
        assert set(range(self.committed)) <= self.done
        assert set(range(self.prefix)) <= self.done
        assert self.committed <= self.prefix

    def teardown(self) -> None:
        for first, next_ in self.flying:
            self.worker.acknowledge(first, next_, 0)
        if self.worker.position < self.LOG_END:
            first = self.worker.begin(self.LOG_END)
            self.worker.acknowledge(first, self.LOG_END, 0)
        self.tell(self.worker.repeat(self.generation))
        assert self.prefix == self.LOG_END


TestConsumption = Consumption.TestCase
