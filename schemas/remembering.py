"""Remembering what texts came to, within bounds of memory.

Logs repeat their values: addresses, ports, paths, hashes. `functools.lru_cache` counts entries and
not their size, so that long texts, which anybody can send, would fill the memory.
"""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

MAX_LENGTH = 256
"""Characters of a text up to which it is remembered."""


def remembering(count: int) -> Callable[[Callable[[str], Result]], Callable[[str], Result]]:
    """A decorator of functions of a text, which are then asked once for each of `count` texts.

    What they return is shared, so it must not be changed.
    """

    def decorate(function: Callable[[str], Result]) -> Callable[[str], Result]:
        return _Remembered(function, count).__getitem__

    return decorate


class _Remembered(dict[str, Result]):
    """What a function came to. Looking up is all there is to a call, and the fastest there is."""

    def __init__(self, function: Callable[[str], Result], count: int) -> None:
        super().__init__()
        self._function = function
        self._count = count

    def __missing__(self, text: str) -> Result:
        result = self._function(text)
        if len(text) <= MAX_LENGTH:
            if len(self) >= self._count:
                self.clear()
            self[text] = result
        return result
