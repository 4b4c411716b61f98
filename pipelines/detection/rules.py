"""Rules as the other rooms see them: what was loaded, what was refused, and why.

Loading keeps each document's place, so that every message can name it. Detections are compiled
here; correlation documents are handed on as they were written, for the correlation room to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tocsin.pipelines.detection.ir import Node
from tocsin.schemas.sigma import FieldMap, LogSource


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A rule that will not run, where it stands, and the reason.

    Line 0 is that of a directory, which holds no rules at all.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What an alert says of its rule. `id` is the RULE ID of SEMANTICS §1.5.

    `path` is below the rules directory, `place` the same file as one finds it; `digest` changes
    with anything that changes the rule's meaning; `related` holds (rule id, relation) pairs;
    `tocsin` is the rule's own `tocsin:` mapping, unread.
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
    related: tuple[tuple[str, str], ...] = ()
    tocsin: Mapping[str, Any] = field(default_factory=dict, compare=False)
    place: str = field(default="", compare=False)

    def refusal(self, reason: str, line: int | None = None) -> Refusal:
        """That the rule will not run, or may surprise, for `reason`, by default at its start."""
        return Refusal(self.place or self.path, self.line if line is None else line, reason)


@dataclass(frozen=True, slots=True)
class RuleException:
    """A filter that someone answers for, until a day (SEMANTICS §2.12).

    A match survives it if the event's time is after `until` (microseconds, the last of the UTC
    day `expires`), or if `condition`, read as written, holds.
    """

    id: str
    title: str
    owner: str
    reason: str
    until: int
    condition: Node


@dataclass(frozen=True, slots=True)
class DetectionRule:
    """A detection rule in intermediate form.

    It matches an event if `gate` holds, `condition` holds, filters included, and no exception takes
    the match away. `gate` says which events belong to the rule's log source; `native` that they
    carry the names of their source.
    """

    info: RuleInfo
    logsource: LogSource
    fields: FieldMap = field(compare=False)
    native: bool
    gate: Node = field(compare=False)
    condition: Node = field(compare=False)
    exceptions: tuple[RuleException, ...] = field(default=(), compare=False)

    def field_targets(self, name: str) -> tuple[str, ...]:
        """The event fields that the rule's field `name` maps to; the first present counts."""
        return self.fields.targets(name)


@dataclass(frozen=True, slots=True)
class CorrelationDocument:
    """A correlation rule as written: `body` is the whole YAML document.

    Its mappings and lists are those of `documents`, which know the line of every key and element.
    """

    info: RuleInfo
    body: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of some files, in the order of their paths.

    `skipped` are rules in ECS that a run over native events leaves out (SEMANTICS §2.10); `unfed`
    are accepted ones that never match because no parser feeds their log source.
    """

    detections: tuple[DetectionRule, ...] = ()
    correlations: tuple[CorrelationDocument, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    skipped: tuple[Refusal, ...] = ()
    unfed: tuple[Refusal, ...] = ()
