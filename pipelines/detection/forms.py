"""Conditions over atoms: the intermediate form, prepared for asking it millions of times.

    Or(Item(T, EndsWith("\\\\a.exe")), Item(T, EndsWith("\\\\b.exe")))      atom 7 of targets T
    And(that, Not(Item(U, Contains("helper"))))                    AllOf(Some{7}, NoneOf(Some{12}))

An **atom** is a question to one field that is answered for a value once and for all: some of a set
of predicates holds. Whoever has the set of atoms that are true of an event can say of each form
whether it holds, without the event.

Keywords are atoms of a field without targets, which stands for all texts of the source.

What a pass for literals does not decide is a **lazy** atom: regular expressions, wildcards within,
`cased`, numbers, references to other fields. Of a value it is either false or open; that is settled
for those few events on which it still matters. The `upper` form holds whenever the form itself may.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Equals,
    Exists,
    InNetwork,
    Is,
    Item,
    Keyword,
    Leaf,
    Node,
    Not,
    Null,
    Or,
    Predicate,
    Selection,
)
from tocsin.pipelines.detection.literals import needles_of
from tocsin.schemas.values import is_number

Asked = TypeVar("Asked")
"""What a test looks at: the atoms that are true, or an event."""

Targets = tuple[str, ...]

SOURCE_TEXT: Targets = ()
"""The targets of keywords."""


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of `atoms` is true."""

    atoms: frozenset[int]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All `children` hold."""

    children: "tuple[Form, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some of `children` holds."""

    children: "tuple[Form, ...]"


@dataclass(frozen=True, slots=True)
class CountOf:
    """At least `count` of `children` hold."""

    count: int
    children: "tuple[Form, ...]"


@dataclass(frozen=True, slots=True)
class NoneOf:
    """`child` does not hold."""

    child: "Form"


Form = Some | AllOf | AnyOf | CountOf | NoneOf

TRUE = AllOf(())
FALSE = AnyOf(())


@dataclass(frozen=True, slots=True)
class Atom:
    """Some of `predicates` holds of the field that `targets` lead to; a lazy one has just one."""

    targets: Targets
    predicates: frozenset[Predicate]
    lazy: bool


@dataclass(slots=True)
class Atoms:
    """All atoms of some rules, numbered as they come; equal ones are one."""

    known: list[Atom] = field(default_factory=list)
    _numbers: dict[Atom, int] = field(default_factory=dict)

    def numbers(self, targets: Targets, predicates: Iterable[Predicate]) -> frozenset[int]:
        """The atoms of which some is true where some of `predicates` holds."""
        eager: set[Predicate] = set()
        found = set()
        for predicate in predicates:
            if targets == SOURCE_TEXT or _is_eager(predicate):
                eager.add(predicate)
            else:
                found.add(self._number(Atom(targets, frozenset((predicate,)), lazy=True)))
        if eager:
            found.add(self._number(Atom(targets, frozenset(eager), lazy=False)))
        return frozenset(found)

    def _number(self, atom: Atom) -> int:
        number = self._numbers.get(atom)
        if number is None:
            number = self._numbers[atom] = len(self.known)
            self.known.append(atom)
        return number

    def lazy(self, numbers: Iterable[int]) -> frozenset[int]:
        """Those of the atoms that are lazy."""
        return frozenset(number for number in numbers if self.known[number].lazy)


def _is_eager(predicate: Predicate) -> bool:
    """Whether the predicate is decided with all others of its field (`columns`)."""
    if isinstance(predicate, Exists | Null | Is | InNetwork):
        return True
    if isinstance(predicate, Equals) and is_exact(predicate):
        return True
    found = needles_of(predicate)
    return found is not None and found.sure


def is_exact(predicate: Equals) -> bool:
    """Whether folded canonical texts decide the equality."""
    return not predicate.windash and (not predicate.cased or is_number(predicate.text))


