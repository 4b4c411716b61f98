"""How far the records of a source partition are done, and how the worker says so.

    batches begun ──▶ acknowledged, in any order ──▶ contiguous prefix ──▶ mark ──▶ commit

A `PartitionProgress` lives as long as one assignment of its partition. When the partition is
revoked the worker drops it, and acknowledgements that come afterwards change nothing that
anybody reads. No clock and no socket: moments are handed in, in microseconds.

Source: DELIVERY §3.1 (prefixes), §4.2 and §4.3 (marks), §5.2 (history).
"""

from tocsin.schemas.marks import Kind, Mark, Origin
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME


class Prefix:
    """The end of the contiguous acknowledged prefix of one partition.

    Spans may be acknowledged in any order; each is held until all before it are.
    """

    __slots__ = ("_ahead", "end")

    def __init__(self, position: int) -> None:
        self.end = position
        self._ahead: dict[int, tuple[int, int]] = {}

    def acknowledge(self, first: int, next_: int, time: int) -> int | None:
        """Note that `first` up to `next_` is done, whose highest time is `time`.

        Gives the highest time of what the prefix gained, None where it gained nothing. Raises
        ValueError for an empty span, or one that does not begin at or behind the prefix.
        """
        if next_ <= first or first < self.end:
            raise ValueError(f"span {first} to {next_} does not extend a prefix of {self.end}")
        self._ahead[first] = (next_, time)
        gained = None
        while (span := self._ahead.pop(self.end, None)) is not None:
            self.end = span[0]
            gained = span[1] if gained is None else max(gained, span[1])
        return gained


class PartitionProgress:
    """One assignment of a source partition.

    `committed` is the offset that the group last committed (0 without one), `position` where the
    next batch begins: further on where the log no longer reaches back. `lateness` is in
    microseconds. Every mark begins at the last commit, and a commit follows the acknowledgement
    of its mark, so that marks leave no gap whatever is lost between the two.
    """

    __slots__ = (
        "_highest",
        "_kind",
        "_lateness",
        "_marked",
        "_prefix",
        "committed",
        "organization",
        "origin",
        "position",
    )

    def __init__(
        self, organization: str, origin: Origin, committed: int, position: int, lateness: int
    ) -> None:
        self.organization = organization
        self.origin = origin
        self.committed = committed
        self.position = position
        self._lateness = lateness
        self._prefix = Prefix(position)
        self._highest = BEGINNING_OF_TIME
        self._marked = position
        self._kind = Kind.OPEN

    @property
    def done(self) -> int:
        """The offset below which every record is done."""
        return self._prefix.end

    def begin(self, next_: int) -> int:
        """Hand out a batch that ends before `next_`; gives its first position.

        Offsets that the broker skipped lie between the two and are done with the batch.
        """
        first, self.position = self.position, next_
        return first

    def acknowledge(self, first: int, next_: int, time: int) -> None:
        """Note that every write of the batch was acknowledged; `time` is its highest time."""
        gained = self._prefix.acknowledge(first, next_, time)
        if gained is not None:
            self._highest = max(self._highest, gained)

    def open(self, generation: int) -> Mark:
        """The mark of an assignment, before its first batch."""
        return self._mark(Kind.OPEN, generation)

    def progress(self, generation: int) -> Mark | None:
        """The mark of what was done since the last mark, if anything was."""
        return None if self._marked == self.done else self._mark(Kind.PROGRESS, generation)

    def idle(self, log_end: int, sent: int | None, generation: int) -> Mark | None:
        """The mark of a partition that is done to the end of its log, else None.

        `sent` is when the request that showed `log_end` was sent: whatever is appended later is
        received later. It is None for sources of history, whose time the clock does not move.
        """
        if not self.position == self.done == log_end:
            return None
        if sent is not None:
            self._highest = max(self._highest, sent)
        return self._mark(Kind.IDLE, generation)

    def repeat(self, generation: int) -> Mark:
        """The last mark again, so that only an absent worker is silent."""
        return self._mark(self._kind, generation)

    def _mark(self, kind: Kind, generation: int) -> Mark:
        self._kind = kind
        self._marked = self.done
        return Mark(
            self.organization,
            self.origin,
            self.committed,
            self.done,
            self._time(),
            kind,
            generation,
        )

    def _time(self) -> int:
        if self._highest in (BEGINNING_OF_TIME, END_OF_TIME):
            return self._highest
        return self._highest - self._lateness
