"""The state of one rule in one organisation: what is pending, the groups, and what is told.

Time moves only in `advance`: entries below the watermark leave `pending` in order of time, so
whatever the order of arrival, groups see one sequence. A match below the watermark is late and
goes through `insert_late`.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import pairwise

from tocsin.pipelines.correlation.conditions import least_count, positive_names
from tocsin.pipelines.correlation.groups import AlertState, Group
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import (
    TEMPORAL_TYPES,
    CorrelationRule,
    CorrelationType,
)
from tocsin.pipelines.correlation.windows import KEY, RULE, TIME, Entry
from tocsin.schemas.times import END_OF_TIME, SECOND

BEFORE_TIME = -(1 << 62)
AFTER_TIME = 1 << 62

RETELL = 10 * SECOND
"""An alert is revised at most once in this much watermark (SEMANTICS §5.4)."""

_STEPS = 8
"""Steps and sweeps in one horizon: more cost time, fewer hold entries longer than needed."""

Told = tuple[str, Group, AlertState]


class RuleState:
    """All groups of one rule.

    A group with a single entry that cannot hold alone is kept as that entry: most groups never see
    a second one. `complete_from` is the time from which all matches were seen; `evicted` the
    latest time at which any group may lack a match because of a cap, `capped` the latest that a
    single group's cap has touched. Entries that wait for the watermark are in `pending`, sorted
    (from `_next` on), or `fresh`, not yet: sorting is put off until the watermark comes near.
    """

    def __init__(self, plan: CorrelationPlan, rule: CorrelationRule, complete_from: int) -> None:
        self.complete_from = complete_from
        self.watermark = BEFORE_TIME
        self.evicted = BEFORE_TIME
        self.pending: list[Entry] = []
        self._next = 0
        self.fresh: list[Entry] = []
        self.fresh_from = AFTER_TIME
        self.groups: dict[str, Entry | Group] = {}
        self._settled = 0
        self.evictions = 0
        self.capped = BEFORE_TIME
        self.announced: set[tuple[int, str]] = set()
        self.started: list[tuple[int, str, int]] = []
        self.changed: set[tuple[int, str]] = set()
        self._judgements: deque[tuple[int, str]] = deque()
        self._settling: list[tuple[int, str]] = []
        self._late: set[str] = set()
        self._swept = BEFORE_TIME
        self.bind(plan, rule)

    def bind(self, plan: CorrelationPlan, rule: CorrelationRule) -> None:
        """Take `rule`, which means what the state's rule meant, in its place in `plan`."""
        self.rule = rule
        self.lag = plan.lag(rule)
        self.horizon = plan.horizon(rule)
        self.lookback = plan.lookback(rule)
        self.starts = bool(plan.outer.get(rule.id)) and not rule.suppression
        self.revisable = rule.monotone and not self.starts
        self._least = 1 if rule.forward else _least_entries(rule)
        self._named: frozenset[int] = frozenset()
        if rule.forward and rule.expression is not None:
            self._named = positive_names(rule.expression)

    @property
    def floor(self) -> int:
        """Entries before this time are no part of the state (§6.1)."""
        return self.watermark - self.horizon

    @property
    def size(self) -> int:
        """How many entries are held, waiting ones included."""
        return self._settled + len(self.pending) - self._next + len(self.fresh)

    def insert(self, entry: Entry) -> None:
        """Take a match that is not below the watermark."""
        self.fresh.append(entry)
        if entry[0] < self.fresh_from:  # noqa: PLR1730 -- `min` costs twice as much, a match each
            self.fresh_from = entry[0]

    def insert_late(self, entry: Entry, *, repeat: bool) -> bool:
        """Take a match below the watermark; False where it does not count any more.

        A match that is here already is no news, and a `repeat` is never refused aloud.
        """
        if self.knows(entry):
            return True
        if not self.revisable or entry[TIME] < self.floor:
            return repeat
        if entry[TIME] >= self.watermark:
            self.insert(entry)
            return True
        group = self._grown(entry[KEY])
        group.insert(entry)
        self._settled += 1
        self._late.add(entry[KEY])
        return True

    def knows(self, entry: Entry) -> bool:
        """Whether the match of `entry` is part of the state."""
        group = self.groups.get(entry[KEY])
        if isinstance(group, tuple):
            found = group[:4] == entry[:4]
        else:
            found = group is not None and group.holds(entry)
        return found or (entry[TIME] >= self.watermark and entry in self.waiting())

    def _grown(self, key: str) -> Group:
        known = self.groups.get(key)
        if not isinstance(known, Group):
            known = Group(self.rule, [] if known is None else [known])
            self.groups[key] = known
        return known

    def advance(
        self, watermark: int, group_limit: int, *, settled_only: bool = False
    ) -> Iterator[Told]:
        """Move to the organisation's `watermark`, and tell the alerts that it brings to light.

        A long way is gone in steps, so that no more is held than when time moves on gently; what
        is not settled is told after the last one only. What is told must be read before the next
        is asked for.
        """
        target = AFTER_TIME if watermark >= END_OF_TIME else watermark - self.lag
        self.rejudge()
        stride = self.horizon // _STEPS + 1
        if self._first_waiting() + stride < target:
            self._sort_waiting()
        while (first := self._first_waiting()) + stride < target:
            yield from self._step(first + stride, group_limit)
        yield from self._step(target, group_limit)
        if not settled_only:
            yield from self._changes()

    def _step(self, watermark: int, group_limit: int) -> Iterator[Told]:
        self.watermark = max(self.watermark, watermark)
        self._settle(group_limit)
        self._look_forward()
        yield from self._settlements()
        # A few times in each horizon is enough, as what lies before it does no harm.
        if self.floor - self._swept >= self.horizon // _STEPS + 1:
            self._swept = self.floor
            yield from self._changes(forgotten=self.floor)
            self._forget(self.floor)

    def _settle(self, group_limit: int) -> None:
        """Move entries below the watermark into their groups, judging each time once.

        Where even the last entries that a window needs are not all in it, nothing is judged: the
        window catches up when they are.
        """
        entries = self._take_pending()
        groups, rule, least, timespan = self.groups, self.rule, self._least, self.rule.timespan
        last = len(entries) - 1
        for index, entry in enumerate(entries):
            time, key = entry[0], entry[1]
            group = groups.get(key)
            if group is None and least > 1:
                groups[key] = entry
                continue
            if not isinstance(group, Group):
                group = self._grown(key)
            held = group.entries
            held.append(entry)
            if len(held) > group_limit:
                self._shrink(group, group_limit)
            if len(held) < least or held[-least][0] < time - timespan:
                continue
            if index < last:
                following = entries[index + 1]
                if following[0] == time and following[1] == key:
                    continue
            if rule.forward:
                self._schedule(group, time, key)
            else:
                alert = group.judge(rule, time)
                if alert is not None:
                    self._held(key, alert)

    def _take_pending(self) -> list[Entry]:
        """The entries below the watermark, in order, each match once."""
        cut = bisect_left(self.pending, (self.watermark,), self._next)
        entries = self.pending[self._next : cut]
        self._next = cut
        if self.fresh_from < self.watermark:
            entries += [entry for entry in self.fresh if entry[0] < self.watermark]
            entries.sort()
            self.fresh = [entry for entry in self.fresh if entry[0] >= self.watermark]
            self.fresh_from = min(self.fresh, default=(AFTER_TIME,))[0]
        if self._next == len(self.pending):
            self._sort_waiting()
        elif self._next > len(self.pending) // 2:
            del self.pending[: self._next]
            self._next = 0
        distinct = entries[:1]
        distinct += [
            entry
            for before, entry in pairwise(entries)
            if entry[2] != before[2] or entry[:4] != before[:4]
        ]
        self._settled += len(distinct)
        return distinct

    def _sort_waiting(self) -> None:
        self._wait_for(sorted(self.waiting()))

    def _wait_for(self, entries: list[Entry]) -> None:
        """Let the sorted `entries`, and no others, wait for the watermark."""
        self.pending, self._next = entries, 0
        self.fresh, self.fresh_from = [], AFTER_TIME

    def _first_waiting(self) -> int:
        """The least time of an entry that is not below the watermark yet."""
        first = self.pending[self._next][TIME] if self._next < len(self.pending) else AFTER_TIME
        return min(first, self.fresh_from)

    def waiting(self) -> list[Entry]:
        """The entries that are not below the watermark yet, in no order."""
        return self.pending[self._next :] + self.fresh

    def _shrink(self, group: Group, limit: int) -> None:
        """Evict the stalest eighth of a group that met its cap, so that it is seldom done."""
        gone = group.evict(max(1, limit // 8))
        self._settled -= gone
        self.evictions += gone
        self.capped = max(self.capped, group.capped or BEFORE_TIME)

    def _schedule(self, group: Group, time: int, key: str) -> None:
        """Note that a forward window starts at `time`, if one does (§4.3)."""
        entries = group.entries
        first = len(entries) - 1
        while first > 0 and entries[first - 1][TIME] == time:
            first -= 1
        if self._named:
            starts = any(entry[RULE] in self._named for entry in entries[first:])
        else:
            starts = first == 0 or entries[first - 1][TIME] < time - self.rule.timespan
        if starts:
            self._judgements.append((time, key))

    def _look_forward(self) -> None:
        timespan = self.rule.timespan
        while self._judgements and self._judgements[0][0] + timespan < self.watermark:
            time, key = self._judgements.popleft()
            group = self.groups.get(key)
            if isinstance(group, Group):
                alert = group.judge(self.rule, time)
                if alert is not None:
                    self._held(key, alert)

    def _held(self, key: str, alert: AlertState) -> None:
        if not alert.scheduled:
            alert.scheduled = True
            heappush(self._settling, (alert.period_start, key))
            if self.starts:
                self.started.append((alert.time, key, alert.period_start))
        self.changed.add((alert.period_start, key))

    def rejudge(self) -> None:
        """Judge the groups anew that late matches went into."""
        for key in sorted(self._late):
            group = self.groups.get(key)
            if isinstance(group, Group):
                for alert in group.rejudge(self.rule, self.floor):
                    self._held(key, alert)
        self._late.clear()

    def _settlements(self) -> Iterator[Told]:
        """The alerts of periods whose last window is over (DELIVERY §4.7)."""
        span = self.rule.period + self.rule.reach
        while self._settling and self._settling[0][0] + span <= self.watermark:
            period_start, key = heappop(self._settling)
            self.announced.discard((period_start, key))
            self.changed.discard((period_start, key))
            group = self.groups.get(key)
            alert = group.alert_of(period_start) if isinstance(group, Group) else None
            if isinstance(group, Group) and alert is not None:
                alert.settled = True
                alert.told = self.watermark
                yield key, group, alert

    def _changes(self, forgotten: int | None = None) -> Iterator[Told]:
        """The alerts that changed since they were told, unless that was a moment ago.

        With `forgotten`, those that need entries from before then, whenever they were told.
        """
        for period_start, key in list(self.changed):
            group = self.groups.get(key)
            alert = group.alert_of(period_start) if isinstance(group, Group) else None
            if isinstance(group, Group) and alert is not None:
                if forgotten is not None:
                    wait = period_start - self.rule.timespan >= forgotten
                else:
                    wait = alert.told is not None and alert.told + RETELL > self.watermark
                if wait:
                    continue
                alert.told = self.watermark
                yield key, group, alert
            self.changed.discard((period_start, key))

    def _forget(self, floor: int) -> int:
        """Forget all entries before `floor`; how many they were."""
        gone = 0
        empty = []
        period = self.rule.period
        for key, group in self.groups.items():
            if isinstance(group, Group):
                gone += group.trim(floor, period)
                if not group.entries and not group.alerts:
                    empty.append(key)
            elif group[TIME] < floor:
                gone += 1
                empty.append(key)
        for key in empty:
            del self.groups[key]
        self._settled -= gone
        return gone

    def evict(self, cut: int) -> None:
        """Forget all entries up to `cut`, pending ones too, as there are too many in total."""
        gone = self._forget(cut + 1)
        waiting = self.waiting()
        self._wait_for(sorted(entry for entry in waiting if entry[TIME] > cut))
        dropped = len(waiting) - len(self.pending)
        period = self.rule.period
        self.announced = {one for one in self.announced if one[0] + period > cut}
        if gone + dropped:
            self.evictions += gone + dropped
            self.evicted = max(self.evicted, cut)

    def replay(self, entries: list[Entry], watermark: int) -> None:
        """Take the entries of a saved state, and move to where its watermark was, in silence."""
        self._wait_for(sorted(set(entries)))
        self.groups = {}
        self._settled = 0
        self.watermark = watermark
        self._settle(len(self.pending) + 1)
        self._look_forward()
        deque(self._settlements(), maxlen=0)
        self.started.clear()
        self.changed.clear()

    def adopt(self, saved: dict[str, list[AlertState]]) -> None:
        """Put the `saved` alerts, by group, in the place of those that a replay found.

        The replay knows where their evidence is. Of periods that are over it may have found alerts
        in what is left of their entries, which are not to be told again.
        """
        self._settling = []
        for key in saved.keys() | self.groups.keys():
            alerts = {alert.period_start: alert for alert in saved.get(key, ())}
            known = self.groups.get(key)
            replayed = known.alerts if isinstance(known, Group) else []
            for alert in replayed:
                kept = alerts.get(alert.period_start)
                if kept is not None:
                    kept.spans = alert.spans
                elif not alert.settled:
                    alerts[alert.period_start] = alert
            if alerts or replayed:
                self._grown(key).alerts = [alerts[start] for start in sorted(alerts)]
            for alert in alerts.values():
                alert.scheduled = True
                if not alert.settled:
                    heappush(self._settling, (alert.period_start, key))

    def entries(self) -> Iterator[Entry]:
        """All entries of the state, pending ones last."""
        for group in self.groups.values():
            if isinstance(group, Group):
                yield from group.entries
            else:
                yield group
        yield from self.waiting()


def _least_entries(rule: CorrelationRule) -> int:
    """How many entries a window that looks back needs at least to satisfy `rule`."""
    if rule.sequence:
        return len(set(rule.sequence))
    counts = rule.type is CorrelationType.EVENT_COUNT or rule.type in TEMPORAL_TYPES
    return least_count(rule.comparisons) if counts and rule.expression is None else 1
