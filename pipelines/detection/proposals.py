"""Matching in two stages: a few columns propose candidates, the event itself answers for the rest.

    values ─▶ signatures in watched atoms ─▶ proposals ─▶ questions to the event ─▶ matches
              (looked up)                    (looked up)   (asked, of what is left)

All atoms of a plan are far more than what it takes to see that hardly any rule can hold. So each
candidate is **watched** by one of its clauses: while no atom of that is true, the candidate is not
thought of. For a tuple of signatures the forms of the candidates are folded once by all that is
known of watched atoms. What remains of a form is asked of the event.

Which clause is the rarest is a guess at first (`rarity`). Now and then a plan takes a **census** of
the candidates that are proposed too often: how often are their atoms true? They are watched from
then on by the clause that is the rarest in truth. Where that is common still, as in rules that live
by their exclusions, all their atoms are watched, so that the tuple of signatures decides.

Nothing but speed depends on any of this.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tocsin.pipelines.detection.forms import FALSE, TRUE, Targets, clauses_of, fold
from tocsin.pipelines.detection.plan import Candidate, Plan
from tocsin.pipelines.detection.questions import Facts, Question, Questions
from tocsin.pipelines.detection.rules import DetectionRule

DUE = (256, 2_048, 16_384, 131_072)
"""Numbers of events with proposals after which a census is taken."""

NOTED, COUNTED = 64, 64
"""Events of a census in which proposals are noted, and in which atoms are counted then."""

OFTEN = 0.04
"""The share of events in which proposing a candidate is too often."""

MAX_FOLDED = 64
"""Foldings of a candidate that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A candidate that may hold: if `holds` says so of the event; without, it does."""

    candidate: Candidate
    rule: DetectionRule
    holds: Question | None


@dataclass(frozen=True, slots=True)
class Choice:
    """How some candidates are watched: by a `clause`, and those in `whole` by all their atoms."""

    clauses: Mapping[Candidate, frozenset[int]] = field(default_factory=dict)
    whole: frozenset[Candidate] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A candidate, those of its atoms that are watched, and what sets of true ones came to."""

    candidate: Candidate
    atoms: frozenset[int]
    folded: dict[frozenset[int], Proposal | None] = field(default_factory=dict)


class Watch:
    """A plan's candidates, each watched as `choice` has it, or by its first clause."""

    def __init__(
        self,
        plan: Plan,
        choice: Choice,
        by_targets: Callable[[Iterable[int]], Mapping[Targets, frozenset[int]]],
        questions: Questions,
    ) -> None:
        self._questions = questions
        clauses = {
            each: choice.clauses.get(each) or next(iter(each.clauses), frozenset())
            for each in plan.candidates
        }
        atoms = set(plan.keywords).union(*clauses.values())
        for candidate, clause in clauses.items():
            if not clause or candidate in choice.whole:
                atoms |= candidate.atoms
        self._always: list[Watched] = []
        self._watchers: dict[int, list[Watched]] = defaultdict(list)
        for candidate, clause in clauses.items():
            watched = Watched(candidate, candidate.atoms & atoms)
            if not clause:
                self._always.append(watched)
            for atom in clause:
                self._watchers[atom].append(watched)
        self.columns = by_targets(atoms - plan.keywords)

    def propose(self, true: AbstractSet[int]) -> tuple[Proposal, ...]:
        """What candidates come to where of the watched atoms those in `true` are true or open."""
        found = dict.fromkeys(self._always)
        for atom in self._watchers.keys() & true:
            found.update(dict.fromkeys(self._watchers[atom]))
        proposals = (self._folded(watched, watched.atoms & true) for watched in found)
        return tuple(sorted(filter(None, proposals), key=lambda each: each.rule.info.id))

    def _folded(self, watched: Watched, true: frozenset[int]) -> Proposal | None:
        """What is left of a candidate of whose watched atoms those are true or open."""
        if true in watched.folded:
            return watched.folded[true]
        candidate = watched.candidate
        still_open = true & candidate.lazy
        left = fold(candidate.form, watched.atoms - still_open, true - still_open)
        proposal = None
        if left != FALSE:
            holds = None if left == TRUE else self._questions.of_form(left)
            proposal = Proposal(candidate, candidate.prepared.rule, holds)
        if len(watched.folded) >= MAX_FOLDED:
            watched.folded.clear()
        watched.folded[true] = proposal
        return proposal


class Census:
    """Which candidates are proposed too often, and how often their atoms are true."""

    def __init__(
        self, plan: Plan, questions: Questions, rarity: Callable[[AbstractSet[int]], float]
    ) -> None:
        self._keywords = plan.keywords
        self._questions = questions
        self._guess = rarity
        self._events = 0
        self._noted: Counter[Candidate] = Counter()
        self._true: Counter[int] = Counter()
        self._asked: Sequence[int] = ()

    @property
    def is_complete(self) -> bool:
        """Whether enough events were looked at."""
        return self._events >= NOTED + COUNTED

    def look_at(self, proposals: Iterable[Proposal], facts: Facts) -> None:
        """Take an event and what was proposed for it into account."""
        self._events += 1
        if self._events <= NOTED:
            self._noted.update(each.candidate for each in proposals if each.holds is not None)
            return
        if self._events == NOTED + 1:
            atoms = frozenset[int]().union(*(each.atoms - each.lazy for each in self._frequent()))
            self._asked = tuple(atoms - self._keywords)
        self._true.update(
            number for number in self._asked if self._questions.of_atom(number)(facts)
        )

    def _frequent(self) -> Iterable[Candidate]:
        return [each for each, count in self._noted.items() if count >= OFTEN * NOTED]

    def choice(self, before: Choice) -> Choice:
        """How to watch those from now on that are proposed too often, the others as `before`."""
        clauses, whole = dict(before.clauses), set(before.whole)
        for candidate in self._frequent():
            lazy = candidate.lazy

            def rarity(atoms: AbstractSet[int], lazy: frozenset[int] = lazy) -> float:
                if atoms.isdisjoint(lazy):
                    return sum(self._true[atom] for atom in atoms) / COUNTED
                return 1.0  # which may be open for any event

            found = clauses_of(candidate.form, rarity)
            if found:
                best = min(found, key=lambda clause: (rarity(clause), self._guess(clause)))
                clauses[candidate] = best
                if rarity(best) >= OFTEN:
                    whole.add(candidate)
        return Choice(clauses, frozenset(whole))
