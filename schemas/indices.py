"""Which index a document belongs to: a function of its identity (DELIVERY §2.1, §2.2)."""

import re

from tocsin.schemas.times import DAY

GROUPS = ("firewall", "mail", "antivirus", "server", "other")
"""The source groups, after the folders of the parsers."""

EVENTS_PREFIX = "tocsin-events"
ALERTS_PREFIX = "tocsin-alerts"
DEAD_LETTERS_INDEX = "tocsin-dead-letters"
OUTSIDE = "outside"

_BEFORE = 30 * DAY
_AFTER = DAY
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_name(name: str) -> bool:
    """Whether `name` may stand in an index name: what organisations must be called."""
    return _NAME.fullmatch(name) is not None


def is_outside(time: int, received: int) -> bool:
    """Whether event `time` is too far from the record time to be believed (both microseconds)."""
    return not received - _BEFORE <= time <= received + _AFTER


def event_index(group: str, organization: str, timestamp: str, *, outside: bool = False) -> str:
    """The index of an event whose `@timestamp` is `timestamp`."""
    span = OUTSIDE if outside else f"{timestamp[:4]}.{timestamp[5:7]}"
    return f"{EVENTS_PREFIX}-{group}-{organization}-{span}"


def alert_index(organization: str, timestamp: str, *, outside: bool = False) -> str:
    """The index of an alert: by event time, or by period start for correlations."""
    span = OUTSIDE if outside else f"{timestamp[:4]}.{timestamp[5:7]}"
    return f"{ALERTS_PREFIX}-{organization}-{span}"
