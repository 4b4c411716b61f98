r"""Placeholders: names in values that an organisation gives its own values for.

With the modifier `expand`, `%name%` stands for each of the values configured for it, and a value
with several placeholders for every combination; `\%` is a per cent sign. Configured values are
Sigma strings, so they may have wildcards. (Sigma specification, modifier `expand`.)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from tocsin.pipelines.detection.patterns import Part, Wildcard, parse

MAX_VARIANTS = 1000
"""What one value may become."""

Placeholders = Mapping[str, Sequence[str | int | float]]
"""The values that stand for `%name%`, by name."""

_PLACEHOLDER = re.compile(r"\\%|%([^%\s\\]+)%")


class PlaceholderError(ValueError):
    """A placeholder has no value, or there are too many combinations."""


def expand(parts: Sequence[Part], placeholders: Placeholders) -> list[tuple[Part, ...]]:
    """The patterns that `parts` stand for; raises PlaceholderError."""
    choices: list[Sequence[tuple[Part, ...]]] = []
    for part in parts:
        if isinstance(part, Wildcard):
            choices.append([(part,)])
        else:
            choices.extend(_choices(part, placeholders))
    if prod(map(len, choices)) > MAX_VARIANTS:
        raise PlaceholderError(f"more than {MAX_VARIANTS} variants of a value")
    return [tuple(part for each in chosen for part in each) for chosen in product(*choices)]


def _choices(text: str, placeholders: Placeholders) -> Iterator[Sequence[tuple[Part, ...]]]:
    """What may stand for each stretch of `text`, in order."""
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        yield [(text[at : found.start()],)]
        at = found.end()
        name = found[1]
        if name is None:
            yield [("%",)]
        elif not placeholders.get(name):
            raise PlaceholderError(f"no value is configured for placeholder `%{name}%`")
        else:
            yield [parse(str(each)) for each in placeholders[name]]
    yield [(text[at:],)]
