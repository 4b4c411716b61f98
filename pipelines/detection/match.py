"""Matching events: class, plan, signatures, verdict; all of them looked up, hardly ever worked out.

    event ─▶ class fields ─▶ signatures ─▶ plan
      └────▶ the plan's columns ─▶ signatures ─▶ verdict: the rules whose forms hold

Both steps are the same: the values of some fields, looked up in a cache each, make a tuple, which
is looked up again. What is not there yet is worked out by `columns` (a value) and `plan` (a class,
or a tuple of signatures).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import getitem
from typing import Any, Generic, TypeVar

from tocsin.pipelines.detection.cache import MISSING, Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import Targets
from tocsin.pipelines.detection.keywords import Keywords
from tocsin.pipelines.detection.plan import Finding, Plan, Planner, Verdict
from tocsin.pipelines.detection.proposals import DUE, Census, Choice, Proposal, Watch
from tocsin.pipelines.detection.questions import Facts, Questions
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.schemas.events import Event

MAX_PLANS = 2048
"""Classes that have a plan at one time. All public rules know some hundred; an attacker who could
name more by mixing the values of class fields costs their making, no memory."""

MANY = 8
"""Events of a class from which it is faster to look up column by column than event by event."""

ELSEWHERE: Signature = frozenset((-1,))
"""The signature of a missing field where another target comes after it."""

Key = tuple[Signature, ...]
Proposals = tuple[Proposal, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Lookups:
    """Some fields of an event and the caches of their values' signatures."""

    names: tuple[str, ...]
    caches: tuple[ValueCache, ...]
    missing: tuple[object, ...]

    def key(self, event: Event) -> Key:
        """The signatures of an event that may hold lists and objects."""
        values = map(event.get, self.names, self.missing)
        return tuple(map(ValueCache.look_up, self.caches, values))

    def keys(self, events: Sequence[Event]) -> list[Key]:
        """The signatures of each of some events."""
        if not self.names:
            return [()] * len(events)
        if len(events) >= MANY:
            columns = (
                cache.look_up_each([event.get(name, MISSING) for event in events])
                for name, cache in zip(self.names, self.caches, strict=True)
            )
            return list(zip(*columns, strict=True))
        keys = []
        for event in events:
            try:
                values = map(event.get, self.names, self.missing)
                key = tuple(map(getitem, self.caches, values))
            except TypeError:  # a list or an object, which is no key of a cache
                key = self.key(event)
            keys.append(key)
        return keys


Outcome = TypeVar("Outcome")


class Outcomes(dict[Key, Outcome], Generic[Outcome]):
    """What each tuple of the signatures in `columns` came to; works out what it does not know."""

    def __init__(
        self,
        columns: Iterable[Targets],
        work_out: Callable[[Signature], Outcome],
        memory: Memory,
    ) -> None:
        super().__init__()
        self._work_out = work_out
        self._memory = memory
        self._single: list[int] = []
        self._several: list[range] = []
        place = 0
        for targets in columns:
            if len(targets) == 1:
                self._single.append(place)
            else:
                self._several.append(range(place, place + len(targets)))
            place += len(targets)
        memory.watch(self)

    def __missing__(self, key: Key) -> Outcome:
        outcome = self.judge(key, NOTHING)
        self._memory.spend(8 * len(key))
        self[key] = outcome
        return outcome

    def judge(self, key: Key, keywords: Signature) -> Outcome:
        """What `key` comes to with the atoms of `keywords`.

        Of several targets the first that is there counts.
        """
        signatures = [key[place] for place in self._single]
        signatures += [
            next(key[at] for at in places if key[at] is not ELSEWHERE) for places in self._several
        ]
        return self._work_out(keywords.union(*signatures))


class Running:
    """A plan at work.

    Events go by the few columns of `watched`; tables by `lookups` and `verdicts`, all columns.
    """

    def __init__(self, plan: Plan, matcher: "Matcher", keywords: Keywords | None) -> None:
        self.plan = plan
        self.keywords = keywords
        self.with_proposals = 0
        self._matcher = matcher
        self._due = list(DUE)
        self._lookups: Lookups | None = None
        self._census: Census | None = None
        self._watch(Choice())

    def _watch(self, choice: Choice) -> None:
        matcher = self._matcher
        watch = Watch(self.plan, choice, matcher.planner.by_targets, matcher.questions)
        self._choice = choice
        self.watched = matcher.lookups(watch.columns.items())
        self.proposals = Outcomes(watch.columns, watch.propose, matcher.memory)

    @property
    def lookups(self) -> Lookups:
        """All columns."""
        if self._lookups is None:
            self._lookups = self._matcher.lookups(self.plan.columns.items())
        return self._lookups

    @property
    def caches(self) -> Iterable[ValueCache]:
        """All caches that it looks at."""
        return (*self.watched.caches, *(self._lookups.caches if self._lookups else ()))

    @cached_property
    def verdicts(self) -> Outcomes[Verdict]:
        """What tuples of signatures in all columns come to."""
        return Outcomes(self.plan.columns, self.plan.judge, self._matcher.memory)

    def holding(self, proposals: Sequence[Proposal], event: Event) -> list[DetectionRule]:
        """The rules that hold for `event` of those proposed."""
        facts = Facts(event)
        self.with_proposals += 1
        if self._due and self.with_proposals >= self._due[0]:
            self._take_census(proposals, facts)
        return [each.rule for each in proposals if each.holds is None or each.holds(facts)]

    def _take_census(self, proposals: Sequence[Proposal], facts: Facts) -> None:
        if self._census is None:
            matcher = self._matcher
            self._census = Census(self.plan, matcher.questions, matcher.planner.how_rare)
        self._census.look_at(proposals, facts)
        if self._census.is_complete:
            choice = self._census.choice(self._choice)
            self._census = None
            del self._due[0]
            if choice != self._choice:
                self._watch(choice)
                self._matcher.drop_unused()


