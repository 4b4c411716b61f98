"""Flat JSON events of forwarders (NXLog, Logstash), read by the layout of their keys.

A forwarder writes the events of one kind with the same keys in the same order, time and again. What
follows from that, and from channel, provider and event id, is worked out once, as a `Layout`: where
each value goes, and what of the plan there are values for.
"""

from typing import Any, NamedTuple

from tocsin.parsers.server.windows_plans import Plan
from tocsin.parsers.server.windows_reading import (
    DATA,
    Reading,
    code_of,
    field_name,
    meaning_of,
    named_data,
)
from tocsin.schemas.events import Event

MARKS = frozenset({"EventID", "EventId", "Channel", "Provider_Name"})
"""Keys of which flat events have one."""

_FIELDS: dict[str, str] = {
    "@timestamp": "@timestamp",
    "Channel": "winlog.channel",
    "EventID": "winlog.event_id",
    "Provider_Name": "winlog.provider_name",
    "Provider_Guid": "winlog.provider_guid",
    "Computer": "winlog.computer_name",
    "EventRecordID": "winlog.record_id",
    "Level": "winlog.level",
    "Task": "winlog.task",
    "Opcode": "winlog.opcode",
    "Keywords": "winlog.keywords",
    "Version": "winlog.version",
    "TimeCreated": "winlog.time_created",
    "ActivityID": "winlog.activity_id",
    "RelatedActivityID": "winlog.related_activity_id",
    "ExecutionProcessID": "winlog.process.pid",
    "ThreadID": "winlog.process.thread.id",
    "UserID": "winlog.user.identifier",
    "Message": "message",
}
"""System fields by the names of Windows' own schema; each has its own target."""

_ALIASES = (
    ("SourceName", "winlog.provider_name"),
    ("ProviderGuid", "winlog.provider_guid"),
    ("Hostname", "winlog.computer_name"),
    ("ComputerName", "winlog.computer_name"),
    ("RecordNumber", "winlog.record_id"),
)
"""Forwarders' names of system fields, which rules use as well: they stay with the event's own
data and fill what the schema's name did not."""

_TIMES = ("UtcTime", "TimeCreated", "@timestamp")

MAX_LAYOUTS = 2048
"""Layouts that are kept; all that is known of Windows events by one forwarder has some hundred."""

MAX_KEYS = 256
MAX_LENGTH = 8192
"""Keys of an event, and characters of them, up to which its layout is kept."""


class Layout(NamedTuple):
    """What holds for all flat events of the same keys, channel, provider and event id.

    `template` has all fields that they have before their plan is applied, of which `targets` are
    those of the values in their order. `aliases` are keys whose values go to a second field as
    well, `times` the keys of candidates for event time.
    """

    template: Event
    targets: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]
    times: tuple[str, ...]
    plan: Plan


_layouts: dict[tuple[tuple[str, ...], str | None, str | None, int | None], Layout] = {}


def read_flat(document: dict[str, Any]) -> Reading:
    """The event in a flat `document`; ParseError where that says neither channel nor event id."""
    own = document.get("EventData")
    if isinstance(own, dict):
        document = {**document, **dict(named_data(own))}
        del document["EventData"]
    code = document.get("EventID")
    if type(code) is not int:
        code = code_of(document.get("EventId") if code is None else code)
    provider = document.get("Provider_Name", document.get("SourceName"))
    try:
        layout = _layouts[tuple(document), document.get("Channel"), provider, code]
    except (KeyError, TypeError):
        layout = _layout(tuple(document), document.get("Channel"), provider, code)
    template, targets, aliases, times, plan = layout
    event = template.copy()
    event.update(zip(targets, document.values()))  # noqa: B905 - of one length; asking costs more
    for name, target in aliases:
        event[target] = document[name]
    if code is None:
        event.pop("winlog.event_id", None)
    else:
        event["winlog.event_id"] = code
    return event, document, plan, map(document.__getitem__, times), document.get("EventTime")


def _layout(keys: tuple[str, ...], channel: Any, provider: Any, code: int | None) -> Layout:
    made = _make_layout(keys, channel, provider, code)
    words = [*keys, *(each for each in (channel, provider) if each is not None)]
    if (
        len(words) <= MAX_KEYS
        and all(isinstance(word, str) for word in words)
        and sum(map(len, words)) <= MAX_LENGTH
    ):
        if len(_layouts) >= MAX_LAYOUTS:
            _layouts.clear()
        _layouts[keys, channel, provider, code] = made
    return made


def _make_layout(keys: tuple[str, ...], channel: Any, provider: Any, code: int | None) -> Layout:
    fields, plan = meaning_of(channel, provider, code)
    targets = tuple(_FIELDS.get(key) or DATA + field_name(key) for key in keys)
    names = frozenset(keys)
    aliases: dict[str, str] = {}
    for name, target in _ALIASES:
        if name in names and target not in targets:
            aliases.setdefault(target, name)
    return Layout(
        fields | dict.fromkeys((*targets, *aliases)),
        targets,
        tuple((name, target) for target, name in aliases.items()),
        tuple(name for name in _TIMES if name in names),
        plan.of(names),
    )