def form_of(node: Node, atoms: Atoms) -> Form:
    """The form of `node`."""
    match node:
        case Selection(_, child):
            return form_of(child, atoms)
        case Not(child):
            return none_of(form_of(child, atoms))
        case And(children):
            return all_of(form_of(child, atoms) for child in children)
        case AtLeast(count, children):
            return at_least(count, [form_of(child, atoms) for child in children])
        case Or():
            return _form_of_or(node, atoms)
    return Some(atoms.numbers(_targets(node), (node.predicate,)))


def _form_of_or(node: Or, atoms: Atoms) -> Form:
    """Alternatives about one field are one atom."""
    by_targets: dict[Targets, list[Predicate]] = defaultdict(list)
    others: list[Form] = []
    for child in _alternatives(node):
        if isinstance(child, Item | Keyword):
            by_targets[_targets(child)].append(child.predicate)
        else:
            others.append(form_of(child, atoms))
    some = [Some(atoms.numbers(targets, found)) for targets, found in by_targets.items()]
    return any_of([*some, *others])


def _targets(leaf: Leaf) -> Targets:
    return leaf.targets if isinstance(leaf, Item) else SOURCE_TEXT


def _alternatives(node: Node) -> Iterator[Node]:
    match node:
        case Or(children):
            for child in children:
                yield from _alternatives(child)
        case Selection(_, child):
            yield from _alternatives(child)
        case _:
            yield node


def all_of(forms: Iterable[Form]) -> Form:
    """All of `forms`, as simply as it can be said."""
    children: list[Form] = []
    for form in forms:
        if form == FALSE:
            return FALSE
        children.extend(form.children if isinstance(form, AllOf) else (form,))
    return children[0] if len(children) == 1 else AllOf(tuple(children))


def any_of(forms: Iterable[Form]) -> Form:
    """Some of `forms`, as simply as it can be said."""
    atoms: set[int] = set()
    children: list[Form] = []
    for form in forms:
        if form == TRUE:
            return TRUE
        for part in form.children if isinstance(form, AnyOf) else (form,):
            if isinstance(part, Some):
                atoms |= part.atoms
            else:
                children.append(part)
    if atoms:
        children.insert(0, Some(frozenset(atoms)))
    return children[0] if len(children) == 1 else AnyOf(tuple(children))


def at_least(count: int, forms: Iterable[Form]) -> Form:
    """`count` of `forms`, as simply as it can be said."""
    open_ones: list[Form] = []
    for form in forms:
        if form == TRUE:
            count -= 1
        elif form != FALSE:
            open_ones.append(form)
    if count <= 0:
        return TRUE
    if count > len(open_ones):
        return FALSE
    if count == len(open_ones):
        return all_of(open_ones)
    return any_of(open_ones) if count == 1 else CountOf(count, tuple(open_ones))


def none_of(form: Form) -> Form:
    """The complement of `form`."""
    if isinstance(form, NoneOf):
        return form.child
    if form == TRUE:
        return FALSE
    return TRUE if form == FALSE else NoneOf(form)


def fold(form: Form, known: AbstractSet[int], true: AbstractSet[int]) -> Form:
    """What is left of `form` when of the atoms `known` just those in `true` are true."""
    match form:
        case Some(atoms):
            if not atoms.isdisjoint(true):
                return TRUE
            rest = atoms - known
            return Some(rest) if rest else FALSE
        case AllOf(children):
            return all_of(fold(child, known, true) for child in children)
        case AnyOf(children):
            return any_of(fold(child, known, true) for child in children)
        case CountOf(count, children):
            return at_least(count, [fold(child, known, true) for child in children])
        case NoneOf(child):
            return none_of(fold(child, known, true))


