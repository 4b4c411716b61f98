"""Columns: which atoms are true of a value, for all rules that look at the same field.

    value  "C:\\Windows\\cmd.exe"  ──▶  signature  {7, 31, 94}

The **signature** of a value is the set of atoms that are true of it, and of the lazy ones that are
open. Equal signatures are one object, so that tuples of them are compared by identity; a value's
signature is worked out once (`cache`). Texts that never come again are worked out many at a time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import chain, compress
from typing import Any

from tocsin.pipelines.detection.cache import MISSING
from tocsin.pipelines.detection.expressions import ExpressionFilter, is_filterable
from tocsin.pipelines.detection.forms import Atom, is_exact
from tocsin.pipelines.detection.ir import (
    Contains,
    Equals,
    Exists,
    InNetwork,
    Is,
    Matches,
    Null,
    Predicate,
    Reference,
)
from tocsin.pipelines.detection.literals import (
    BETWEEN,
    CHUNK,
    END,
    START,
    LiteralSearch,
    TooManyError,
    holds_marks,
    marked,
    needles_of,
)
from tocsin.pipelines.detection.patterns import canonical_text
from tocsin.pipelines.detection.reference import address_of, elements, satisfies, text_of
from tocsin.schemas.values import canonical, clean, fold, is_number

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
        texts: set[int] = set()
        booleans: dict[bool, set[int]] = {True: set(), False: set()}
        exact: dict[str, set[int]] = defaultdict(set)
        self._networks = _Networks()
        self._others: list[_Question] = []
        self._open: set[int] = set()
        needles: dict[str, list[tuple[_Question, bool]]] = defaultdict(list)
        expressions: dict[str, int] = {}
        for number, atom in atoms.items():
            for predicate in atom.predicates:
                match predicate:
                    case Exists(wanted):
                        (present if wanted else absent).add(number)
                    case Null():
                        null.add(number)
                    case Is(truth):
                        booleans[truth].add(number)
                    case InNetwork(network):
                        self._networks.add(network, number)
                    case Reference():
                        present.add(number)
                    case Contains("", cased=False):
                        texts.add(number)
                    case Equals(text) if is_exact(predicate):
                        exact[str(canonical(text))].add(number)
                    case _:
                        found = needles_of(predicate)
                        if found is not None and not (atom.lazy and found.is_common):
                            for literal in found.literals:
                                asked = ((predicate, number), found.sure or atom.lazy)
                                needles[literal].append(asked)
                        elif not atom.lazy:
                            self._others.append((predicate, number))
                        elif isinstance(predicate, Matches) and is_filterable(predicate):
                            expressions[predicate.regex.plain] = number
                        else:
                            self._open.add(number)
        self._booleans = {truth: frozenset(found) for truth, found in booleans.items()}
        self._exact = {text: frozenset(found) for text, found in exact.items()}
        self._has_numbers = any(map(is_number, exact))
        self._absent = frozenset(absent | null)
        self._present = frozenset(present)
        self._null = frozenset(null)
        self._of_any_text = frozenset(present | texts | self._open)
        self._search = LiteralSearch(tuple(needles))
        self._questions = [[question for question, _ in asked] for asked in needles.values()]
        self._unsure = [
            [question for question, sure in asked if not sure] for asked in needles.values()
        ]
        self._sure = [
            frozenset(question[1] for question, sure in asked if sure) for asked in needles.values()
        ]
        self._is_plain = not (self._networks or self._others or any(self._unsure))
        self._expressions = ExpressionFilter(tuple(expressions))
        self._expression_atoms = tuple(expressions.values())
        self._known: dict[_Found, Signature] = {}
        self._known_size = 0
        self._apart = 0

    def signature(self, value: Any) -> Signature:
        """The atoms that are true of a field's `value`, which may be `MISSING`."""
        if isinstance(value, str):
            text = value if value.isascii() else clean(value)
            return self._of_text(text, value)
        if value is MISSING:
            return self._absent
        if value is None:
            return self._present | self._null
        found = self._present
        if isinstance(value, list):
            inside = list(elements(value))
            if not value or None in inside:
                found |= self._null
            return found.union(*map(self._of_scalar, inside))
        return found if isinstance(value, dict) else self._of_scalar(value)

    def _of_scalar(self, value: Any) -> Signature:
        text = text_of(value)
        if text is None:
            return self._present | (self._booleans[value] if isinstance(value, bool) else NOTHING)
        return self._of_text(text, value)

    def _of_text(self, text: str, value: Any) -> Signature:
        """The signature of a string or number `value`, which is compared as `text`."""
        folded = fold(text)
        exact = canonical_text(folded) if self._has_numbers else folded
        hits = self._search.find(marked(folded))
        expressions = self._expressions.find(text) if self._expression_atoms else NOTHING
        found = self._exact.get(exact, NOTHING), hits, expressions
        if not self._is_plain or START in folded or END in folded:
            return self._confirmed(value, folded, found)
        return self._of_found(found)

    def signatures(self, texts: Sequence[str]) -> list[Signature]:
        """The signature of each of `texts`; of many, sooner than one by one."""
        if len(texts) > TOGETHER:
            parts = (texts[at : at + TOGETHER] for at in range(0, len(texts), TOGETHER))
            return [*chain.from_iterable(map(self.signatures, parts))]
        self._apart -= 1
        if not texts or self._apart >= 0 or not self._is_plain or self._has_numbers:
            return list(map(self.signature, texts))
        if max(map(len, texts)) <= CHUNK:
            joined = BETWEEN.join(texts)
            marks = joined.count(START) + joined.count(END)
            if joined.isascii() and marks == 2 * len(texts) - 2:
                return self._of_ordinary(texts, joined)
        ordinary = [
            len(text) <= CHUNK and text.isascii() and not holds_marks(text) for text in texts
        ]
        chosen = list(compress(texts, ordinary))
        found = iter(self._of_ordinary(chosen, BETWEEN.join(chosen)) if chosen else ())
        return [
            next(found) if is_ordinary else self.signature(text)
            for text, is_ordinary in zip(texts, ordinary, strict=True)
        ]

    def _of_ordinary(self, texts: Sequence[str], joined: str) -> list[Signature]:
        """The signatures of short ASCII texts without marks."""
        folded = joined.lower()
        try:
            hits = self._search.find_in_each(texts, folded)
            expressions = self._expressions.find_in_each(texts, joined)
        except TooManyError:
            self._apart = APART
            return list(map(self.signature, texts))
        exact = self._exact_in(folded.split(BETWEEN)) if self._exact else {}
        signatures = [self._of_found((NOTHING, NOTHING, NOTHING))] * len(texts)
        for place in {*exact, *hits, *expressions}:
            equal, held = exact.get(place, NOTHING), hits.get(place, NOTHING)
            matched = expressions.get(place, NOTHING)
            signatures[place] = self._of_found((equal, held, matched))
        return signatures

    def _exact_in(self, texts: Sequence[str]) -> Mapping[int, Signature]:
        known = self._exact
        if known.keys().isdisjoint(texts):
            return {}
        return {place: known[text] for place, text in enumerate(texts) if text in known}

    def _of_found(self, found: "_Found") -> Signature:
        """What was found in a text where that is sure."""
        known = self._known.get(found)
        if known is None:
            known = self._together(found)
            size = len(known) + sum(map(len, found)) + 8
            if self._known_size + size > MAX_KNOWN:
                self._known.clear()
                self._known_size = 0
            self._known_size += size
            self._known[found] = known
        return known

    def _confirmed(self, value: Any, folded: str, found: "_Found") -> Signature:
        """The signature where what was found has to be looked at again."""
        exact, hits, expressions = found
        asked = [*self._others]
        for hit in hits:
            asked += self._questions[hit] if holds_marks(folded) else self._unsure[hit]
        sure = (exact, NOTHING, expressions) if holds_marks(folded) else found
        confirmed = {number for predicate, number in asked if satisfies(value, predicate)}
        return self._together(sure) | confirmed | self._networks.find(value)

    def _together(self, found: "_Found") -> Signature:
        exact, hits, expressions = found
        return self._of_any_text.union(
            exact,
            *[self._sure[hit] for hit in hits],
            [self._expression_atoms[each] for each in expressions],
        )


TOGETHER = 1024
"""Texts that are worked out together, some megabytes at most."""

APART = 16
"""Batches of texts told one by one after one that held too many needles."""

MAX_KNOWN = 1 << 20
"""Numbers in the signatures that a column keeps by what was found in a text, and in the latter:
some ten thousand of ordinary texts. A text can be made to hold thousands of needles."""

_Found = tuple[Signature, frozenset[int], frozenset[int]]
"""Atoms by equality, indices of needles, indices of expressions."""


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

    def find(self, value: Any) -> Signature:
        address: IPv4Address | IPv6Address | None = address_of(value) if self._by_mask else None
        if address is None:
            return NOTHING
        bits = int(address)
        return NOTHING.union(
            *[
                starts.get(bits & mask, ())
                for (version, mask), starts in self._by_mask.items()
                if version == address.version
            ]
        )
