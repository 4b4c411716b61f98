"""Plans: what there is to ask of the events of one log source class.

    rules ──▶ forms over atoms ──▶ class of an event ──▶ plan
              (once, `Planner`)     Channel, EventID…     columns to look at, candidates to judge

Some fields tell which log source an event comes from: those that gates name, such as `Channel` and
`EventID`. The signatures of an event in these **class fields** are its **class**. Within a class
all atoms about them but lazy ones are known; gates fold to yes or no, rules of other log sources
vanish, and of those that stay only what asks for other fields is left. A plan is made when the
first event of its class comes.

Each rule of a plan is a **candidate** with clauses, sets of atoms of each of which one must be
true. It is found by the atoms of its rarest clause, its **witness**; the few without clauses are
always judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tocsin.pipelines.detection.forms import (
    FALSE,
    SOURCE_TEXT,
    Atom,
    Atoms,
    Form,
    Targets,
    Test,
    atoms_of,
    clauses_of,
    decisive,
    fold,
    form_of,
    is_clauses,
    test_of,
    upper,
)
from tocsin.pipelines.detection.rarity import rarity_of
from tocsin.pipelines.detection.rules import DetectionRule

Class = tuple[frozenset[int], ...]
"""The signatures of an event in the class fields, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A rule over atoms."""

    rule: DetectionRule
    form: Form


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A rule as a plan judges it: all `clauses` are met, and `test`, where they do not say all.

    `form` is what is left of it in the class, its `clauses` the rarest first. `atoms` are all that
    it looks at, `lazy` those of them that may be open; then `exact` decides.
    `sought` are keywords: if none of these is true, it is as if no keyword were.
    """

    prepared: Prepared
    form: Form
    atoms: frozenset[int]
    clauses: tuple[frozenset[int], ...]
    test: Test | None
    lazy: frozenset[int]
    exact: Test
    sought: frozenset[int]

    def may_hold(self, true: AbstractSet[int]) -> bool:
        """Whether the form holds where the atoms in `true` are true or, as may be, open."""
        for clause in self.clauses:
            if clause.isdisjoint(true):
                return False
        return self.test is None or self.test(true)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A rule that holds; if there are atoms `open`, then if `exact` holds with those that are true.

    `true` are the other atoms of the rule that are true.
    """

    rule: DetectionRule
    open: frozenset[int]
    true: frozenset[int]
    exact: Test

    @classmethod
    def of(cls, candidate: Candidate, true: AbstractSet[int]) -> "Finding":
        """What `candidate`, which may hold, comes to."""
        open_ones = candidate.lazy & true
        own = (candidate.atoms & true) - open_ones if open_ones else frozenset[int]()
        return cls(candidate.prepared.rule, open_ones, own, candidate.exact)


Verdict = tuple[Finding, ...]
"""The rules that hold or may hold, sorted by RULE ID."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The columns to look at, each with its atoms, and the candidates that they judge.

    `keywords` are the atoms about all texts of the source, which are in no column; if none of those
    that are `sought` is true, no verdict depends on the others.
    """

    candidates: tuple[Candidate, ...]
    columns: Mapping[Targets, frozenset[int]]
    keywords: frozenset[int]
    sought: frozenset[int]
    always: tuple[Candidate, ...]
    by_witness: Mapping[int, tuple[Candidate, ...]]
    witnesses: frozenset[int]

    def judge(self, true: AbstractSet[int]) -> Verdict:
        """The rules whose forms hold where of all atoms those in `true` are true or open."""
        found = {each for each in self.always if each.may_hold(true)}
        for atom in self.witnesses.intersection(true):
            for candidate in self.by_witness[atom]:
                if candidate.may_hold(true):
                    found.add(candidate)
        findings = [Finding.of(each, true) for each in found]
        return tuple(sorted(findings, key=lambda each: each.rule.info.id)) if found else ()


class Planner:
    """All rules over atoms, and the fields that tell classes apart.

    `class_fields` are these fields with the atoms about them.
    """

    def __init__(self, rules: Iterable[DetectionRule]) -> None:
        self._atoms = Atoms()
        self._by_gate: dict[Form, list[Prepared]] = defaultdict(list)
        for rule in rules:
            if rule.fields.gate is not None:
                gate = form_of(rule.gate, self._atoms)
                self._by_gate[gate].append(Prepared(rule, form_of(rule.condition, self._atoms)))
        self._gates: Mapping[Form, Test] = {gate: test_of(gate) for gate in self._by_gate}
        self._rarity = [rarity_of(atom) for atom in self._atoms.known]
        numbers = (number for gate in self._gates for number in atoms_of(gate))
        names = {self._atoms.known[number].targets for number in numbers}
        eager = (number for number, atom in enumerate(self._atoms.known) if not atom.lazy)
        by_targets = self.by_targets(eager)
        self.class_fields: Mapping[str, frozenset[int]] = {
            name: by_targets[name,] for (name,) in sorted(names)
        }
        self._class_atoms = frozenset[int]().union(*self.class_fields.values())
        self._ready: dict[Prepared, Candidate] = {}

    def by_targets(self, numbers: Iterable[int]) -> dict[Targets, frozenset[int]]:
        """The atoms by the targets of their field."""
        found: dict[Targets, list[int]] = defaultdict(list)
        for number in numbers:
            found[self._atoms.known[number].targets].append(number)
        return {targets: frozenset(each) for targets, each in found.items()}

    def fields(self) -> frozenset[str]:
        """The event fields that rules look at; keywords and references look at others as well."""
        return frozenset(name for atom in self._atoms.known for name in atom.targets)

    def atom(self, number: int) -> Atom:
        """The atom of that number."""
        return self._atoms.known[number]

    def atoms(self, numbers: Iterable[int]) -> dict[int, Atom]:
        """The atoms by their numbers."""
        return {number: self._atoms.known[number] for number in numbers}

    def plan(self, of_class: Class) -> Plan:
        """The plan for events of a class."""
        true = frozenset[int]().union(*of_class)
        candidates = [
            candidate
            for gate, applies in self._gates.items()
            if applies(true)
            for prepared in self._by_gate[gate]
            if (candidate := self._candidate(prepared, true)) is not None
        ]
        looked_at = frozenset[int]().union(*(each.atoms for each in candidates))
        columns = self.by_targets(looked_at)
        keywords = columns.pop(SOURCE_TEXT, frozenset())
        always: list[Candidate] = []
        by_witness: dict[int, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            if not candidate.clauses:
                always.append(candidate)
                continue
            for atom in candidate.clauses[0]:
                by_witness[atom].append(candidate)
        judges = {atom: tuple(found) for atom, found in by_witness.items()}
        sought = frozenset[int]().union(*(each.sought for each in candidates))
        return Plan(
            tuple(candidates), columns, keywords, sought, tuple(always), judges, frozenset(judges)
        )

    def _candidate(self, prepared: Prepared, true: frozenset[int]) -> Candidate | None:
        """What is left of a rule in a class; None if it cannot match there.

        That of rules that do not look at class fields is the same in all classes.
        """
        ready = self._ready.get(prepared)
        if ready is not None:
            return ready
        form = fold(prepared.form, self._class_atoms, true)
        if form == FALSE:
            return None
        clauses = sorted(clauses_of(form, self.how_rare), key=self.how_rare)
        atoms = frozenset(atoms_of(form))
        lazy = self._atoms.lazy(atoms)
        exact = test_of(form)
        test = None if is_clauses(form) else test_of(upper(form, lazy)) if lazy else exact
        keywords = self.by_targets(atoms).get(SOURCE_TEXT, frozenset())
        sought = decisive(form, keywords, self.how_rare) if keywords else keywords
        candidate = Candidate(prepared, form, atoms, tuple(clauses), test, lazy, exact, sought)
        if form == prepared.form:
            self._ready[prepared] = candidate
        return candidate

    def how_rare(self, atoms: AbstractSet[int]) -> float:
        """The likelihood that one of the atoms is true of an event, as a guess."""
        return sum(self._rarity[atom] for atom in atoms)
