"""The correlator: matches in, alerts out, with the watermark as its only clock.

`insert` takes matches in any order; `advance` moves the watermark and gives the alerts that are new
or changed. What it says in the end is a function of the set of matches, not of their order, of
batches, or of when the watermark moved (SEMANTICS §1.1).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from tocsin.pipelines.correlation.alerts import EvidenceEvent, GroupAlert
from tocsin.pipelines.correlation.feeds import DROPPED, EVICTED, LATE, Feed, Reading, feeds_of
from tocsin.pipelines.correlation.groups import AlertState, Group
from tocsin.pipelines.correlation.keys import group_values
from tocsin.pipelines.correlation.late import LateGroups
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import CorrelationRule
from tocsin.pipelines.correlation.snapshots import (
    SnapshotError,
    decode_snapshot,
    encode_snapshot,
    restore_state,
    state_key,
    state_snapshot,
)
from tocsin.pipelines.correlation.state import BEFORE_TIME, RuleState
from tocsin.pipelines.correlation.windows import EVENT, KEY, TIME, Entry
from tocsin.schemas.identity import period_alert_id
from tocsin.schemas.matches import Match

_time_of = attrgetter("time")


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of the state, in entries (one for each match and group that it counts in).

    A group that meets `group` loses its stalest eighth. Beyond `total` the stalest of all go; an
    entry takes some 200 to 400 bytes.
    """

    group: int = 200_000
    total: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """What the state of one rule holds."""

    entries: int
    groups: int


