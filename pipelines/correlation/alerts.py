"""The alert of one group and period, as the correlator tells it (SEMANTICS §5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tocsin.pipelines.correlation.keys import Canonical
from tocsin.pipelines.correlation.rules import CorrelationRule
from tocsin.schemas.identity import period_alert_id

MAX_EVIDENCE = 50
"""How many of the first, and of the last, contributing events an alert lists (§5.2)."""


class EvidenceEvent(NamedTuple):
    """A contributing event: its id, time in microseconds, and the RULE IDs that it matched."""

    event_id: str
    time: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupAlert:
    """What is known of one (organisation, rule, group, period), times in microseconds.

    - `group`: canonical values by the names in group-by.
    - `time`: when the condition first held, the alert's `@timestamp`.
    - `event_start`, `event_end`: times of the first and last contributing match.
    - `count`: distinct contributing events; `first_events` and `last_events` list at most 50 each,
      in order of time, then id. Up to 100 events the two together list every event once; `last`
      does not repeat what `first` has.
    - `value`: `tocsin.value`, None for extended conditions.
    - `capped`, `incomplete`: that a cap, or history not seen, may have touched it.
    - `watermark`: what its writer had seen; `settled`: nothing but a late match changes it now.
    """

    organization: str
    rule: CorrelationRule
    group: Mapping[str, Canonical]
    period_start: int
    time: int
    event_start: int
    event_end: int
    count: int
    value: float | None
    first_events: tuple[EvidenceEvent, ...]
    last_events: tuple[EvidenceEvent, ...]
    watermark: int
    settled: bool = False
    capped: bool = False
    incomplete: bool = False

    @property
    def id(self) -> str:
        """The `_id` of the alert's document (§5.3)."""
        return period_alert_id(self.organization, self.rule.id, self.group, self.period_start)

    @property
    def period_end(self) -> int:
        """Where the next period starts."""
        return self.period_start + self.rule.period

    @property
    def window(self) -> tuple[int, int]:
        """The first window that held, both ends included."""
        if self.rule.forward:
            return self.time, self.time + self.rule.timespan
        return self.time - self.rule.timespan, self.time

    @property
    def level(self) -> str:
        """The level of the rule; of a suppression, the highest of its matches is the same."""
        return self.rule.info.level

    @property
    def suppression(self) -> bool:
        """Whether it stands for a detection's single alerts (§5.5)."""
        return self.rule.suppression
