"""What one Windows event says, in whatever shape it travels.

The names, nodes and codes that all shapes have in common.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tocsin.parsers.context import ParseError
from tocsin.parsers.server.windows_channels import meaning
from tocsin.parsers.server.windows_plans import Plan
from tocsin.parsers.server.windows_values import integer
from tocsin.schemas.events import Event

DATA = "winlog.event_data."
"""Where the event's own data stands."""


Reading = tuple[Event, Mapping[str, Any], Plan, Iterable[Any], Any]
"""One Windows event: its fields so far, its own data by name for its plan, the plan, candidates for
event time as the source wrote them, best first, and for want of all these a time without a zone."""


def field_name(key: str) -> str:
    """`key` as part of a dotted name: no part may be empty, or nothing could nest it."""
    return key if all(key.split(".")) else key.replace(".", "_") or "_"


def as_list(value: Any) -> list[Any]:
    """The list that `value` is, or one that holds it."""
    return value if isinstance(value, list) else [value]


def text_of(node: Any) -> Any:
    """The value of a node that may be an object because it has attributes too."""
    return node.get("#text") if isinstance(node, dict) else node


def attribute_of(parent: Mapping[str, Any], name: str, attribute: str) -> Any:
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


def named_data(own: Any) -> Iterator[tuple[str, Any]]:
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
    for element in as_list(elements):
        name = attribute_of({"Data": element}, "Data", "Name")
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


def code_of(value: Any) -> int | None:
    """The event id that a source wrote as number, text or node; None where it is none."""
    if isinstance(value, dict):
        value = value.get("#text", value.get("Value"))
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return integer(value) if isinstance(value, str) else None


def meaning_of(channel: Any, provider: Any, code: int | None) -> tuple[Event, Plan]:
    """Fields and plan of events of `channel`, `provider` and `code`; ParseError without any."""
    channel = channel if isinstance(channel, str) else ""
    provider = provider if isinstance(provider, str) else ""
    if code is None and not channel and not provider:
        raise ParseError("no Windows event: neither event id nor channel nor provider")
    return meaning(channel, provider, code)