class Correlator:
    """Correlations of any number of organisations that share a watermark.

    `complete_from` is the time from which all matches will have been seen, None for the whole
    history; alerts that need earlier ones are marked incomplete (§6.2). `watermark` is where the
    reading starts. With a `share` it sees to the groups of one key partition only. `counters`
    counts by (what, RULE ID); `late` lists what a backfill should run again. `_begun` has the time
    from which rules see matches that were not there from the start, by digest.
    """

    def __init__(
        self,
        plan: CorrelationPlan,
        *,
        limits: Limits | None = None,
        complete_from: int | None = None,
        watermark: int | None = None,
        share: Share | None = None,
    ) -> None:
        self.plan = plan
        self.limits = limits or Limits()
        self.watermark = BEFORE_TIME if watermark is None else watermark
        self.complete_from = BEFORE_TIME if complete_from is None else complete_from
        self.counters: Counter[tuple[str, str]] = Counter()
        self._known: Counter[tuple[str, str]] = Counter()
        self.late = LateGroups()
        self.share = share
        self._partitioner = Partitioner(plan, share.partitions) if share else None
        self._latest = BEFORE_TIME
        self._begun: dict[str, int] = {}
        self._feeds: Mapping[str, Sequence[Feed]] = feeds_of(plan)
        self._states: dict[str, list[RuleState]] = {}

    def insert(self, matches: Sequence[Match], *, repeat: bool = False) -> list[GroupAlert]:
        """Take `matches`; the first views of suppression alerts that they start (§5.5).

        Matches below the watermark are late, and count only where one more can be told from what
        is held; with `repeat` they are known to have been read before, and are not listed.
        """
        seen: list[GroupAlert] = []
        self._latest = max(self._latest, max(map(_time_of, matches), default=BEFORE_TIME))
        feeds, watermark, states_of = self._feeds, self.watermark, self._states
        plain = self.share is None
        for match in matches:
            organization, time = match.organization, match.time
            for feed in feeds.get(match.rule, ()):
                states = states_of.get(organization) or self._open(organization)
                state = states[feed.rule_index]
                single = feed.single_entry(time, match.event_id, match.fields) if plain else None
                if single is not None and time >= watermark and not feed.suppression:
                    state.insert(single)
                    continue
                for entry in self._entries(organization, feed, time, match.event_id, match.fields):
                    if time >= watermark:
                        state.insert(entry)
                    elif not state.insert_late(entry, repeat=repeat):
                        self._refuse_late(organization, state, entry)
                    if feed.suppression:
                        seen += self._first_view(organization, state, entry)
        self._limit_total()
        return seen

    def _open(self, organization: str) -> list[RuleState]:
        states = [
            RuleState(self.plan, rule, self._begun.get(rule.digest, self.complete_from))
            for rule in self.plan.rules
        ]
        for state in states:
            state.watermark = max(BEFORE_TIME, self.watermark - state.lag)
        self._states[organization] = states
        return states

    def _entries(
        self, organization: str, feed: Feed, time: int, event_id: str, fields: Mapping[str, Any]
    ) -> Sequence[Entry]:
        """The entries that a match makes in one correlation, in this correlator's share."""
        reading = feed.read(fields)
        keys = reading.keys
        if reading.dropped or reading.missing:
            self._count_unused(organization, feed, event_id, reading)
        if self._partitioner is not None:
            rule = self.plan.rules[feed.rule_index]
            keys = [key for key in keys if self._owns(organization, rule, key)]
        return [(time, key, event_id, feed.reference_index, reading.value) for key in keys]

    def _owns(self, organization: str, rule: CorrelationRule, key: str) -> bool:
        if self._partitioner is None or self.share is None:
            return True
        return self.share.index in self._partitioner.of_group(organization, rule, key)

    def _tells(self, organization: str, rule: CorrelationRule, key: str) -> bool:
        """Whether it is for this correlator to tell the alerts of a group."""
        if not rule.suppression and rule.id in self.plan.silent:
            return False
        if self._partitioner is None or self.share is None:
            return True
        return self.share.index == min(self._partitioner.of_group(organization, rule, key))

    def _count_unused(self, organization: str, feed: Feed, event_id: str, reading: Reading) -> None:
        if self._partitioner is not None and self.share is not None:
            rule = self.plan.rules[feed.rule_index]
            home = self._partitioner.of_uncounted(organization, rule, event_id)
            if home != self.share.index:
                return
        if reading.missing:
            self.counters[reading.missing, feed.rule_id] += 1
        if reading.dropped:
            self.counters[DROPPED, feed.rule_id] += reading.dropped

    def _refuse_late(self, organization: str, state: RuleState, entry: Entry) -> None:
        told = self._tells(organization, state.rule, entry[KEY]) or state.starts
        if told and self.late.add(organization, state.rule, entry):
            self.counters[LATE, state.rule.id] += 1

    def _first_view(
        self, organization: str, state: RuleState, entry: Entry
    ) -> Sequence[GroupAlert]:
        """The alert of a suppressed detection as its first match in sight starts it."""
        rule = state.rule
        period_start = rule.period_start(entry[TIME])
        group = state.groups.get(entry[KEY])
        known = isinstance(group, Group) and group.alert_of(period_start)
        if known or (period_start, entry[KEY]) in state.announced:
            return ()
        old = entry[TIME] < state.floor
        if not old:
            state.announced.add((period_start, entry[KEY]))
        event = EvidenceEvent(entry[EVENT], entry[TIME], (rule.id,))
        alert = GroupAlert(
            organization=organization,
            rule=rule,
            group=group_values(entry[KEY], rule.group_by),
            period_start=period_start,
            time=entry[TIME],
            event_start=entry[TIME],
            event_end=entry[TIME],
            count=1,
            value=1,
            first_events=(event,),
            last_events=(),
            watermark=self.watermark,
            incomplete=old or period_start < state.complete_from,
        )
        return (alert,)

    def advance(self, watermark: int, *, settled_only: bool = False) -> list[GroupAlert]:
        """Move to `watermark`; alerts that are new, changed or settled since they were last told.

        A watermark never goes back. Alerts come in order of organisation, time, rule and group;
        with `settled_only` those that may still change wait until they do not.
        """
        self.watermark = max(self.watermark, watermark)
        told: list[tuple[tuple[str, int, str, str, int], GroupAlert]] = []
        for organization, states in self._states.items():
            for state in states:
                for key, group, alert in state.advance(
                    self.watermark, self.limits.group, settled_only=settled_only
                ):
                    if self._tells(organization, state.rule, key):
                        order = (organization, alert.time, state.rule.id, key, alert.period_start)
                        told.append((order, self._alert(organization, state, key, group, alert)))
                self._feed_outer(organization, states, state)
        self._limit_total()
        return [alert for _, alert in sorted(told, key=lambda one: one[0])]

    def _alert(
        self, organization: str, state: RuleState, key: str, group: Group, alert: AlertState
    ) -> GroupAlert:
        rule = state.rule
        first, last = group.evidence(alert, rule)
        evicted = max(state.evicted, BEFORE_TIME if group.capped is None else group.capped)
        needed = alert.period_start - state.lookback
        return GroupAlert(
            organization=organization,
            rule=rule,
            group=group_values(key, rule.group_by),
            period_start=alert.period_start,
            time=alert.time,
            event_start=alert.event_start,
            event_end=alert.event_end,
            count=alert.count,
            value=alert.value,
            first_events=first,
            last_events=last,
            watermark=self.watermark,
            settled=alert.settled,
            capped=alert.period_start - rule.timespan <= evicted,
            incomplete=alert.partial or needed < state.complete_from,
        )

    def _feed_outer(self, organization: str, states: Sequence[RuleState], state: RuleState) -> None:
        """Give the alerts that started to the correlations that refer to their rule (§5.6)."""
        rule = state.rule
        feeds = self._feeds.get(rule.id, ()) if state.starts else ()
        for time, key, period_start in state.started:
            group = group_values(key, rule.group_by)
            event_id = period_alert_id(organization, rule.id, group, period_start)
            for feed in feeds:
                for entry in self._entries(organization, feed, time, event_id, group):
                    states[feed.rule_index].insert(entry)
        state.started.clear()
        for feed in feeds:
            # An alert that a cap has touched may be missing above, or start elsewhere.
            touched = max(state.evicted, state.capped)
            if touched > BEFORE_TIME:
                outer = states[feed.rule_index]
                outer.evicted = max(outer.evicted, touched + rule.timespan + rule.period)

    def _limit_total(self) -> None:
        """Evict the stalest entries of all, an eighth of the cap at once, where it is met."""
        states = [state for states in self._states.values() for state in states]
        size = sum(state.size for state in states)
        if size <= self.limits.total:
            return
        times = sorted(entry[TIME] for state in states for entry in state.entries())
        cut = times[max(0, len(times) - self.limits.total * 7 // 8 - 1)]
        for state in states:
            state.evict(cut)

    def with_plan(self, plan: CorrelationPlan, *, complete_from: int | None = None) -> "Correlator":
        """A correlator of `plan` that takes over the state of the rules that mean what they meant.

        The others start now: their alerts are incomplete until all they need was seen from
        `complete_from` on, by default from the latest time that this one has read. This one must
        not be used any more.
        """
        changed = Correlator(
            plan, limits=self.limits, complete_from=self.complete_from, share=self.share
        )
        changed.watermark, changed.counters, changed.late = self.watermark, self.counters, self.late
        changed._known = self._known
        changed._take_over({rule.digest for rule in self.plan.rules}, self._begun, self._latest)
        if complete_from is not None:
            changed._begun |= dict.fromkeys(changed._begun.keys() - self._begun, complete_from)
        for organization, states in self._states.items():
            kept = {tuple(state_key(state.rule)): state for state in states}
            fresh = changed._open(organization)
            for index, rule in enumerate(plan.rules):
                known = kept.get(tuple(state_key(rule)))
                if known is not None:
                    known.bind(plan, rule)
                    fresh[index] = known
        return changed

    def _take_over(self, known: Iterable[str], begun: Mapping[str, int], latest: int) -> None:
        """Go on from a correlator that knew rules by digest: those that it did not begin now."""
        self._latest = latest
        begin = max(latest, self.watermark) + 1
        self._begun = {
            rule.digest: begun.get(rule.digest, begin)
            for rule in self.plan.rules
            if rule.digest in begun or rule.digest not in known
        }

    def save(self) -> bytes:
        """The state as bytes, for `restore`; nothing in it runs when it is read."""
        return encode_snapshot(
            {
                "watermark": self.watermark,
                "complete_from": self.complete_from,
                "latest": self._latest,
                "begun": self._begun,
                "rules": [rule.digest for rule in self.plan.rules],
                "counters": [[*key, count] for key, count in sorted(self.counters.items())],
                "late": self.late.snapshot(),
                "states": {
                    organization: [state_snapshot(state) for state in states]
                    for organization, states in self._states.items()
                },
            }
        )

    @classmethod
    def restore(
        cls,
        plan: CorrelationPlan,
        data: bytes,
        *,
        limits: Limits | None = None,
        share: Share | None = None,
    ) -> "Correlator":
        """The correlator that was saved as `data`; a rule of `plan` that is not in it starts now.

        Raises SnapshotError where `data` is no saved state.
        """
        snapshot = decode_snapshot(data)
        try:
            return cls._restored(plan, snapshot, limits, share)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise SnapshotError(f"saved state: {error!r}") from None

    @classmethod
    def _restored(
        cls,
        plan: CorrelationPlan,
        snapshot: Mapping[str, Any],
        limits: Limits | None,
        share: Share | None,
    ) -> "Correlator":
        restored = cls(plan, limits=limits, complete_from=snapshot["complete_from"], share=share)
        restored.watermark = snapshot["watermark"]
        restored.counters.update({(what, rule): n for what, rule, n in snapshot["counters"]})
        restored.late.load(snapshot["late"], plan)
        restored._take_over(snapshot["rules"], snapshot["begun"], snapshot["latest"])
        for organization, saved_states in snapshot["states"].items():
            saved_by_key = {tuple(saved["rule"]): saved for saved in saved_states}
            for state in restored._open(organization):
                saved = saved_by_key.get(tuple(state_key(state.rule)))
                if saved is not None:
                    restore_state(state, saved)
        restored._known = restored.uncounted()
        return restored

    def sizes(self) -> dict[str, Size]:
        """What the state holds, by RULE ID."""
        sizes: dict[str, Size] = {}
        for index, rule in enumerate(self.plan.rules):
            states = [states[index] for states in self._states.values()]
            entries = sum(state.size for state in states)
            sizes[rule.id] = Size(entries, sum(len(state.groups) for state in states))
        return sizes

    @property
    def evictions(self) -> int:
        """How many entries caps have evicted."""
        return sum(state.evictions for states in self._states.values() for state in states)

    def uncounted(self) -> Counter[tuple[str, str]]:
        """What was not counted, by (what, RULE ID): `counters`, and what caps have evicted."""
        found = Counter(self.counters)
        for states in self._states.values():
            found.update({(EVICTED, one.rule.id): one.evictions for one in states if one.evictions})
        return found

    def take_uncounted(self) -> Counter[tuple[str, str]]:
        """What of `uncounted` came about since this was last asked."""
        known, self._known = self._known, self.uncounted()
        return self._known - known
