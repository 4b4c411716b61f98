"""A group of one rule: its entries in order of time, the window over them, and its alerts.

Windows only move forward over settled entries, so each entry enters and leaves once. A late match
goes into its place, and the group is judged anew from what it holds (`rejudge`).
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from tocsin.pipelines.correlation.alerts import MAX_EVIDENCE, EvidenceEvent
from tocsin.pipelines.correlation.conditions import evaluate
from tocsin.pipelines.correlation.rules import TEMPORAL_TYPES, CorrelationRule
from tocsin.pipelines.correlation.windows import (
    TIME,
    Entry,
    Temporal,
    Window,
    distinct_events,
    new_window,
)


class AlertState:
    """What is known of the alert of one period, kept up to date hold by hold.

    `spans` are ranges of the group's entries, counted from the group's first entry ever: the union
    of the windows that held. `first` is the first evidence, once found; `told` the watermark at
    which the alert was last told; `scheduled` says that its settlement was noted, `partial` that
    it was judged from less than its windows.
    """

    __slots__ = (
        "count",
        "event_end",
        "event_start",
        "first",
        "partial",
        "period_start",
        "scheduled",
        "settled",
        "spans",
        "time",
        "told",
        "value",
    )

    def __init__(self, period_start: int, time: int, value: float | None) -> None:
        self.period_start = period_start
        self.time = time
        self.value = value
        self.count = 0
        self.event_start = time
        self.event_end = time
        self.first: tuple[EvidenceEvent, ...] = ()
        self.spans: list[tuple[int, int]] = []
        self.told: int | None = None
        self.scheduled = False
        self.partial = False
        self.settled = False

    def same_as(self, other: "AlertState") -> bool:
        """Whether a document of the one says the same as one of the other."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("time", "value", "count", "event_start", "event_end")
        )


