"""The shapes in which Windows events travel, each read into the same `winlog.*` fields.

Flat JSON of forwarders (NXLog, Logstash), documents of Winlogbeat (nested or dotted), the tree
that EVTX readers print as JSON, and Windows' own XML, which is read into that tree. The event's
own data keeps names, text, nulls and empties of its source under `winlog.event_data`.
"""

from collections.abc import Iterable, Iterator, Mapping
from gc import is_tracked
from typing import Any, NamedTuple

from tocsin.parsers.context import ParseError
from tocsin.parsers.server.windows_channels import meaning
from tocsin.parsers.server.windows_plans import Plan
from tocsin.parsers.server.windows_values import integer
from tocsin.schemas.events import DepthError, Event, flatten

_DATA = "winlog.event_data."
_USER_DATA = "winlog.user_data."


class Reading(NamedTuple):
    """One Windows event: its fields so far, and its own data by name for its plan.

    `times` are the candidates for event time, best first, as the source wrote them.
    """

    event: Event
    data: Mapping[str, Any]
    plan: Plan
    times: tuple[Any, ...]


def read(document: Any) -> Reading:
    """The event in a JSON `document` of any shape; ParseError where there is none."""
    if not isinstance(document, dict):
        raise ParseError(f"expected a JSON object, found {type(document).__name__}")
    if "EventID" in document and "winlog" not in document:
        return _read_flat(document)
    inner = document.get("Event")
    if isinstance(inner, dict) and isinstance(inner.get("System"), dict):
        return _read_tree(inner)
    if isinstance(document.get("System"), dict):
        return _read_tree(document)
    if "winlog" in document or any(key.startswith("winlog.") for key in document):
        return _read_winlogbeat(document)
    if document.keys() & _FLAT_MARKS:
        return _read_flat(document)
    raise ParseError(
        "no Windows event: expected EventID or Channel, `winlog`, or Event.System at the top"
    )


