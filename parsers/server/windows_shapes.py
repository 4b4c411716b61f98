"""The shapes in which Windows events travel, each read into the same `winlog.*` fields.

Flat JSON of forwarders (NXLog, Logstash), documents of Winlogbeat (nested or dotted), the tree
that EVTX readers print as JSON, and Windows' own XML, which is read into that tree. The event's
own data keeps names, text, nulls and empties of its source under `winlog.event_data`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tocsin.parsers.context import ParseError
from tocsin.parsers.server.windows_values import integer
from tocsin.schemas.events import DepthError, Event, flatten

_DATA = "winlog.event_data."
_USER_DATA = "winlog.user_data."


class Reading(NamedTuple):
    """One Windows event: its fields so far, and its own data by name for the plans.

    `times` are the candidates for event time, best first, as the source wrote them.
    """

    event: Event
    data: Mapping[str, Any]
    channel: str
    provider: str
    code: int | None
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
    ("EventId", "winlog.event_id"),
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


class _Targets(dict[str, str]):
    """Where a key of a flat event goes; what is no system field is the event's own data."""

    def __missing__(self, key: str) -> str:
        target = _DATA + _name(key)
        if len(self) < 10_000:  # more names than all of Windows' manifests have in use
            self[key] = target
        return target


_TARGETS = _Targets(_FLAT_FIELDS)
_TARGETS_OF_DATA = _Targets()


def _read_flat(document: dict[str, Any]) -> Reading:
    own = document.get("EventData")
    if isinstance(own, dict):
        document = {**document, **dict(_named_data(own))}
        del document["EventData"]
    event = {_TARGETS[key]: value for key, value in document.items()}
    for name, target in _ALIASES:
        if name in document and target not in event:
            event[target] = document[name]
    code = _code(event.pop("winlog.event_id", None))
    times = (
        document.get("UtcTime"),
        document.get("TimeCreated"),
        document.get("@timestamp"),
        document.get("EventTime"),
    )
    return _reading(event, document, code, times)


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
    event.update({_TARGETS_OF_DATA[name]: value for name, value in data.items()})
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


_CONTAINERS = (dict, list)


def depth_exceeds(document: Any, limit: int) -> bool:
    """Whether objects and lists of a JSON `document` are nested deeper than `limit`."""
    layer = [document] if isinstance(document, dict | list) else []
    for _ in range(limit):
        inner: list[Any] = []
        for node in layer:
            children = node.values() if isinstance(node, dict) else node
            inner += [child for child in children if type(child) in _CONTAINERS]
        if not inner:
            return False
        layer = inner
    return True


def _code(value: Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("#text", value.get("Value"))
    if isinstance(value, str):
        return integer(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reading(
    event: Event, data: Mapping[str, Any], code: int | None, times: tuple[Any, ...]
) -> Reading:
    """The reading of `event`; its channel and provider as text."""
    channel, provider = event.get("winlog.channel"), event.get("winlog.provider_name")
    channel = channel if isinstance(channel, str) else ""
    provider = provider if isinstance(provider, str) else ""
    if code is None and not channel and not provider:
        raise ParseError("no Windows event: neither event id nor channel nor provider")
    return Reading(event, data, channel, provider, code, times)