class Group:
    """The state of one group; `capped` is the latest time of an entry that a cap evicted.

    `entries[lo:hi]` are in the window. `base` is how many entries have gone from the front.
    """

    __slots__ = ("alerts", "base", "capped", "entries", "hi", "lo", "window")

    def __init__(self, rule: CorrelationRule, entries: list[Entry]) -> None:
        self.entries = entries
        self.window: Window | None = new_window(rule)
        self.lo = 0
        self.hi = 0
        self.base = 0
        self.alerts: list[AlertState] = []
        self.capped: int | None = None

    def judge(self, rule: CorrelationRule, time: int) -> AlertState | None:
        """The alert of the period of `time`, if the condition holds for the window there."""
        entries = self.entries
        if rule.forward:
            start, end = time, time + rule.timespan
        else:
            start, end = time - rule.timespan, time
        size = len(entries)
        stop = hi = self.hi
        while stop < size and entries[stop][TIME] <= end:
            stop += 1
        first = lo = self.lo
        while first < stop and entries[first][TIME] < start:
            first += 1
        if first == stop:
            return None  # a cap has evicted the very match that is judged
        window = self.window
        self.lo, self.hi = first, stop
        if window is None:
            value: float = stop - first
        else:
            if stop > hi:
                window.add(entries, hi, stop)
            if first > lo:
                window.remove(entries, lo, first)
            value = window.value(start)
        if rule.expression is not None:
            assert isinstance(window, Temporal)
            if not evaluate(rule.expression, window.present()):
                return None
            return self._hold(rule, time, None)
        if rule.sequence:
            return self._hold(rule, time, None) if value >= len(rule.sequence) else None
        for comparison in rule.comparisons:
            if not comparison.holds(value):
                return None
        return self._hold(rule, time, value)

    def _hold(self, rule: CorrelationRule, time: int, value: float | None) -> AlertState:
        """Take the window's matches into the alert of the period of `time` (§5.2)."""
        period = time - time % rule.period
        first, last = self.base + self.lo, self.base + self.hi
        alert = self.alerts[-1] if self.alerts else None
        if alert is None or alert.period_start != period:
            alert = AlertState(period, time, value)
            alert.event_start = self.entries[self.lo][TIME]
            self.alerts.append(alert)
        elif value is not None:
            alert.value = _better(rule, alert.value, value)
        spans = alert.spans
        if spans and first <= spans[-1][1]:
            fresh = spans[-1][1]
            spans[-1] = (spans[-1][0], max(last, fresh))
        else:
            fresh = first
            spans.append((first, last))
        alert.count += distinct_events(self.entries, fresh - self.base, self.hi)
        alert.event_end = self.entries[self.hi - 1][TIME]
        return alert

    def evidence(
        self, alert: AlertState, rule: CorrelationRule
    ) -> tuple[tuple[EvidenceEvent, ...], tuple[EvidenceEvent, ...]]:
        """The first and the last contributing events of `alert`, at most 50 each, none twice."""
        spans = [(max(0, a - self.base), max(0, b - self.base)) for a, b in alert.spans]
        # An event has one entry a rule at most, so these are of enough events.
        most = MAX_EVIDENCE * len(rule.references)
        if len(alert.first) < MAX_EVIDENCE:
            head: list[Entry] = []
            for start, stop in spans:
                head += self.entries[start : min(stop, start + most)]
                if len(head) >= most:
                    break
            alert.first = tuple(_events(head, rule)[:MAX_EVIDENCE])
        rest = min(MAX_EVIDENCE, alert.count - len(alert.first))
        if rest <= 0:
            return alert.first, ()
        tail: list[Entry] = []
        for start, stop in reversed(spans):
            tail[:0] = self.entries[max(start, stop - most) : stop]
            if len(tail) >= most:
                break
        return alert.first, tuple(_events(tail, rule)[-rest:])

    def alert_of(self, period_start: int) -> AlertState | None:
        """The alert of the period that starts there, if there is one."""
        return next((one for one in self.alerts if one.period_start == period_start), None)

    def holds(self, entry: Entry) -> bool:
        """Whether the match of `entry` is here."""
        index = bisect_left(self.entries, entry[:4])
        return index < len(self.entries) and self.entries[index][:4] == entry[:4]

    def insert(self, entry: Entry) -> None:
        """Put a late `entry` into its place; `rejudge` must follow before anything else."""
        insort(self.entries, entry)

    def rejudge(self, rule: CorrelationRule, floor: int) -> list[AlertState]:
        """Judge all entries again, for a rule that looks back; the alerts that changed.

        An alert for whose windows matches before `floor` would be needed stays as it was, or is
        new.
        """
        known = {alert.period_start: alert for alert in self.alerts}
        self.window = new_window(rule)
        self.lo = self.hi = 0
        self.alerts = []
        for time, _ in groupby(self.entries, key=itemgetter(TIME)):
            self.judge(rule, time)
        changed = []
        for index, alert in enumerate(self.alerts):
            before = known.pop(alert.period_start, None)
            if before is None:
                alert.partial = alert.period_start - rule.timespan < floor
                changed.append(alert)
            elif alert.period_start - rule.timespan < floor:
                before.spans = alert.spans
                self.alerts[index] = before
            else:
                alert.told = before.told
                alert.settled = before.settled
                alert.scheduled = before.scheduled
                if not alert.same_as(before):
                    changed.append(alert)
        self.alerts = sorted([*known.values(), *self.alerts], key=lambda alert: alert.period_start)
        return changed

    def trim(self, floor: int, period: int) -> int:
        """Forget entries before `floor`, and alerts whose period ended by then; how many entries.

        Entries that are still in the window leave it first.
        """
        if self.alerts and self.alerts[0].period_start + period <= floor:
            self.alerts = [alert for alert in self.alerts if alert.period_start + period > floor]
        if not self.entries or self.entries[0][TIME] >= floor:
            return 0
        return self._drop(bisect_left(self.entries, (floor,)))

    def evict(self, count: int) -> int:
        """Forget `count` entries, the oldest, and those of the same event; how many went."""
        entries = self.entries
        while count < len(entries) and entries[count][:3] == entries[count - 1][:3]:
            count += 1
        self.capped = entries[count - 1][TIME]
        return self._drop(count)

    def _drop(self, count: int) -> int:
        if self.window is not None:
            if count > self.hi:
                self.window.add(self.entries, self.hi, count)
            if count > self.lo:
                self.window.remove(self.entries, self.lo, count)
        del self.entries[:count]
        self.lo = max(0, self.lo - count)
        self.hi = max(0, self.hi - count)
        self.base += count
        return count


def _better(rule: CorrelationRule, known: float | None, value: float) -> float:
    """The one of two compared values that the alert tells (§5.2)."""
    if known is None:
        return value
    if rule.type in TEMPORAL_TYPES or len(rule.comparisons) > 1:
        return max(known, value)
    match rule.comparisons[0].operator:
        case "gt" | "gte":
            return max(known, value)
        case "lt" | "lte":
            return min(known, value)
        case _:
            return known


def _events(entries: Sequence[Entry], rule: CorrelationRule) -> list[EvidenceEvent]:
    """The events of `entries`; those of one event stand side by side."""
    alone = [(reference.rule,) for reference in rule.references]
    if len(alone) == 1:
        return [EvidenceEvent(event_id, time, alone[0]) for time, _, event_id, _, _ in entries]
    events: list[EvidenceEvent] = []
    known: str | None = None
    for time, _, event_id, index, _ in entries:
        if event_id != known:
            events.append(EvidenceEvent(event_id, time, alone[index]))
            known = event_id
        else:
            # Entries of one event are in the order of the rules.
            events[-1] = events[-1]._replace(rules=events[-1].rules + alone[index])
    return events
