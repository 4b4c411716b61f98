"""Alert documents: what an analyst sees of a rule that fired, as nested ECS.

The alert of one event is a copy of that event; the alert of a correlation is about a group and a
period. Both say which rule, how grave, and why in one sentence. Nothing in a document depends on
when, where or how often the alert was made (DELIVERY §1.6).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.pipelines.alerts.attack import threat_fields
from tocsin.pipelines.alerts.reasons import (
    condition_text,
    event_reason,
    group_reason,
    span_text,
)
from tocsin.pipelines.correlation.alerts import EvidenceEvent, GroupAlert
from tocsin.pipelines.detection.explain import MatchedItem
from tocsin.pipelines.detection.rules import RuleInfo
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import Event, nest
from tocsin.schemas.identity import alert_id
from tocsin.schemas.indices import alert_index
from tocsin.schemas.related import add_related
from tocsin.schemas.times import format_micros
from tocsin.schemas.validation import conform

ECS_VERSION = "9.1.0"

RISK = {"informational": 1, "low": 21, "medium": 47, "high": 73, "critical": 99}
"""Risk of a level, from 0 to 100; the steps are those of Kibana's own detection rules."""

_OF_THE_EVENT = ("event.original", "tocsin.place", "tocsin.received", "tocsin.source_group")
"""What an alert leaves to its event, which it names by `event.id`."""


def event_alert(
    rule: RuleInfo, event: Event, items: Sequence[MatchedItem], *, outside: bool = False
) -> Alert:
    """The alert of detection `rule` on `event`, of which `items` satisfied the condition."""
    fields = {key: value for key, value in event.items() if key not in _OF_THE_EVENT}
    for key in [key for key in fields if key.startswith("rule.")]:
        fields[f"tocsin.source_{key}"] = fields.pop(key)
    fields |= rule_fields(rule, "detection")
    fields["event.kind"] = "alert"
    fields["event.reason"] = fields["message"] = event_reason(rule, event, items)
    fields["tocsin.match"] = [
        {
            "selection": item.selection,
            "field": item.field,
            "value": item.value,
            "pattern": item.pattern,
        }
        for item in items
    ]
    organization = event["organization.name"]
    return Alert(
        alert_id(organization, rule.id, event["event.id"]),
        alert_index(organization, event["@timestamp"], outside=outside),
        nest(fields),
    )


def group_alert(alert: GroupAlert) -> Alert:
    """The alert of a correlation, or of a suppressed detection, for one group and period."""
    rule = alert.rule
    kind = "suppression" if rule.suppression else str(rule.type)
    start, end = format_micros(alert.period_start), format_micros(alert.period_end)
    # What is the alert's own comes after the group's fields, which may have the same names.
    fields: Event = {
        **_group_fields(alert),
        "@timestamp": format_micros(alert.time),
        "ecs.version": ECS_VERSION,
        "event.kind": "alert",
        "event.start": format_micros(alert.event_start),
        "event.end": format_micros(alert.event_end),
        "organization.name": alert.organization,
        **rule_fields(rule.info, kind),
        "tocsin.rule.level": alert.level,
        "tocsin.group": dict(alert.group),
        "tocsin.count": alert.count,
        "tocsin.period.start": start,
        "tocsin.period.end": end,
        "tocsin.evidence.first": [_evidence(event) for event in alert.first_events],
        "tocsin.evidence.last": [_evidence(event) for event in alert.last_events],
        "tocsin.evidence.total": alert.count,
    }
    if not rule.suppression:
        fields |= _correlation_fields(alert)
    if alert.value is not None:
        fields["tocsin.value"] = alert.value
    if alert.capped:
        fields["tocsin.capped"] = True
    if alert.incomplete:
        fields["tocsin.incomplete"] = True
    fields["event.reason"] = fields["message"] = group_reason(alert)
    add_related(fields)
    index = alert_index(alert.organization, start)
    return Alert(alert.id, index, nest(fields), revisable=True)


def _correlation_fields(alert: GroupAlert) -> Event:
    """What was asked for, and the window in which it first held."""
    rule = alert.rule
    start, end = alert.window
    return {
        "tocsin.correlation.type": str(rule.type),
        "tocsin.correlation.timespan": span_text(rule.timespan),
        "tocsin.correlation.condition": condition_text(rule),
        "tocsin.correlation.rules": [reference.rule for reference in rule.references],
        "tocsin.window.start": format_micros(start),
        "tocsin.window.end": format_micros(end),
    }


def rule_fields(rule: RuleInfo, kind: str) -> Event:
    """What an alert says of its rule: ECS `rule.*`, `threat.*`, and its level as risk."""
    risk = RISK.get(rule.level, RISK["medium"])
    fields: Event = {
        "rule.id": rule.id,
        "rule.name": rule.title,
        "rule.category": kind,
        "event.severity": risk,
        "event.risk_score": float(risk),
        "tocsin.rule.level": rule.level,
        "tocsin.rule.digest": rule.digest,
    }
    optional = {
        "rule.description": rule.description,
        "rule.author": [rule.author] if rule.author else None,
        "rule.reference": rule.references[0] if rule.references else None,
        "tocsin.rule.status": rule.status,
        "tocsin.rule.tags": list(rule.tags) or None,
        "tocsin.rule.false_positives": list(rule.false_positives) or None,
    }
    fields |= {name: value for name, value in optional.items() if value}
    return fields | threat_fields(rule.tags)


def entity(document: Mapping[str, Any]) -> str:
    """Whom an alert document is about, in a few words: its group, else host, user or address."""
    group = document.get("tocsin", {}).get("group")
    if group:
        return ", ".join(str(value) for value in group.values())
    names = (_dig(document, path) for path in _ENTITIES)
    return ", ".join(dict.fromkeys(str(name) for name in names if name)) or "-"


_ENTITIES = (("host", "name"), ("user", "name"), ("source", "ip"), ("destination", "ip"))


def _dig(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _group_fields(alert: GroupAlert) -> Event:
    """The group's values under the ECS fields that they come from, where analysts search.

    Only what fits its field: the canonical form of a date is none, and stands in the group alone.
    """
    fields: Event = {}
    for position, value in enumerate(alert.group.values()):
        targets = {reference.group[position][0] for reference in alert.rule.references}
        # Rules that keep the value under different names leave no one field to copy it to.
        if len(targets) == 1 and value is not None and not min(targets).startswith("tocsin."):
            fields[targets.pop()] = value
    fitting = conform(fields)
    return {name: fitting[name] for name in fields if name in fitting}


def _evidence(event: EvidenceEvent) -> dict[str, Any]:
    return {"id": event.event_id, "time": format_micros(event.time), "rules": list(event.rules)}
