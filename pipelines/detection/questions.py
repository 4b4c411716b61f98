"""Asking an event itself whether an atom is true of it, for what no column was asked.

    atom {EndsWith "\\\\a.exe", EndsWith "\\\\b.exe"} of Image  ──▶  question(facts) ─▶ yes or no

Of the few candidates that are left for an event (`proposals`), most fail at the first question. An
ordinary text is folded once for all of them and asked by Python's own `in` and `endswith`; whatever
is not ordinary (lists, numbers, long texts, networks) goes through a column of the one atom.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tocsin.pipelines.detection.cache import MISSING, Memory, ValueCache
from tocsin.pipelines.detection.columns import NOTHING, Column, Signature
from tocsin.pipelines.detection.forms import (
    AllOf,
    AnyOf,
    Atom,
    CountOf,
    Form,
    NoneOf,
    Some,
    Targets,
    every,
    is_exact,
    some,
)
from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    Item,
    Like,
    Matches,
    Origin,
    Predicate,
    Reference,
    StartsWith,
)
from tocsin.pipelines.detection.literals import CHUNK, END, START, needles_of
from tocsin.pipelines.detection.patterns import canonical_text, fold_dashes
from tocsin.pipelines.detection.reference import elements, leaf_holds, present, satisfies
from tocsin.schemas.events import Event
from tocsin.schemas.values import clean, fold

MAX_CONTAINED = 40
"""Texts to look for in a value one by one; beyond, a column finds all of them in one pass."""


class _Absent(str):
    __slots__ = ()


ABSENT: str = _Absent()
"""The text of a field that an event does not have; no other is this object."""


class Facts(dict[Targets, str | None]):
    """An event while candidates are judged: each text is folded once, each atom asked once.

    It holds the folded text that targets lead to, or None for a long text and what is none.
    """

    __slots__ = ("_dashed", "answers", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.answers: dict[int, bool] = {}
        self._dashed: dict[str, str] | None = None

    def __missing__(self, targets: Targets) -> str | None:
        name = present(targets, self.event)
        if name is None:
            text: str | None = ABSENT
        else:
            value = self.event[name]
            is_ordinary = type(value) is str and len(value) <= CHUNK
            text = fold(clean(value)) if is_ordinary else None
        self[targets] = text
        return text

    def dashed(self, folded: str) -> str:
        """A folded text with all dashes as hyphens."""
        if self._dashed is None:
            self._dashed = {}
        if folded not in self._dashed:
            self._dashed[folded] = fold_dashes(folded)
        return self._dashed[folded]


Question = Callable[[Facts], bool]
"""Whether something holds of an event."""


class Questions:
    """The questions of atoms, each made when it is first needed."""

    def __init__(
        self,
        atom: Callable[[int], Atom],
        rarity: Callable[[AbstractSet[int]], float],
        memory: Memory,
    ) -> None:
        self._atom = atom
        self._rarity = rarity
        self._memory = memory
        self._known: dict[int, Question] = {}

    def clear(self) -> None:
        """Forget all questions, whose caches are then no longer used."""
        self._known.clear()

    def of_atom(self, number: int) -> Question:
        """Whether the atom is true."""
        if number not in self._known:
            self._known[number] = self._make(number, self._atom(number))
        return self._known[number]

    def _make(self, number: int, atom: Atom) -> Question:
        if atom.lazy:
            (predicate,) = atom.predicates
            if isinstance(predicate, Reference):
                return _of_reference(atom.targets, predicate)
            return LazyAtom(number, atom, self._memory).holds
        column = _of_column(number, atom, self._memory)
        ordinary = all(map(_is_ordinary, atom.predicates))
        return _OfText(atom, column).holds if ordinary else column

    def of_form(self, form: Form) -> Question:
        """Whether `form` holds."""
        match form:
            case Some(atoms):
                return _any_atom(tuple((number, self.of_atom(number)) for number in atoms))
            case NoneOf(child):
                negated = self.of_form(child)
                return lambda facts: not negated(facts)
            case AllOf(children):
                ordered = sorted(children, key=self._likelihood)
                return every(tuple(map(self.of_form, ordered)))
            case AnyOf(children):
                return some(tuple(map(self.of_form, children)))
            case CountOf(count, children):
                asked = tuple(map(self.of_form, children))
                return lambda facts: sum(question(facts) for question in asked) >= count

    def _likelihood(self, form: Form) -> float:
        """How likely `form` holds, as a guess: what is to be true fails sooner than what is not."""
        match form:
            case Some(atoms):
                return self._rarity(atoms)
            case AllOf(children):
                return min(map(self._likelihood, children), default=1.0)
            case AnyOf(children) | CountOf(_, children):
                return sum(map(self._likelihood, children))
            case NoneOf():
                return 1.0


def _any_atom(asked: tuple[tuple[int, Question], ...]) -> Question:
    if len(asked) == 1:
        return _atom(*asked[0])

    def holds(facts: Facts) -> bool:
        answers = facts.answers
        for number, question in asked:
            answer = answers.get(number)
            if answer is None:
                answer = answers[number] = question(facts)
            if answer:
                return True
        return False

    return holds


def _atom(number: int, question: Question) -> Question:
    def holds(facts: Facts) -> bool:
        answer = facts.answers.get(number)
        if answer is None:
            answer = facts.answers[number] = question(facts)
        return answer

    return holds


def _of_column(number: int, atom: Atom, memory: Memory) -> Question:
    """The question by a column of nothing else, which knows all kinds of values."""
    values = ValueCache(Column({number: atom}).signature, memory)
    targets = atom.targets

    def holds(facts: Facts) -> bool:
        field = present(targets, facts.event)
        return bool(values.look_up(MISSING if field is None else facts.event[field]))

    return holds


def _is_ordinary(predicate: Predicate) -> bool:
    """Whether folded text alone answers it."""
    if isinstance(predicate, Equals):
        return is_exact(predicate)
    return isinstance(predicate, Contains | StartsWith | EndsWith) and not predicate.cased


_TESTS: Mapping[type[Predicate], Callable[[str, str], bool]] = {
    Contains: str.__contains__,
    StartsWith: str.startswith,
    EndsWith: str.endswith,
}


class _OfText:
    """An atom of ordinary predicates: at once for a text, by its column for any other value."""

    __slots__ = ("_contained", "_dashed", "_ends", "_equal", "_otherwise", "_starts", "_targets")

    def __init__(self, atom: Atom, otherwise: Question) -> None:
        self._targets: Targets = atom.targets
        self._otherwise = otherwise
        plain = [each for each in atom.predicates if not getattr(each, "windash", False)]
        self._dashed = tuple(
            (_TESTS[type(each)], each.text)
            for each in atom.predicates
            if isinstance(each, Contains | StartsWith | EndsWith) and each.windash
        )
        self._contained = tuple(each.text for each in plain if isinstance(each, Contains))
        self._starts = tuple(each.text for each in plain if isinstance(each, StartsWith))
        self._ends = tuple(each.text for each in plain if isinstance(each, EndsWith))
        self._equal = frozenset(each.text for each in plain if isinstance(each, Equals))

    def holds(self, facts: Facts) -> bool:
        """Whether the atom is true of the event."""
        text = facts[self._targets]
        if text is None:
            return self._otherwise(facts)
        if text is ABSENT:
            return False
        if self._ends and text.endswith(self._ends):
            return True
        if self._equal and canonical_text(text) in self._equal:
            return True
        if self._starts and text.startswith(self._starts):
            return True
        if len(self._contained) > MAX_CONTAINED:
            return self._otherwise(facts)
        for contained in self._contained:
            if contained in text:
                return True
        return bool(self._dashed) and self._holds_dashed(facts, text)

    def _holds_dashed(self, facts: Facts, folded: str) -> bool:
        text = facts.dashed(folded)
        return any(test(text, wanted) for test, wanted in self._dashed)


class LazyAtom:
    """An atom that is settled event by event, once for each value."""

    def __init__(self, number: int, atom: Atom, memory: Memory) -> None:
        (self._predicate,) = atom.predicates
        self._targets = atom.targets
        self._true = frozenset((number,))
        self._values = ValueCache(self._work_out, memory)
        self._search = self._predicate.regex.search if type(self._predicate) is Matches else None
        self._some, self._all = _parts(self._predicate)

    def holds(self, facts: Facts) -> bool:
        """Whether the atom is true of the event."""
        text = facts[self._targets]
        if text is not None:
            for part in self._all:
                if part not in text:
                    return False
            if self._some and not any(part in text for part in self._some):
                return False
        field = present(self._targets, facts.event)
        return field is not None and bool(self._values.look_up(facts.event[field]))

    def _work_out(self, value: Any) -> Signature:
        if self._search is not None and type(value) is str:
            holds = self._search(clean(value))
        else:
            holds = any(satisfies(each, self._predicate) for each in elements(value))
        return self._true if holds else NOTHING


def _parts(predicate: Predicate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands in each folded text that satisfies the predicate: some of those, all of these."""
    if isinstance(predicate, Like) and not predicate.windash:
        parts = [fold(part) for segment in predicate.segments for part in segment]
        return (), tuple(dict.fromkeys(parts))
    needles = needles_of(predicate)
    parts = [] if needles is None else [each.strip(START + END) for each in needles.literals]
    return tuple(parts) if all(parts) else (), ()


def _of_reference(targets: Targets, reference: Reference) -> Question:
    """The question for two fields of an event, most of which are not even of one length."""
    leaf = Item(targets, reference, Origin("", "", "", 0))
    (first, *_), (second, *_) = targets, reference.targets
    is_equality, cased = reference.relation == "equals", reference.cased

    def holds(facts: Facts) -> bool:
        get = facts.event.get
        one, two = get(first), get(second)
        if is_equality and type(one) is str and type(two) is str and not one[-1:].isdigit():
            # So `one` is no number, and folding keeps lengths.
            if len(one) != len(two):
                return False
            if one.isascii() and two.isascii():
                return one == two if cased else one.lower() == two.lower()
        return leaf_holds(leaf, facts.event)

    return holds
