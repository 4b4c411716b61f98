"""Objects that the Security log audits: files and registry keys, told apart by how they are named.

Source: Microsoft Learn, "Audit File System" and "Audit Registry": a file's `ObjectName` begins with
a drive, a key's with `\\REGISTRY\\`; devices, processes and others have names of other forms.
"""

import re
from typing import Any

from tocsin.parsers.server import windows_values as values
from tocsin.parsers.server.windows_plans import Step, choice, listed, path
from tocsin.schemas.events import Event

_DRIVE = re.compile(r"[A-Za-z]:\\")
_VALUE_TYPES = {
    "%%1872": "REG_NONE",
    "%%1873": "REG_SZ",
    "%%1874": "REG_EXPAND_SZ",
    "%%1875": "REG_BINARY",
    "%%1876": "REG_DWORD",
    "%%1877": "REG_DWORD_BIG_ENDIAN",
    "%%1878": "REG_LINK",
    "%%1879": "REG_MULTI_SZ",
    "%%1883": "REG_QWORD",
}
_set_file = path("file")


def _set_key(event: Event, value: Any) -> None:
    found = values.registry_path(value) if isinstance(value, str) else None
    if found is not None:
        event["registry.hive"], event["registry.key"] = found.hive, found.key
        event["registry.path"] = f"{found.hive}\\{found.key}"


def _set_value(event: Event, value: Any) -> None:
    if isinstance(value, str):
        event["registry.value"] = value
        if "registry.path" in event:
            event["registry.path"] = f"{event['registry.path']}\\{value}"


def _set_object(event: Event, value: Any) -> None:
    """The object, and with it what the event is about, if nothing else said so."""
    if not isinstance(value, str):
        return
    category = None
    if _DRIVE.match(value):
        _set_file(event, value)
        category = "file"
    else:
        _set_key(event, value)
        if "registry.key" in event:
            category = "registry"
    if category is not None and "event.category" not in event:
        event["event.category"], event["event.type"] = [category], ["access"]


OBJECT: tuple[Step, ...] = (("ObjectName", _set_object),)
REGISTRY_VALUE: tuple[Step, ...] = (
    ("ObjectName", _set_key),
    ("ObjectValueName", _set_value),
    ("NewValueType", choice("registry.data.type", _VALUE_TYPES)),
    ("NewValue", listed("registry.data.strings")),
)
