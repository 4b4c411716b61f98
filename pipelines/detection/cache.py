"""Memory for what was worked out once: bounded, counted, and never needed for an answer.

Logs repeat themselves, so most work of matching is looking up what an equal value came to before.
All caches of a detector share one budget. When it is spent, all are emptied at once: the next
events pay again for the values that they bring, some hundreds of milliseconds for each gigabyte of
logs, and no cache needs an order of eviction.
"""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ReferenceType, ref

MISSING = object()
"""Stands for the value of a field that an event does not have."""

MAX_LENGTH = 2048
"""Longer texts are not remembered: they hardly ever come twice, and cost most."""

_ENTRY_COST = 200
"""Bytes that an entry takes besides its text: dictionary slot, object headers, signature."""

_EXACT = 2**53
_ZERO_AND_ONE = object(), object()
"""Stand for the integers that `False` and `True` collide with, and floats as well."""

TRUSTED = 4096
"""Texts that a cache did not know after which it looks whether keeping them pays; eight times as
many the next time, if it does."""

TRIED = 512
"""Texts by which it looks."""

WORTH = 0.05
"""The share of them that it must have known."""

RESTED = 1 << 17
"""Texts that a cache does not keep before it tries again."""


class Memory:
    """The budget of some caches, in bytes. `evicted` counts the entries that it made them forget.

    A limit of 0 is valid: then nothing is remembered beyond the entry that was just made.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.evicted = 0
        self._spent = 0
        self._caches: list[ReferenceType[dict[Any, Any]]] = []

    def watch(self, cache: dict[Any, Any]) -> None:
        """Let `cache` share the budget as long as somebody uses it."""
        self._caches.append(ref(cache))

    def spend(self, size: int) -> None:
        """Account for an entry with a key of `size` bytes that a cache is about to make."""
        self._spent += size + _ENTRY_COST
        if self._spent > self.limit:
            self.empty()

    def empty(self) -> None:
        """Let all caches forget what they hold."""
        caches = [cache for each in self._caches if (cache := each()) is not None]
        self.evicted += sum(map(len, caches))
        for cache in caches:
            cache.clear()
        self._caches = [ref(cache) for cache in caches]
        self._spent = 0


class ValueCache(dict[Any, frozenset[int]]):
    """What each value of a field came to; asks `work_out` for what it does not know.

    Python takes 1, 1.0 and True for one key, and large floats for integers of other text. So only
    texts, null and integers that no other type collides with are kept, and 0 and 1 under other
    names; the rest is worked out each time. Lists and objects are no keys: looking them up raises
    TypeError.

    Texts of some fields never come twice. Now and then a cache lays aside what it holds, and counts
    how many of the texts that it is asked for next were there. If that are hardly any, it keeps no
    texts for a while, which spares time, and memory for all others. Then it **rests**, and what it
    is asked for of a batch is worked out by `of_texts` together, where that is given.
    """

    def __init__(
        self,
        work_out: Callable[[Any], frozenset[int]],
        memory: Memory,
        of_texts: Callable[[Sequence[str]], list[frozenset[int]]] | None = None,
    ) -> None:
        super().__init__()
        self.rests = False
        self._work_out = work_out
        self._of_texts = of_texts
        self._memory = memory
        self._aside: dict[Any, frozenset[int]] = {}
        self._trust = TRUSTED
        self._until = TRUSTED
        self._again = 0
        memory.watch(self)

    def __missing__(self, value: Any) -> frozenset[int]:
        if type(value) is int and 0 <= value <= 1:
            return self._of_zero_or_one(value)
        found = self._work_out(value)
        if isinstance(value, str):
            if len(value) > MAX_LENGTH:
                return found
            self._until -= 1
            if self._until <= 0 or self._aside:
                self._try(value)
            if not self.rests:
                self._memory.spend(len(value))
                self[value] = found
        elif value is MISSING or value is None or (type(value) is int and 1 < value < _EXACT):
            self._memory.spend(0)
            self[value] = found
        return found

    def _of_zero_or_one(self, value: int) -> frozenset[int]:
        name = _ZERO_AND_ONE[value]
        found = self.get(name)
        if found is None:
            found = self._work_out(value)
            self._memory.spend(0)
            self[name] = found
        return found

    def clear(self) -> None:
        """Forget everything, what lies aside included."""
        super().clear()
        self._aside.clear()

    def _try(self, text: str) -> None:
        """Find out whether it pays to keep texts, of which `text` is one."""
        self._again += text in self._aside
        if self._until <= 0:
            self._think_over()

    def _think_over(self) -> None:
        if self.rests:
            self.rests, self._trust = False, TRUSTED
            self._until = self._trust
        elif not self._aside:
            self._aside = dict(self)
            super().clear()
            self._again, self._until = 0, TRIED
        elif self._again > TRIED * WORTH:
            self.update(self._aside)
            self._aside.clear()
            self._trust *= 8
            self._until = self._trust
        else:
            self.clear()
            self.rests, self._until = True, RESTED

    def look_up(self, value: Any) -> frozenset[int]:
        """What `value`, which may be a list or an object, comes to."""
        if isinstance(value, list | dict):
            return self._work_out(value)
        return self[value]

    def look_up_each(self, values: Sequence[Any]) -> list[frozenset[int]]:
        """What each of a batch of values comes to."""
        if not self.rests or self._of_texts is None:
            try:
                return list(map(self.__getitem__, values))
            except TypeError:  # a list or an object
                return list(map(self.look_up, values))
        texts = [value for value in values if type(value) is str]
        found = self._of_texts(texts)
        self._until -= len(texts)
        if self._until <= 0:
            self._think_over()
        if len(texts) == len(values):
            return found
        rest = iter(found)
        return [next(rest) if type(value) is str else self.look_up(value) for value in values]