def upper(form: Form, lazy: AbstractSet[int], *, wanted: bool = True) -> Form:
    """A form that holds wherever `form` does for some answer to the `lazy` atoms that are open.

    `wanted`: whether the holding of this part makes the whole hold sooner. Where it does, open ones
    count as true, else as false.
    """
    match form:
        case Some(atoms):
            return form if wanted else any_of([Some(atoms - lazy)] if atoms - lazy else [])
        case AllOf(children):
            return all_of(upper(child, lazy, wanted=wanted) for child in children)
        case AnyOf(children):
            return any_of(upper(child, lazy, wanted=wanted) for child in children)
        case CountOf(count, children):
            return at_least(count, [upper(child, lazy, wanted=wanted) for child in children])
        case NoneOf(child):
            return none_of(upper(child, lazy, wanted=not wanted))


def atoms_of(form: Form) -> Iterator[int]:
    """Every atom that the form looks at, some perhaps twice."""
    match form:
        case Some(atoms):
            yield from atoms
        case AllOf(children) | AnyOf(children) | CountOf(_, children):
            for child in children:
                yield from atoms_of(child)
        case NoneOf(child):
            yield from atoms_of(child)


Test = Callable[[AbstractSet[int]], bool]
"""Whether a form holds where a set of atoms is true."""


def test_of(form: Form) -> Test:
    """The form as a function."""
    match form:
        case Some(atoms):
            return lambda true: not atoms.isdisjoint(true)
        case NoneOf(Some(atoms)):
            return atoms.isdisjoint
        case NoneOf(child):
            negated = test_of(child)
            return lambda true: not negated(true)
        case AllOf(children):
            return every(tuple(map(test_of, children)))
        case AnyOf(children):
            return some(tuple(map(test_of, children)))
        case CountOf(count, children):
            tests = tuple(map(test_of, children))
            return lambda true: sum(test(true) for test in tests) >= count


def every(tests: tuple[Callable[[Asked], bool], ...]) -> Callable[[Asked], bool]:
    """The test that all of `tests` hold."""

    def holds(asked: Asked) -> bool:
        for test in tests:  # noqa: SIM110 - `all` of a generator costs twice as much
            if not test(asked):
                return False
        return True

    return holds


def some(tests: tuple[Callable[[Asked], bool], ...]) -> Callable[[Asked], bool]:
    """The test that any of `tests` holds."""

    def holds(asked: Asked) -> bool:
        for test in tests:  # noqa: SIM110
            if test(asked):
                return True
        return False

    return holds


def clauses_of(form: Form, rarity: Callable[[AbstractSet[int]], float]) -> list[frozenset[int]]:
    """Sets of atoms, of each of which one must be true where the form holds.

    They are necessary, not enough. Of an alternative's clauses the rarest speaks for it.
    """
    match form:
        case Some(atoms):
            return [atoms]
        case AllOf(children):
            return [clause for child in children for clause in clauses_of(child, rarity)]
        case AnyOf(children) | CountOf(_, children):
            chosen = []
            for child in children:
                clauses = clauses_of(child, rarity)
                if not clauses:
                    return []
                chosen.append(min(clauses, key=rarity))
            return [frozenset().union(*chosen)] if chosen else []
        case NoneOf():
            return []


def is_clauses(form: Form) -> bool:
    """Whether the clauses of the form say all that it says."""
    match form:
        case Some():
            return True
        case AllOf(children):
            return all(isinstance(child, Some) for child in children)
    return False


def decisive(
    form: Form, among: AbstractSet[int], rarity: Callable[[AbstractSet[int]], float]
) -> frozenset[int]:
    """Some of the atoms `among`: if none of these is true, the form is as if none at all were.

    Where all of several have to be true, the rarest decides.
    """
    match form:
        case Some(atoms):
            return atoms & among
        case AllOf(children):
            whole = [each.atoms for each in children if isinstance(each, Some)]
            whole = [atoms for atoms in whole if atoms <= among]
            if whole:
                return min(whole, key=rarity)
            return frozenset[int]().union(*(decisive(each, among, rarity) for each in children))
        case AnyOf(children) | CountOf(_, children):
            return frozenset[int]().union(*(decisive(each, among, rarity) for each in children))
        case NoneOf(child):
            return decisive(child, among, rarity)
