"""Rules as the other rooms see them: what was loaded, what was refused, and why.

Loading keeps each document's place, so that every message can name it. Detections are compiled
here; correlation documents are handed on as they were written, for the correlation room to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A rule that will not run, where it stands, and the reason."""

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What an alert says of its rule. `id` is the RULE ID of SEMANTICS §1.5.

    `path` is below the rules directory; `digest` changes with anything that changes the rule's
    meaning; `tocsin` is the rule's own `tocsin:` mapping, unread.
    """

    id: str
    title: str
    path: str
    line: int
    digest: str
    name: str | None = None
    level: str = "medium"
    status: str | None = None
    description: str | None = None
    author: str | None = None
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    tocsin: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class CorrelationDocument:
    """A correlation rule as written: `body` is the whole YAML document."""

    info: RuleInfo
    body: Mapping[str, Any] = field(compare=False)
