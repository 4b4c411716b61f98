"""Matching events: class, plan, signatures, verdict; all of them looked up, hardly ever worked out.

    event ─▶ class fields ─▶ signatures ─▶ plan
      └────▶ the plan's columns ─▶ signatures ─▶ verdict: the rules whose forms hold

Both steps are the same: the values of some fields, looked up in a cache each, make a tuple, which
is looked up again. What is not there yet is worked out by `columns` (a value) and `plan` (a class,
or a tuple of signatures).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any

from tocsin.pipelines.detection.cache import MISSING, Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import Atom, Targets
from tocsin.pipelines.detection.ir import Item, Origin, Reference
from tocsin.pipelines.detection.keywords import Keywords
from tocsin.pipelines.detection.plan import Finding, Plan, Planner, Verdict
from tocsin.pipelines.detection.reference import elements, leaf_holds, present, satisfies
from tocsin.pipelines.detection.rules import DetectionRule
from tocsin.schemas.events import Event

MAX_PLANS = 2048
"""Classes that have a plan at one time. All public rules know some hundred; an attacker who could
name more by mixing the values of class fields costs their making, no memory."""

ELSEWHERE: Signature = frozenset((-1,))
"""The signature of a missing field where another target comes after it."""

Key = tuple[Signature, ...]


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


class Verdicts(dict[Key, Verdict]):
    """What each tuple of signatures came to; works out what it does not know."""

    def __init__(self, plan: Plan, memory: Memory) -> None:
        super().__init__()
        self._plan = plan
        self._memory = memory
        self._single: list[int] = []
        self._several: list[range] = []
        place = 0
        for targets in plan.columns:
            if len(targets) == 1:
                self._single.append(place)
            else:
                self._several.append(range(place, place + len(targets)))
            place += len(targets)
        memory.watch(self)

    def __missing__(self, key: Key) -> Verdict:
        verdict = self.judge(key, NOTHING)
        self._memory.spend(8 * len(key))
        self[key] = verdict
        return verdict

    def judge(self, key: Key, keywords: Signature) -> Verdict:
        """What `key` comes to with the atoms of `keywords`.

        Of several targets the first that is there counts.
        """
        signatures = [key[place] for place in self._single]
        signatures += [
            next(key[at] for at in places if key[at] is not ELSEWHERE) for places in self._several
        ]
        return self._plan.judge(keywords.union(*signatures))


class LazyAtom:
    """An atom that is settled event by event, once for each value."""

    def __init__(self, number: int, atom: Atom, memory: Memory) -> None:
        (predicate,) = atom.predicates
        self._leaf = Item(atom.targets, predicate, Origin("", "", "", 0))
        self._true = frozenset((number,))
        self._values = ValueCache(self._work_out, memory)

    def holds(self, event: Event) -> bool:
        """Whether the atom is true of the event."""
        if isinstance(self._leaf.predicate, Reference):
            return not self._differ(event) and leaf_holds(self._leaf, event)
        field = present(self._leaf.targets, event)
        return field is not None and bool(self._values.look_up(event[field]))

    def _differ(self, event: Event) -> bool:
        """Whether two texts that are to be equal are not even of one length, as hardly any are."""
        predicate = self._leaf.predicate
        if not isinstance(predicate, Reference) or predicate.relation != "equals":
            return False
        one, two = event.get(self._leaf.targets[0]), event.get(predicate.targets[0])
        return (
            isinstance(one, str)
            and isinstance(two, str)
            and len(one) != len(two)
            and not one[-1:].isdigit()
        )

    def _work_out(self, value: Any) -> Signature:
        predicate = self._leaf.predicate
        return (
            self._true if any(satisfies(each, predicate) for each in elements(value)) else NOTHING
        )


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A plan at work."""

    plan: Plan
    lookups: Lookups
    verdicts: Verdicts
    keywords: Keywords | None


