"""Columns: which atoms are true of a value, for all rules that look at the same field.

    value  "C:\\Windows\\cmd.exe"  ──▶  signature  {7, 31, 94}

The **signature** of a value is the set of atoms that are true of it, and of the lazy ones that are
open. Equal signatures are one
object, so that tuples of them are compared by identity, and a value's signature is worked out once
(`cache`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from tocsin.pipelines.detection.cache import MISSING
from tocsin.pipelines.detection.forms import Atom, is_exact
from tocsin.pipelines.detection.ir import Equals, Exists, InNetwork, Is, Null, Predicate, Reference
from tocsin.pipelines.detection.literals import LiteralSearch, holds_marks, marked, needles_of
from tocsin.pipelines.detection.reference import address_of, elements, satisfies, text_of
from tocsin.schemas.values import canonical, fold, is_number, shortest

Signature = frozenset[int]

NOTHING: Signature = frozenset()

_Question = tuple[Predicate, int]
"""A predicate, and the atom that is true where it holds."""


class Column:
    """The atoms about one field, ready to be asked of its values."""

    def __init__(self, atoms: Mapping[int, Atom]) -> None:
        absent: set[int] = set()
        present: set[int] = set()
        null: set[int] = set()
        self._booleans: dict[bool, set[int]] = {True: set(), False: set()}
        self._exact: dict[str, set[int]] = {}
        self._networks = _Networks()
        self._others: list[_Question] = []
        self._open: set[int] = set()
        needles: dict[str, list[tuple[_Question, bool]]] = defaultdict(list)
        for number, atom in atoms.items():
            for predicate in atom.predicates:
                match predicate:
                    case Exists(wanted):
                        (present if wanted else absent).add(number)
                    case Null():
                        null.add(number)
                    case Is(truth):
                        self._booleans[truth].add(number)
                    case InNetwork(network):
                        self._networks.add(network, number)
                    case Reference():
                        present.add(number)
                    case Equals(text) if is_exact(predicate):
                        self._exact.setdefault(str(canonical(text)), set()).add(number)
                    case _:
                        found = needles_of(predicate)
                        if found is not None:
                            for literal in found.literals:
                                asked = ((predicate, number), found.sure or atom.lazy)
                                needles[literal].append(asked)
                        elif atom.lazy:
                            self._open.add(number)
                        else:
                            self._others.append((predicate, number))
        self._absent = frozenset(absent | null)
        self._present = frozenset(present)
        self._null = frozenset(null)
        self._search = LiteralSearch(tuple(needles))
        self._questions = [[question for question, _ in asked] for asked in needles.values()]
        self._unsure = [
            [question for question, sure in asked if not sure] for asked in needles.values()
        ]
        self._sure = [
            frozenset(question[1] for question, sure in asked if sure) for asked in needles.values()
        ]
        self._interned: dict[Signature, Signature] = {}

    def signature(self, value: Any) -> Signature:
        """The atoms that are true of a field's `value`, which may be `MISSING`."""
        if value is MISSING:
            return self._absent
        found = set(self._present)
        if isinstance(value, list):
            inside = list(elements(value))
            if not value or None in inside:
                found |= self._null
            for element in inside:
                self._ask(element, found)
        elif value is None:
            found |= self._null
        elif not isinstance(value, dict):
            self._ask(value, found)
        return self._intern(frozenset(found))

    def _intern(self, signature: Signature) -> Signature:
        known = self._interned.get(signature)
        if known is None:
            if len(self._interned) > _MAX_INTERNED:
                self._interned.clear()
            known = self._interned[signature] = signature
        return known

    def _ask(self, value: Any, found: set[int]) -> None:
        """Add the atoms that are true of one scalar."""
        text = text_of(value)
        if text is None:
            if isinstance(value, bool):
                found |= self._booleans[value]
            return
        found |= self._open
        folded = fold(text)
        if self._exact:
            key = shortest(folded) if folded[-1:].isdigit() and is_number(folded) else folded
            found |= self._exact.get(key, NOTHING)
        hits = self._search.find(marked(folded))
        if holds_marks(folded):
            for hit in hits:
                _confirm(self._questions[hit], value, found)
        else:
            for hit in hits:
                found |= self._sure[hit]
                if self._unsure[hit]:
                    _confirm(self._unsure[hit], value, found)
        if self._others:
            _confirm(self._others, value, found)
        if self._networks:
            self._networks.find(value, found)


_MAX_INTERNED = 100_000


def _confirm(questions: Iterable[_Question], value: Any, found: set[int]) -> None:
    for predicate, number in questions:
        if number not in found and satisfies(value, predicate):
            found.add(number)


class _Networks:
    """Networks by their length, so that an address is looked up once for each length."""

    def __init__(self) -> None:
        self._by_mask: dict[tuple[int, int], dict[int, set[int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_mask)

    def add(self, network: Any, number: int) -> None:
        mask = (network.version, int(network.netmask))
        starts = self._by_mask.setdefault(mask, {})
        starts.setdefault(int(network.network_address), set()).add(number)

    def find(self, value: Any, found: set[int]) -> None:
        address: IPv4Address | IPv6Address | None = address_of(value)
        if address is None:
            return
        bits = int(address)
        for (version, mask), starts in self._by_mask.items():
            if version == address.version:
                found |= starts.get(bits & mask, set())