_FLAT_MARKS = frozenset({"EventID", "EventId", "Channel", "Provider_Name"})
_FLAT_FIELDS: dict[str, str] = {
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


def _name(key: str) -> str:
    """`key` as part of a dotted name: no part may be empty, or nothing could nest it."""
    return key if all(key.split(".")) else key.replace(".", "_") or "_"


_TARGETS = dict(_FLAT_FIELDS)
"""Where the keys of flat events go; what is no system field is the event's own data."""
_TARGETS_OF_DATA: dict[str, str] = {}


def _put(event: Event, document: Mapping[str, Any], targets: dict[str, str]) -> None:
    """Put values of `document` under their `targets`, which learn the names that they meet."""
    try:
        for key, value in document.items():
            event[targets[key]] = value
    except KeyError:
        for key, value in document.items():
            event[_target(key, targets)] = value


def _target(key: str, targets: dict[str, str]) -> str:
    target = targets.get(key)
    if target is None:
        target = _DATA + _name(key)
        # More and longer names than all of Windows' manifests have in use would be an attack.
        if len(targets) < 10_000 and len(key) <= 256:
            targets[key] = target
    return target


def _read_flat(document: dict[str, Any]) -> Reading:
    own = document.get("EventData")
    if isinstance(own, dict):
        document = {**document, **dict(_named_data(own))}
        del document["EventData"]
    code = _code(document.get("EventID", document.get("EventId")))
    provider = document.get("Provider_Name", document.get("SourceName"))
    fields, plan = _meaning(document.get("Channel"), provider, code)
    event = fields.copy()
    _put(event, document, _TARGETS)
    for name, target in _ALIASES:
        if name in document and target not in event:
            event[target] = document[name]
    _set_code(event, code)
    times = (
        document.get("UtcTime"),
        document.get("TimeCreated"),
        document.get("@timestamp"),
        document.get("EventTime"),
    )
    return Reading(event, document, plan, times)


_WRITTEN_LATER = ("event.id", "event.original", "event.ingested", "ecs.version")
_LISTS = frozenset({"event.category", "event.type", "tags"})
_WRITTEN_LATER_ROOTS = ("organization.", "tocsin.", "related.", "data_stream.")


def _read_winlogbeat(document: dict[str, Any]) -> Reading:
    try:
        flat = flatten(document)
    except DepthError as error:
        raise ParseError(str(error)) from error
    event: Event = {}
    data: dict[str, Any] = {}
    for key, value in flat.items():
        if key.startswith(_DATA):
            name = _name(key[len(_DATA) :])
            data[name] = value
            event[_DATA + name] = value
        elif key.startswith(_USER_DATA):
            name = _name(key[len(_USER_DATA) :])
            data.setdefault(name, value)
            event[_USER_DATA + name] = value
        elif key in _LISTS:
            event[key] = [word for word in _as_list(value) if isinstance(word, str)]
        elif key not in _WRITTEN_LATER and not key.startswith(_WRITTEN_LATER_ROOTS):
            event[_name(key)] = value
    code = _code(event.pop("winlog.event_id", None))
    if code is None:
        code = _code(flat.get("event.code"))
    return _reading(event, data, code, (data.get("UtcTime"), flat.get("@timestamp")))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read_tree(tree: Mapping[str, Any]) -> Reading:
    system = tree["System"]
    event: Event = {}
    for name, field in _SYSTEM_TEXTS.items():
        value = _text(system.get(name))
        if value is not None:
            event[field] = value
    for name, attribute, field in _SYSTEM_ATTRIBUTES:
        value = _attribute(system, name, attribute)
        if value is not None:
            event[field] = value
    own = tree.get("EventData")
    data: dict[str, Any] = dict(_named_data(own)) if own is not None else {}
    _put(event, data, _TARGETS_OF_DATA)
    for name, value in _user_data(tree.get("UserData")):
        event[_USER_DATA + _name(name)] = value
        data.setdefault(name, value)
    rendering = tree.get("RenderingInfo")
    if isinstance(rendering, dict):
        _render(event, rendering)
    code = _code(_text(system.get("EventID")))
    created = event.get("winlog.time_created")
    return _reading(event, data, code, (data.get("UtcTime"), created))


_SYSTEM_TEXTS = {
    "Channel": "winlog.channel",
    "Computer": "winlog.computer_name",
    "EventRecordID": "winlog.record_id",
    "Version": "winlog.version",
    "Level": "winlog.level",
    "Task": "winlog.task",
    "Opcode": "winlog.opcode",
    "Keywords": "winlog.keywords",
}
_SYSTEM_ATTRIBUTES = (
    ("Provider", "Name", "winlog.provider_name"),
    ("Provider", "Guid", "winlog.provider_guid"),
    ("Provider", "EventSourceName", "winlog.event_source_name"),
    ("TimeCreated", "SystemTime", "winlog.time_created"),
    ("Correlation", "ActivityID", "winlog.activity_id"),
    ("Correlation", "RelatedActivityID", "winlog.related_activity_id"),
    ("Execution", "ProcessID", "winlog.process.pid"),
    ("Execution", "ThreadID", "winlog.process.thread.id"),
    ("Security", "UserID", "winlog.user.identifier"),
)


def _text(node: Any) -> Any:
    """The value of a node that may be an object because it has attributes too."""
    return node.get("#text") if isinstance(node, dict) else node


def _attribute(parent: Mapping[str, Any], name: str, attribute: str) -> Any:
    """An attribute, in any way that readers write it: `#attributes`, `@Name`, a sibling, bare."""
    node = parent.get(name)
    for place in (node, parent.get(f"{name}_attributes")):
        if isinstance(place, dict):
            inner = place.get("#attributes")
            if isinstance(inner, dict) and attribute in inner:
                return inner[attribute]
            if f"@{attribute}" in place:
                return place[f"@{attribute}"]
            if attribute in place:
                return place[attribute]
    return None


def _named_data(own: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of EventData; values without a name are together in the list `Data`."""
    if not isinstance(own, dict):
        if own is not None:
            yield "Data", own
        return
    for name, value in own.items():
        if name == "Data" and isinstance(value, dict | list):
            yield from _data_elements(value)
        elif not name.startswith("#") and name != "@Name":
            yield name, _leaf(value)


def _data_elements(elements: Any) -> Iterator[tuple[str, Any]]:
    unnamed: list[Any] = []
    for element in _as_list(elements):
        name = _attribute({"Data": element}, "Data", "Name")
        if isinstance(name, str):
            yield name, element.get("#text")
        elif isinstance(element, dict) and isinstance(element.get("#text"), list):
            unnamed.extend(element["#text"])
        else:
            unnamed.append(_leaf(element))
    if unnamed:
        yield "Data", unnamed


def _leaf(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() <= {"#text", "#attributes"}:
        return value.get("#text")
    return value


def _user_data(node: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of UserData below the one element that its provider wraps them in."""
    if not isinstance(node, dict):
        return
    for wrapper in node.values():
        if not isinstance(wrapper, dict):
            continue
        try:
            leaves = flatten(wrapper)
        except DepthError as error:
            raise ParseError(str(error)) from error
        for name, value in leaves.items():
            if "#attributes" not in name:
                yield name.removesuffix(".#text"), value


def _render(event: Event, rendering: Mapping[str, Any]) -> None:
    message = _text(rendering.get("Message"))
    if isinstance(message, str) and message:
        event["message"] = message
    task = _text(rendering.get("Task"))
    if isinstance(task, str) and task:
        event["event.action"] = task


def depth_exceeds(document: Any, limit: int) -> bool:
    """Whether objects and lists of a JSON `document` are nested deeper than `limit`.

    The garbage collector tracks whatever holds an object or a list, so that mere scalars, which
    most events are made of, need not be looked through.
    """
    layer = [document] if is_tracked(document) else []
    for _ in range(limit - 1):
        if not layer:
            return False
        layer = [child for node in layer for child in filter(is_tracked, _children(node))]
    return any(isinstance(child, dict | list) for node in layer for child in _children(node))


def _children(node: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node


def _code(value: Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("#text", value.get("Value"))
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return integer(value) if isinstance(value, str) else None


def _set_code(event: Event, code: int | None) -> None:
    if code is None:
        event.pop("winlog.event_id", None)
    else:
        event["winlog.event_id"] = code


def _reading(
    event: Event, data: Mapping[str, Any], code: int | None, times: tuple[Any, ...]
) -> Reading:
    """The reading of `event`, with the fields that follow from what it says it is."""
    fields, plan = _meaning(event.get("winlog.channel"), event.get("winlog.provider_name"), code)
    event.update(fields)
    return Reading(event, data, plan, times)


def _meaning(channel: Any, provider: Any, code: int | None) -> tuple[Event, Plan]:
    """Fields and plan of events of `channel`, `provider` and `code`; ParseError without any."""
    channel = channel if isinstance(channel, str) else ""
    provider = provider if isinstance(provider, str) else ""
    if code is None and not channel and not provider:
        raise ParseError("no Windows event: neither event id nor channel nor provider")
    return meaning(channel, provider, code)
