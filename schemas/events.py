"""Events: normalised ECS documents, flat in the process and nested where they are stored."""

from collections.abc import Iterator, Mapping
from typing import Any

Event = dict[str, Any]
"""One event in flight: a flat dict with dotted ECS keys, e.g. `{"source.ip": "192.0.2.1"}`.

`@timestamp` is fixed-width UTC text (`tocsin.schemas.times`). Values are JSON scalars, lists of
scalars, or (below the vendor roots and in lists of objects) JSON objects.
"""


class DepthError(ValueError):
    """A document is nested more deeply than any log's is."""


MAX_DEPTH = 64


def nest(event: Mapping[str, Any]) -> dict[str, Any]:
    """The nested document of a flat `event`: `{"a.b": 1}` becomes `{"a": {"b": 1}}`.

    Where one key is both a value and a parent (`a` and `a.b`), the value moves to `a.value`.
    """
    document: dict[str, Any] = {}
    objects: dict[str | None, dict[str, Any]] = {None: document}
    for key, value in event.items():
        path, dot, leaf = key.rpartition(".")
        parent = objects.get(path if dot else None)
        if parent is None:
            parent = objects[path] = _object(document, path)
        if leaf in parent or isinstance(value, dict):
            _put(parent, leaf, value)
        else:
            parent[leaf] = value
    return document


def _object(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The object at `path` in `document`, made where it is not there."""
    for part in path.split("."):
        child = document.get(part)
        if not isinstance(child, dict):
            child = {} if part not in document else {"value": child}
            document[part] = child
        document = child
    return document


def _put(parent: dict[str, Any], leaf: str, value: Any) -> None:
    """Put `value` below what may already stand under `leaf`; objects are copied and merged."""
    standing = parent.get(leaf)
    if isinstance(value, dict):
        if not isinstance(standing, dict):
            standing = {} if standing is None else {"value": standing}
            parent[leaf] = standing
        for name, member in value.items():
            _put(standing, name, member)
    elif isinstance(standing, dict):
        standing["value"] = value
    else:
        parent[leaf] = value


def flatten(document: Mapping[str, Any]) -> Event:
    """The flat event of a `document` that is nested, dotted or both; lists are kept whole.

    Raises DepthError beyond 64 levels. An empty object is kept as it is.
    """
    return dict(_leaves(document, "", 0))


def _leaves(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise DepthError(f"object nested deeper than {MAX_DEPTH} levels")
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.", depth + 1)
        else:
            yield prefix + key, value
