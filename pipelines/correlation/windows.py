# ruff: noqa: D102 -- the methods of the windows are those that `Window` describes
"""What a window amounts to, kept incrementally while it slides over a group's entries.

A window is told of ranges of entries that it gains and loses, always whole times at once, and
gives its value at any moment: an additional match costs O(log n) at most (SEMANTICS §4.4-4.6).
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Final, Protocol

from sortedcontainers import SortedList

from tocsin.pipelines.correlation.keys import several
from tocsin.pipelines.correlation.rules import CorrelationRule, CorrelationType

MAX_DOUBLE = 1.7976931348623157e308


Entry = tuple[int, str, str, int, str | None]
"""A match as a group keeps it: (time, group key, event id, rule, compared value).

The rule is its index among the references; the value is the text of `keys.compared_value`, None
where nothing is compared. Entries sort by time; those that are equal are one match. They are plain
tuples, as the state consists of them: nothing else sorts as fast and takes as little.
"""

TIME: Final = 0
KEY: Final = 1
EVENT: Final = 2
RULE: Final = 3
VALUE: Final = 4


class Window(Protocol):
    """The matches of one group between two times."""

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        """Gain `entries[start:stop]`, later than all that the window has had."""

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        """Lose `entries[start:stop]`, the earliest that the window has."""

    def value(self, since: int) -> float:
        """The value that thresholds are compared with; the window starts at time `since`."""


def new_window(rule: CorrelationRule) -> Window | None:
    """The empty window of a group of `rule`; None where the number of entries is all there is."""
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return EventCount() if len(rule.references) > 1 else None
        case CorrelationType.VALUE_COUNT:
            return ValueCount()
        case CorrelationType.VALUE_SUM:
            return ValueSum()
        case CorrelationType.VALUE_AVG:
            return ValueAverage()
        case CorrelationType.TEMPORAL:
            return Temporal(len(rule.references))
        case CorrelationType.TEMPORAL_ORDERED:
            return TemporalOrdered(rule.sequence or tuple(range(len(rule.references))))
        case CorrelationType.VALUE_PERCENTILE | CorrelationType.VALUE_MEDIAN:
            return ValuePercentile(rule.percentile)


def distinct_events(entries: Sequence[Entry], start: int, stop: int) -> int:
    """How many events `entries[start:stop]` are of: those of one event stand side by side."""
    count = 0
    previous = ""
    for index in range(start, stop):
        event_id = entries[index][EVENT]
        if event_id != previous or count == 0:
            count += 1
            previous = event_id
    return count


class EventCount:
    """Distinct events."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        self._count += 1 if stop - start == 1 else distinct_events(entries, start, stop)

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        self._count -= 1 if stop - start == 1 else distinct_events(entries, start, stop)

    def value(self, since: int) -> float:  # noqa: ARG002
        return self._count


class ValueCount:
    """Distinct values."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        counts = self._counts
        for index in range(start, stop):
            for value in several(entries[index][VALUE] or ""):
                counts[value] = counts.get(value, 0) + 1

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        counts = self._counts
        for index in range(start, stop):
            for value in several(entries[index][VALUE] or ""):
                left = counts[value] - 1
                if left:
                    counts[value] = left
                else:
                    del counts[value]

    def value(self, since: int) -> float:  # noqa: ARG002
        return len(self._counts)


def to_number(text: str) -> int | Fraction:
    """The exact number of canonical `text`."""
    return Fraction(text) if "." in text else int(text)


def to_double(number: int | Fraction) -> float:
    """The nearest double of an exact number; the largest one for numbers beyond all doubles."""
    try:
        return float(number)
    except OverflowError:
        return MAX_DOUBLE if number > 0 else -MAX_DOUBLE


class ValueSum:
    """The sum of all values, exact, rounded once."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._sum: int | Fraction = 0
        self._count = 0

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        for index in range(start, stop):
            for text in several(entries[index][VALUE] or "0"):
                self._sum += to_number(text)
                self._count += 1

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        for index in range(start, stop):
            for text in several(entries[index][VALUE] or "0"):
                self._sum -= to_number(text)
                self._count -= 1

    def value(self, since: int) -> float:  # noqa: ARG002
        return to_double(self._sum)

    def average(self) -> float:
        """The exact sum by the number of values, rounded once."""
        return to_double(Fraction(self._sum) / self._count) if self._count else 0.0


