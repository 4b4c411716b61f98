"""Chance that comes out the same on every machine and every Python.

`random.Random` promises the same sequence for a seed only of its method `random()`; all choices
here are made of that one by exact arithmetic, and no logarithm, hash or set order has a part.
"""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

from tocsin.pipelines.demo.clock import HOUR_MS

T = TypeVar("T")


class Dice:
    """A stream of chance of its own: what one log draws never shifts what another does."""

    def __init__(self, seed: int, stream: str) -> None:
        state = blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
        self._random = Random(int.from_bytes(state)).random  # noqa: S311 - not for secrets

    def chance(self, probability: float) -> bool:
        """True with this `probability`."""
        return self._random() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 up to, not including, `count`."""
        return int(self._random() * count)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def amount(self, low: int, high: int) -> int:
        """A size from `low` to `high` of which, as of bytes and seconds, small ones are many."""
        unit = self._random()
        return low + int(unit * unit * unit * unit * (high - low))

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`, each as likely."""
        return options[int(self._random() * len(options))]

    def hexadecimal(self, digits: int) -> str:
        """Upper-case hexadecimal text of so many `digits`."""
        return "".join([_HEXADECIMAL[int(self._random() * 16)] for _ in range(digits)])

    def moment(self, hours: Sequence[int]) -> int:
        """A time of the day in milliseconds; `hours` holds a whole weight for each of the 24."""
        left = int(self._random() * sum(hours))
        for hour, weight in enumerate(hours):
            left -= weight
            if left < 0:
                return hour * HOUR_MS + int(self._random() * HOUR_MS)
        raise ValueError("hours: no weight above 0")

    def rhythm(self, first: int, last: int, step: int, jitter: int) -> list[int]:
        """Times from `first` up to `last`, one a `step`, each late by up to `jitter`."""
        return [time + int(self._random() * jitter) for time in range(first, last, step)]


_HEXADECIMAL = "0123456789ABCDEF"

OFFICE = (1, 0, 0, 0, 0, 1, 6, 30, 80, 95, 95, 90, 55, 60, 85, 90, 80, 45, 15, 8, 5, 4, 3, 2)
"""How a day of work goes by the hour: its lunch, its few who stay."""

PUBLIC = (8, 5, 3, 2, 2, 4, 10, 25, 45, 55, 60, 60, 65, 60, 55, 55, 60, 65, 70, 75, 75, 60, 35, 18)
"""When citizens visit and write."""

ALWAYS = (1,) * 24
"""Machines and the rest of the internet never sleep."""
