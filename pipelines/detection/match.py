"""Matching events: class, plan, signatures, verdict; all of them looked up, hardly ever worked out.

    event ─▶ class fields ─▶ signatures ─▶ plan
      └────▶ the plan's columns ─▶ signatures ─▶ verdict: the rules whose forms hold

Both steps are the same: the values of some fields, looked up in a cache each, make a tuple, which
is looked up again. What is not there yet is worked out by `columns` (a value) and `plan` (a class,
or a tuple of signatures).
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import getitem
from typing import Any

from tocsin.pipelines.detection.cache import MISSING, Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import Targets
from tocsin.pipelines.detection.keywords import KeywordFilter
from tocsin.pipelines.detection.plan import Plan, Planner, Verdict
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
        verdict = self._plan.judge(self._true(key))
        self._memory.spend(8 * len(key))
        self[key] = verdict
        return verdict

    def _true(self, key: Key) -> AbstractSet[int]:
        """The atoms that are true: of several targets those of the first that is there."""
        signatures = [key[place] for place in self._single]
        signatures += [
            next(key[at] for at in places if key[at] is not ELSEWHERE) for places in self._several
        ]
        return NOTHING.union(*signatures)


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A plan at work."""

    plan: Plan
    lookups: Lookups
    verdicts: Verdicts
    keywords: KeywordFilter | None


class Matcher:
    """Plans at work, made as their classes come, with all their caches in one `memory`."""

    def __init__(self, planner: Planner, memory: Memory) -> None:
        self.memory = memory
        self._planner = planner
        self._columns: dict[frozenset[int], Column] = {}
        self._caches: dict[tuple[frozenset[int], bool], ValueCache] = {}
        self._filters: dict[frozenset[Any], KeywordFilter] = {}
        self._running: dict[Key, Running] = {}
        self._classes = self._lookups(
            [((name,), atoms) for name, atoms in planner.class_fields.items()]
        )

    def verdicts(self, events: Sequence[Event]) -> Iterator[tuple[int, Running, Verdict]]:
        """For each event that needs a closer look its index, its plan and its verdict.

        Those are the ones with a verdict, and the ones that keywords may stand in.
        """
        classes, running = self._classes, self._running
        for index, event in enumerate(events):
            get = event.get
            try:
                key = tuple(map(getitem, classes.caches, map(get, classes.names, classes.missing)))
                plan = running.get(key) or self._run(key)
                columns = plan.lookups
                key = tuple(map(getitem, columns.caches, map(get, columns.names, columns.missing)))
                verdict = plan.verdicts[key]
            except TypeError:  # a list or an object, which is no key of a cache
                key = classes.key(event)
                plan = running.get(key) or self._run(key)
                verdict = plan.verdicts[plan.lookups.key(event)]
            if verdict or plan.keywords is not None:
                yield index, plan, verdict

    def _run(self, of_class: Key) -> Running:
        if len(self._running) >= MAX_PLANS:
            self.memory.evicted += len(self._running)
            self._running.clear()
            self._columns.clear()
            self._caches.clear()
            self.memory.forget(keep=self._classes.caches)
        plan = self._planner.plan(of_class)
        lookups = self._lookups(list(plan.columns.items()))
        verdicts = Verdicts(plan, self.memory)
        found = Running(plan, lookups, verdicts, self._filter(plan))
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
                known_atoms = self._planner.atoms.known
                column = Column({number: known_atoms[number] for number in atoms})
                self._columns[atoms] = column
            work_out = column.signature if last else _or_elsewhere(column.signature)
            known = self._caches[atoms, last] = ValueCache(work_out, self.memory)
        return known

    def _filter(self, plan: Plan) -> KeywordFilter | None:
        keywords = frozenset().union(*(each.keywords for each in plan.keyword_rules))
        if not keywords:
            return None
        if keywords not in self._filters:
            self._filters[keywords] = KeywordFilter(keywords)
        return self._filters[keywords]


def _or_elsewhere(work_out: Callable[[Any], Signature]) -> Callable[[Any], Signature]:
    return lambda value: ELSEWHERE if value is MISSING else work_out(value)
