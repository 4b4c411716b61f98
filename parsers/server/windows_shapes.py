"""The shapes in which Windows events travel, each read into the same `winlog.*` fields.

Flat JSON of forwarders (NXLog, Logstash), documents of Winlogbeat (nested or dotted), the tree
that EVTX readers print as JSON, and Windows' own XML, which is read into that tree. The event's
own data keeps names, text, nulls and empties of its source under `winlog.event_data`.
"""

from collections.abc import Iterable, Iterator, Mapping
from gc import is_tracked
from typing import Any

from tocsin.parsers.context import ParseError
from tocsin.parsers.server.windows_flat import MARKS, read_flat
from tocsin.parsers.server.windows_reading import (
    DATA,
    Reading,
    as_list,
    attribute_of,
    code_of,
    field_name,
    meaning_of,
    named_data,
    text_of,
)
from tocsin.schemas.events import DepthError, Event, flatten

_USER_DATA = "winlog.user_data."


def read(document: Any) -> Reading:
    """The event in a JSON `document` of any shape; ParseError where there is none."""
    if not isinstance(document, dict):
        raise ParseError(f"expected a JSON object, found {type(document).__name__}")
    if "EventID" in document and "winlog" not in document:
        return read_flat(document)
    inner = document.get("Event")
    if isinstance(inner, dict) and isinstance(inner.get("System"), dict):
        return _read_tree(inner)
    if isinstance(document.get("System"), dict):
        return _read_tree(document)
    if "winlog" in document or any(key.startswith("winlog.") for key in document):
        return _read_winlogbeat(document)
    if document.keys() & MARKS:
        return read_flat(document)
    raise ParseError(
        "no Windows event: expected EventID or Channel, `winlog`, or Event.System at the top"
    )


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
        if key.startswith(DATA):
            name = field_name(key[len(DATA) :])
            data[name] = value
            event[DATA + name] = value
        elif key.startswith(_USER_DATA):
            name = field_name(key[len(_USER_DATA) :])
            data.setdefault(name, value)
            event[_USER_DATA + name] = value
        elif key in _LISTS:
            event[key] = [word for word in as_list(value) if isinstance(word, str)]
        elif key not in _WRITTEN_LATER and not key.startswith(_WRITTEN_LATER_ROOTS):
            event[field_name(key)] = value
    code = code_of(event.pop("winlog.event_id", None))
    if code is None:
        code = code_of(flat.get("event.code"))
    return _reading(event, data, code, (data.get("UtcTime"), flat.get("@timestamp")))


def _read_tree(tree: Mapping[str, Any]) -> Reading:
    system = tree["System"]
    event: Event = {}
    for name, field in _SYSTEM_TEXTS.items():
        value = text_of(system.get(name))
        if value is not None:
            event[field] = value
    for name, attribute, field in _SYSTEM_ATTRIBUTES:
        value = attribute_of(system, name, attribute)
        if value is not None:
            event[field] = value
    own = tree.get("EventData")
    data: dict[str, Any] = dict(named_data(own)) if own is not None else {}
    for key, value in data.items():
        event[DATA + field_name(key)] = value
    for name, value in _user_data(tree.get("UserData")):
        event[_USER_DATA + field_name(name)] = value
        data.setdefault(name, value)
    rendering = tree.get("RenderingInfo")
    if isinstance(rendering, dict):
        _render(event, rendering)
    code = code_of(text_of(system.get("EventID")))
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
    message = text_of(rendering.get("Message"))
    if isinstance(message, str) and message:
        event["message"] = message
    task = text_of(rendering.get("Task"))
    if isinstance(task, str) and task:
        event["event.action"] = task


def depth_exceeds(document: Any, limit: int) -> bool:
    """Whether objects and lists of a JSON `document` are nested deeper than `limit`, 3 or more.

    The garbage collector tracks whatever holds an object or a list, and every list, so that mere
    scalars, which most events are made of but for a list of tags, need not be looked through.
    """
    layer = [*filter(is_tracked, _children(document))]
    for node in layer:
        if any(map(is_tracked, _children(node))):
            break
    else:
        return False
    for _ in range(limit - 2):
        layer = [child for node in layer for child in filter(is_tracked, _children(node))]
    return any(isinstance(child, dict | list) for node in layer for child in _children(node))


def _children(node: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node


def _reading(
    event: Event, data: Mapping[str, Any], code: int | None, times: tuple[Any, ...]
) -> Reading:
    """The reading of `event`, with the fields that follow from what it says it is."""
    fields, plan = meaning_of(event.get("winlog.channel"), event.get("winlog.provider_name"), code)
    event.update(fields)
    return event, data, plan, times, None
