"""A correlator's state as bytes and back: JSON of entries, and of what was told of alerts.

Windows and alerts are not stored but judged again from the entries, which the horizon guarantees to
be enough; only what was told, and what caps have taken, cannot be found out again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tocsin.pipelines.correlation.groups import AlertState, Group
from tocsin.pipelines.correlation.rules import CorrelationRule
from tocsin.pipelines.correlation.state import RuleState
from tocsin.pipelines.correlation.windows import Entry

VERSION = 1


class SnapshotError(ValueError):
    """A saved state that cannot be used; the state must be rebuilt from the matches."""


def encode_snapshot(snapshot: Mapping[str, Any]) -> bytes:
    """The bytes of a snapshot."""
    return orjson.dumps({"version": VERSION, **snapshot})


def decode_snapshot(data: bytes) -> dict[str, Any]:
    """The snapshot in `data`; raises SnapshotError for anything else."""
    try:
        snapshot = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SnapshotError(f"saved state: {error}") from None
    if not isinstance(snapshot, dict) or snapshot.get("version") != VERSION:
        raise SnapshotError(f"saved state: expected version {VERSION}")
    return snapshot


def state_key(rule: CorrelationRule) -> list[Any]:
    """What a saved state must have in common with a rule to be of use to it."""
    return [rule.id, rule.suppression, rule.digest]


def state_snapshot(state: RuleState) -> dict[str, Any]:
    """What cannot be rebuilt of the state of one rule in one organisation."""
    state.rejudge()
    groups = [(key, group) for key, group in state.groups.items() if isinstance(group, Group)]
    return {
        "rule": state_key(state.rule),
        "watermark": state.watermark,
        "complete_from": state.complete_from,
        "evicted": state.evicted,
        "capped": state.capped,
        "evictions": state.evictions,
        "entries": list(state.entries()),
        "alerts": [_saved_alert(key, alert) for key, group in groups for alert in group.alerts],
        "changed": sorted(state.changed),
        "announced": sorted(state.announced),
        "capped_groups": [(key, group.capped) for key, group in groups if group.capped is not None],
    }


_ALERT_FIELDS = (
    "time",
    "value",
    "count",
    "event_start",
    "event_end",
    "told",
    "settled",
    "partial",
)


def _saved_alert(key: str, alert: AlertState) -> list[Any]:
    return [key, alert.period_start, *(getattr(alert, name) for name in _ALERT_FIELDS)]


def _entry(row: Sequence[Any], references: int) -> Entry:
    """The entry of a saved row; raises ValueError where it is none."""
    time, key, event_id, rule, value = row
    texts = isinstance(key, str) and isinstance(event_id, str)
    numbers = isinstance(time, int) and isinstance(rule, int) and 0 <= rule < references
    if not (texts and numbers and (value is None or isinstance(value, str))):
        raise ValueError(f"{row!r} is no entry")
    return time, key, event_id, rule, value


def restore_state(state: RuleState, saved: Mapping[str, Any]) -> None:
    """Bring a new `state` to where `saved` was."""
    state.complete_from = max(state.complete_from, saved["complete_from"])
    references = len(state.rule.references)
    state.replay([_entry(row, references) for row in saved["entries"]], saved["watermark"])
    state.evicted = saved["evicted"]
    state.capped = saved["capped"]
    state.evictions = saved["evictions"]
    alerts: dict[str, list[AlertState]] = {}
    for key, period_start, *values in saved["alerts"]:
        alert = AlertState(period_start, values[0], values[1])
        for name, value in zip(_ALERT_FIELDS, values, strict=True):
            setattr(alert, name, value)
        alerts.setdefault(key, []).append(alert)
    state.adopt(alerts)
    state.changed = {(start, key) for start, key in saved["changed"]}
    state.announced = {(start, key) for start, key in saved["announced"]}
    for key, capped in saved["capped_groups"]:
        group = state.groups.get(key)
        if isinstance(group, Group):
            group.capped = capped