class ValueAverage:
    """The average of all values, exact, rounded once."""

    __slots__ = ("_sum",)

    def __init__(self) -> None:
        self._sum = ValueSum()

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        self._sum.add(entries, start, stop)

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        self._sum.remove(entries, start, stop)

    def value(self, since: int) -> float:  # noqa: ARG002
        return self._sum.average()


class ValuePercentile:
    """A percentile, interpolated linearly at rank p/100 · (n - 1), rounded once."""

    __slots__ = ("_percentile", "_values")

    def __init__(self, percentile: Fraction) -> None:
        self._percentile = percentile
        self._values: SortedList[int | Fraction] = SortedList()

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        for index in range(start, stop):
            self._values.update(map(to_number, several(entries[index][VALUE] or "0")))

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        for index in range(start, stop):
            for text in several(entries[index][VALUE] or "0"):
                self._values.remove(to_number(text))

    def value(self, since: int) -> float:  # noqa: ARG002
        values = self._values
        if not values:
            return 0.0
        rank = self._percentile / 100 * (len(values) - 1)
        below = floor(rank)
        low = values[below]
        high = values[min(below + 1, len(values) - 1)]
        return to_double(low + (rank - below) * (high - low))


class Temporal:
    """Which of the rules have a match."""

    __slots__ = ("_counts", "_distinct")

    def __init__(self, rules: int) -> None:
        self._counts = [0] * rules
        self._distinct = 0

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        counts = self._counts
        for index in range(start, stop):
            rule = entries[index][RULE]
            if not counts[rule]:
                self._distinct += 1
            counts[rule] += 1

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        counts = self._counts
        for index in range(start, stop):
            rule = entries[index][RULE]
            counts[rule] -= 1
            if not counts[rule]:
                self._distinct -= 1

    def value(self, since: int) -> float:  # noqa: ARG002
        return self._distinct

    def present(self) -> int:
        """A bit for each rule that has a match."""
        return sum(1 << rule for rule, count in enumerate(self._counts) if count)


class TemporalOrdered:
    """The longest sequence: rules in listed order at non-decreasing times.

    For each rule and length it keeps the latest time at which a sequence of that length, ending
    in that rule, may start; the longest in a window is the longest that starts inside. Nothing
    needs to be removed, as a start before the window does not count.
    """

    __slots__ = ("_positions", "_starts")

    def __init__(self, sequence: Sequence[int]) -> None:
        self._positions = {rule: position for position, rule in enumerate(sequence)}
        self._starts: list[list[int | None]] = [
            [None] * (position + 1) for position in range(len(sequence))
        ]

    def add(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        index = start
        while index < stop:
            time = entries[index][TIME]
            positions = set()
            while index < stop and entries[index][TIME] == time:
                positions.add(self._positions.get(entries[index][RULE]))
                index += 1
            # In listed order, so that a sequence may go on within one time.
            for position in sorted(place for place in positions if place is not None):
                self._extend(position, time)

    def _extend(self, position: int, time: int) -> None:
        starts = self._starts
        own = starts[position]
        own[0] = time
        for length in range(1, position + 1):
            known = [starts[before][length - 1] for before in range(length - 1, position)]
            own[length] = max((start for start in known if start is not None), default=None)

    def remove(self, entries: Sequence[Entry], start: int, stop: int) -> None:
        pass

    def value(self, since: int) -> float:
        longest = 0
        for starts in self._starts:
            for length in range(len(starts), longest, -1):
                start = starts[length - 1]
                if start is not None and start >= since:
                    longest = length
                    break
        return longest
