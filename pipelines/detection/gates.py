"""Which events a rule looks at, and under which names its fields stand there.

A rule names a log source; its gate is the condition, in intermediate form, that holds for events
of that source. Which names its fields have depends on what the events are:

- `SIGMA`: normalised events, rules in Sigma's taxonomy. The field maps of `schemas` give both.
- `ECS`: normalised events, rules in ECS (SEMANTICS §2.10). The gate is `event.category`.
- `NATIVE`: events under their source's own names. Windows has its table over `Channel` and
  `EventID`; other events say their log source themselves, in an object `logsource`.
"""

from dataclasses import dataclass
from typing import Protocol

from tocsin.pipelines.detection.ir import Node


class GateError(ValueError):
    """No events can be told for this log source."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """A rule's log source; None where the rule leaves a part open."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def covers(self, other: "LogSource") -> bool:
        """Whether every part that this one names is the same in `other`."""
        return all(
            mine is None or mine == its
            for mine, its in (
                (self.product, other.product),
                (self.category, other.category),
                (self.service, other.service),
            )
        )


class FieldNames(Protocol):
    """How rules of one kind find their events and fields."""

    @property
    def native(self) -> bool:
        """Whether events are source text altogether (SEMANTICS §2.8)."""

    def targets(self, logsource: LogSource, field: str) -> tuple[str, ...]:
        """The event fields that `field` maps to, in order of preference; never none."""

    def gate(self, logsource: LogSource) -> Node | None:
        """The condition that events of `logsource` meet; None where all do. Raises GateError."""
