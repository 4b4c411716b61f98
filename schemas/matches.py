"""Matches: that a detection rule fired on an event, and what correlations need to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Match:
    """The pair (rule, event); two with the same pair are one match (SEMANTICS §1.2).

    `rule` is the RULE ID, `time` the event time in microseconds, `fields` the event's values of
    every field that some correlation groups by or compares, under their event names.
    """

    organization: str
    rule: str
    event_id: str
    time: int
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)