class Matcher:
    """Plans at work, made as their classes come, with all their caches in one `memory`."""

    def __init__(self, planner: Planner, memory: Memory, *, native: bool) -> None:
        self.memory = memory
        self._planner = planner
        self.fields = planner.fields()
        self.native = native
        self._columns: dict[frozenset[int], Column] = {}
        self._caches: dict[tuple[frozenset[int], bool], ValueCache] = {}
        self._keywords: dict[tuple[frozenset[int], frozenset[int]], Keywords] = {}
        self._lazy: dict[int, LazyAtom] = {}
        self._running: dict[Key, Running] = {}
        self.classes = self._lookups(
            [((name,), atoms) for name, atoms in planner.class_fields.items()]
        )

    def matches(
        self, events: Sequence[Event], lines: Sequence[bytes] | None
    ) -> Iterator[tuple[int, DetectionRule]]:
        """Each event's index with each rule that holds for it; `lines` are the JSON texts."""
        for index, verdict in self._verdicts(events, lines):
            for finding in verdict:
                if not finding.open or self.holds(finding, events[index]):
                    yield index, finding.rule

    def holds(self, finding: Finding, event: Event) -> bool:
        """Whether the finding holds when the atoms that it left open are settled."""
        settled = (number for number in finding.open if self._settled(number, event))
        return finding.exact(finding.true.union(settled))

    def _settled(self, number: int, event: Event) -> bool:
        lazy = self._lazy.get(number)
        if lazy is None:
            lazy = self._lazy[number] = LazyAtom(number, self._planner.atom(number), self.memory)
        return lazy.holds(event)

    def _verdicts(
        self, events: Sequence[Event], lines: Sequence[bytes] | None
    ) -> Iterator[tuple[int, Verdict]]:
        """The index and the verdict of each event that has one."""
        classes, running = self.classes, self._running
        for index, event in enumerate(events):
            get = event.get
            try:
                key = tuple(map(getitem, classes.caches, map(get, classes.names, classes.missing)))
                plan = running.get(key) or self.plan_of(key)
                columns = plan.lookups
                key = tuple(map(getitem, columns.caches, map(get, columns.names, columns.missing)))
            except TypeError:  # a list or an object, which is no key of a cache
                key = classes.key(event)
                plan = running.get(key) or self.plan_of(key)
                key = plan.lookups.key(event)
            verdict = plan.verdicts[key]
            if plan.keywords is not None:
                found = plan.keywords.signature(event, None if lines is None else lines[index])
                if found:
                    verdict = plan.verdicts.judge(key, found)
            if verdict:
                yield index, verdict

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
            self._lazy.clear()
            self.memory.forget(keep=self.classes.caches)
        plan = self._planner.plan(of_class)
        lookups = self._lookups(list(plan.columns.items()))
        verdicts = Verdicts(plan, self.memory)
        found = Running(plan, lookups, verdicts, self._source_text(plan))
        self._running[of_class] = found
        return found

    def _lookups(self, columns: Sequence[tuple[Targets, frozenset[int]]]) -> Lookups:
        names: list[str] = []
        caches: list[ValueCache] = []
        for targets, atoms in columns:
            for place, name in enumerate(targets):
                names.append(name)
                caches.append(self._cache(atoms, last=place == len(targets) - 1))
        return Lookups(tuple(names), tuple(caches), (MISSING,) * len(names))

    def _cache(self, atoms: frozenset[int], *, last: bool) -> ValueCache:
        """The cache for a column; plans with the same atoms about a field share it."""
        known = self._caches.get((atoms, last))
        if known is None:
            column = self._columns.get(atoms)
            if column is None:
                column = self._columns[atoms] = Column(self._planner.atoms(atoms))
            work_out = column.signature if last else _or_elsewhere(column.signature)
            known = self._caches[atoms, last] = ValueCache(work_out, self.memory)
        return known

    def _source_text(self, plan: Plan) -> Keywords | None:
        key = plan.keywords, plan.sought
        if plan.keywords and key not in self._keywords:
            known = self._planner.atoms(plan.keywords)
            found = Keywords(known, plan.sought, self.memory, native=self.native)
            self._keywords[key] = found
        return self._keywords.get(key)


def _or_elsewhere(work_out: Callable[[Any], Signature]) -> Callable[[Any], Signature]:
    return lambda value: ELSEWHERE if value is MISSING else work_out(value)