class Matcher:
    """Plans at work, made as their classes come, with all their caches in one `memory`."""

    def __init__(self, planner: Planner, memory: Memory, *, native: bool) -> None:
        self.memory = memory
        self.planner = planner
        self.fields = planner.fields()
        self.native = native
        self._columns: dict[frozenset[int], Column] = {}
        self._caches: dict[tuple[frozenset[int], bool], ValueCache] = {}
        self._keywords: dict[tuple[frozenset[int], frozenset[int]], Keywords] = {}
        self.questions = Questions(planner.atom, planner.how_rare, memory)
        self._running: dict[Key, Running] = {}
        self.classes = self.lookups(
            ((name,), atoms) for name, atoms in planner.class_fields.items()
        )

    def matches(
        self, events: Sequence[Event], lines: Sequence[bytes] | None
    ) -> Iterator[tuple[int, DetectionRule]]:
        """Each event's index with each rule that holds for it; `lines` are the JSON texts."""
        proposed = self._proposed(events, lines)
        for index in sorted(proposed):
            plan, proposals = proposed[index]
            for rule in plan.holding(proposals, events[index]):
                yield index, rule

    def _proposed(
        self, events: Sequence[Event], lines: Sequence[bytes] | None
    ) -> dict[int, tuple[Running, Proposals]]:
        """The plan and the proposals of each event that has any, by its index."""
        proposed: dict[int, tuple[Running, Proposals]] = {}
        searched: dict[Keywords, list[int]] = defaultdict(list)
        for plan, indices in self._by_plan(events).items():
            keys = plan.watched.keys([events[index] for index in indices])
            for index, proposals in zip(
                indices, map(plan.proposals.__getitem__, keys), strict=True
            ):
                if proposals:
                    proposed[index] = plan, proposals
            if plan.keywords is not None:
                searched[plan.keywords] += indices
        for keywords, indices in searched.items():
            for index, found in keywords.found_in(events, lines, indices):
                plan, key = self._looked_up(events[index])
                proposed[index] = plan, plan.proposals.judge(key, found)
        return proposed

    def _by_plan(self, events: Sequence[Event]) -> Mapping[Running, list[int]]:
        """The indices of the events by the plan of their class."""
        running = self._running
        found: dict[Running, list[int]] = defaultdict(list)
        for index, key in enumerate(self.classes.keys(events)):
            found[running.get(key) or self.plan_of(key)].append(index)
        return found

    def _looked_up(self, event: Event) -> tuple[Running, Key]:
        """The plan and the signatures of any event."""
        plan = self.plan_of(self.classes.key(event))
        return plan, plan.watched.key(event)

    def holds(self, finding: Finding, event: Event) -> bool:
        """Whether the finding holds when the atoms that it left open are settled."""
        facts = Facts(event)
        settled = (each for each in finding.open if self.questions.of_atom(each)(facts))
        return finding.exact(finding.true.union(settled))

    def plan_of(self, of_class: Key) -> Running:
        """The plan for events of a class, made if need be."""
        if of_class in self._running:
            return self._running[of_class]
        if len(self._running) >= MAX_PLANS:
            self.memory.evicted += len(self._running)
            self._running.clear()
            self._columns.clear()
            self._caches.clear()
            self._keywords.clear()
            self.questions.clear()
            self.memory.empty()
        plan = self.planner.plan(of_class)
        found = self._running[of_class] = Running(plan, self, self._source_text(plan))
        return found

    def lookups(self, columns: Iterable[tuple[Targets, frozenset[int]]]) -> Lookups:
        """The caches for some columns, each of targets and the atoms to know of their value."""
        names: list[str] = []
        caches: list[ValueCache] = []
        for targets, atoms in columns:
            for place, name in enumerate(targets):
                names.append(name)
                caches.append(self._cache(atoms, last=place == len(targets) - 1))
        return Lookups(tuple(names), tuple(caches), (MISSING,) * len(names))

    def drop_unused(self) -> None:
        """Forget the columns that no plan looks at any more."""
        used = {id(cache) for each in self._running.values() for cache in each.caches}
        used.update(map(id, self.classes.caches))
        self._caches = {key: each for key, each in self._caches.items() if id(each) in used}
        atoms = {key for key, _ in self._caches}
        self._columns = {key: each for key, each in self._columns.items() if key in atoms}

    def _cache(self, atoms: frozenset[int], *, last: bool) -> ValueCache:
        """The cache for a column; plans with the same atoms about a field share it."""
        known = self._caches.get((atoms, last))
        if known is None:
            column = self._columns.get(atoms)
            if column is None:
                column = self._columns[atoms] = Column(self.planner.atoms(atoms))
            work_out = column.signature if last else _or_elsewhere(column.signature)
            known = self._caches[atoms, last] = ValueCache(work_out, self.memory, column.signatures)
        return known

    def _source_text(self, plan: Plan) -> Keywords | None:
        key = plan.keywords, plan.sought
        if plan.keywords and key not in self._keywords:
            known = self.planner.atoms(plan.keywords)
            found = Keywords(known, plan.sought, self.memory, native=self.native)
            self._keywords[key] = found
        return self._keywords.get(key)


def _or_elsewhere(work_out: Callable[[Any], Signature]) -> Callable[[Any], Signature]:
    return lambda value: ELSEWHERE if value is MISSING else work_out(value)
