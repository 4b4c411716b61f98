"""Plans: what there is to ask of the events of one log source class.

    rules ──▶ forms over atoms ──▶ class of an event ──▶ plan
              (once, `Planner`)     Channel, EventID…     columns to look at, candidates to judge

Some fields tell which log source an event comes from: those that gates name, such as `Channel` and
`EventID`. The signatures of an event in these **class fields** are its **class**. Within a class
all atoms about them are known; gates fold to yes or no, rules of other log sources vanish, and of
those that stay only what asks for other fields is left. A plan is made when the first event of its
class comes.

Each rule of a plan is a **candidate** with clauses, sets of atoms of each of which one must be
true. It is found by the atoms of its rarest clause, its **witness**; the few without clauses are
always judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tocsin.pipelines.detection.forms import (
    FALSE,
    Atoms,
    Form,
    Targets,
    Test,
    atoms_of,
    clauses_of,
    fold,
    form_of,
    is_clauses,
    test_of,
)
from tocsin.pipelines.detection.ir import Item, Keyword, Node, Reference, leaves
from tocsin.pipelines.detection.rarity import rarity_of
from tocsin.pipelines.detection.rules import DetectionRule

Class = tuple[frozenset[int], ...]
"""The signatures of an event in the class fields, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A rule over atoms.

    `approximate`: the form may hold where the rule does not, so its matches are confirmed.
    `keywords` are its keywords, for which `form` does not speak.
    """

    rule: DetectionRule
    gate: Form
    form: Form
    approximate: bool
    keywords: frozenset[Keyword]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A rule as a plan judges it: all `clauses` are met, and `test`, where they do not say all."""

    prepared: Prepared
    clauses: tuple[frozenset[int], ...]
    test: Test | None

    def holds(self, true: AbstractSet[int]) -> bool:
        """Whether the form holds where the atoms in `true` are true."""
        for clause in self.clauses:
            if clause.isdisjoint(true):
                return False
        return self.test is None or self.test(true)


Verdict = tuple[Prepared, ...]
"""The rules whose forms hold, sorted by RULE ID."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The columns to look at, each with its atoms, and the candidates that they judge."""

    columns: Mapping[Targets, frozenset[int]]
    always: tuple[Candidate, ...]
    by_witness: Mapping[int, tuple[Candidate, ...]]
    witnesses: frozenset[int]
    keyword_rules: tuple[Prepared, ...]

    def judge(self, true: AbstractSet[int]) -> Verdict:
        """The rules whose forms hold where of all atoms those in `true` are true."""
        found = {each.prepared for each in self.always if each.holds(true)}
        for atom in self.witnesses.intersection(true):
            for candidate in self.by_witness[atom]:
                if candidate.holds(true):
                    found.add(candidate.prepared)
        return tuple(sorted(found, key=_rule_id)) if found else ()


def _rule_id(prepared: Prepared) -> str:
    return prepared.rule.info.id


@dataclass(slots=True)
class Planner:
    """All rules over atoms, and the fields that tell classes apart."""

    atoms: Atoms = field(default_factory=Atoms)
    rules: list[Prepared] = field(default_factory=list)
    class_fields: dict[str, frozenset[int]] = field(default_factory=dict)
    _class_atoms: frozenset[int] = frozenset()
    _rarity: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, rules: Iterable[DetectionRule]) -> "Planner":
        """The planner of those of `rules` whose log source something feeds."""
        planner = cls()
        planner.rules = [planner._prepared(rule) for rule in rules if rule.fields.gate is not None]
        gates = {each.gate for each in planner.rules}
        names = {planner.atoms.known[atom].targets for gate in gates for atom in atoms_of(gate)}
        by_targets = planner._by_targets(range(len(planner.atoms.known)))
        planner.class_fields = {name: by_targets[name,] for (name,) in sorted(names)}
        planner._class_atoms = frozenset().union(*planner.class_fields.values())
        planner._rarity = [rarity_of(atom) for atom in planner.atoms.known]
        return planner

    def _prepared(self, rule: DetectionRule) -> Prepared:
        form = form_of(rule.condition, self.atoms)
        keywords = frozenset(leaf for leaf in leaves(rule.condition) if isinstance(leaf, Keyword))
        approximate = bool(rule.exceptions) or _refers(rule.condition)
        return Prepared(rule, form_of(rule.gate, self.atoms), form, approximate, keywords)

    def _by_targets(self, numbers: Iterable[int]) -> dict[Targets, frozenset[int]]:
        found: dict[Targets, list[int]] = defaultdict(list)
        for number in numbers:
            found[self.atoms.known[number].targets].append(number)
        return {targets: frozenset(each) for targets, each in found.items()}

    def plan(self, of_class: Class) -> Plan:
        """The plan for events of a class."""
        known, true = self._class_atoms, frozenset().union(*of_class)
        gates: dict[int, bool] = {}
        candidates: list[Candidate] = []
        keyword_rules: list[Prepared] = []
        looked_at: set[int] = set()
        for prepared in self.rules:
            if id(prepared.gate) not in gates:
                gates[id(prepared.gate)] = fold(prepared.gate, known, true) != FALSE
            if not gates[id(prepared.gate)]:
                continue
            if prepared.keywords:
                keyword_rules.append(prepared)
            form = fold(prepared.form, known, true)
            if form != FALSE:
                candidates.append(self._candidate(prepared, form))
                looked_at.update(atoms_of(form))
        always, by_witness = self._by_witness(candidates)
        return Plan(
            self._by_targets(looked_at),
            always,
            by_witness,
            frozenset(by_witness),
            tuple(keyword_rules),
        )

    def _candidate(self, prepared: Prepared, form: Form) -> Candidate:
        clauses = sorted(clauses_of(form, self._how_rare), key=self._how_rare)
        return Candidate(prepared, tuple(clauses), None if is_clauses(form) else test_of(form))

    def _by_witness(
        self, candidates: Sequence[Candidate]
    ) -> tuple[tuple[Candidate, ...], dict[int, tuple[Candidate, ...]]]:
        always: list[Candidate] = []
        by_witness: dict[int, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.clauses:
                for atom in candidate.clauses[0]:
                    by_witness[atom].append(candidate)
            else:
                always.append(candidate)
        return tuple(always), {atom: tuple(found) for atom, found in by_witness.items()}

    def _how_rare(self, atoms: AbstractSet[int]) -> float:
        return sum(self._rarity[atom] for atom in atoms)


def _refers(condition: Node) -> bool:
    return any(
        isinstance(leaf, Item) and isinstance(leaf.predicate, Reference)
        for leaf in leaves(condition)
    )
