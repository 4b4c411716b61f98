"""Group keys and compared values: what correlations keep of a match's fields, as compact text.

One canonical text stands for itself; anything else (a boolean, null, several values) is JSON after
a mark that no other text starts with. So keys and values always compare and sort, cost one string
each, and keys can be read back. A long value to compare is its digest, as nobody reads it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import Any

import orjson

from tocsin.pipelines.correlation.rules import Targets
from tocsin.schemas.identity import digest
from tocsin.schemas.values import canonical, number_text, shortest, to_decimal

Canonical = str | bool | None

MAX_GROUPS = 16
"""How many groups one match counts in, of the product of its arrays (SEMANTICS §3.2)."""

MAX_TUPLES = 1_024
"""How many tuples of compared arrays one match brings; the product of arrays has no other end."""

MAX_DIGITS = 1_000
"""The longest text that counts as a number: three times what the largest double has."""

GLOBAL_KEY = ""
"""The key of the one group of a correlation without group-by."""

MAX_VALUE = 128
"""Characters of a compared value that is kept as it is; command lines have thousands."""

SHORT = 256
"""Characters of a text whose key is remembered."""

_ENCODED = "\0"
_SEVERAL = "\1"
_DIGEST = "\2"


def group_keys(
    fields: Mapping[str, Any], targets: Sequence[Targets], *, null_if_missing: bool = False
) -> tuple[list[str], int]:
    """The keys of the groups that a match with `fields` counts in, and how many were dropped.

    No key at all means that the match lacks a group-by field: it has no target of it, or only
    null or `[]` there. With `null_if_missing` null is a value like others (§5.5).
    """
    if len(targets) == 1:
        values = _elements(fields, targets[0])
        if not values and null_if_missing:
            values = [None]
        keys = [encode(value) for value in values[:MAX_GROUPS]]
        return keys, len(values) - len(keys)
    if not targets:
        return [GLOBAL_KEY], 0
    columns = [_elements(fields, one) for one in targets]
    if null_if_missing:
        columns = [column or [None] for column in columns]
    keys = [_encode_tuple(row) for row in islice(product(*columns), MAX_GROUPS)]
    return keys, _size(columns) - len(keys)


def group_values(key: str, group_by: Sequence[str]) -> dict[str, Canonical]:
    """The canonical values of the group with `key`, by the names in `group_by`."""
    if not group_by:
        return {}
    if len(group_by) == 1:
        return {group_by[0]: decode(key)}
    return dict(zip(group_by, orjson.loads(key[1:]), strict=True))


def text_key(text: str) -> str:
    """The text of the canonical form of a text."""
    return short_key(text) if len(text) <= SHORT else encode(canonical(text))


@lru_cache(maxsize=1 << 17)
def short_key(text: str) -> str:
    """`text_key` of short texts, as a log's values come again and again."""
    return encode(canonical(text))


def text_value(text: str) -> str:
    """What `compared_value` makes of a text, where values are not numbers."""
    return _compact(text_key(text))


def _compact(value: str) -> str:
    return value if len(value) <= MAX_VALUE else _DIGEST + digest(value)


def encode(value: Canonical) -> str:
    """The text of one canonical value."""
    if isinstance(value, str) and not value.startswith((_ENCODED, _SEVERAL, _DIGEST)):
        return value
    return _ENCODED + orjson.dumps(value).decode()


def decode(text: str) -> Canonical:
    """The canonical value that `encode` made `text` of."""
    if text.startswith(_ENCODED):
        value: Canonical = orjson.loads(text[1:])
        return value
    return text


def compared_value(
    fields: Mapping[str, Any], targets: Sequence[Targets], *, numeric: bool
) -> tuple[str | None, int]:
    """What a match brings to a compared field, and how many tuples were dropped.

    None means that it is missing: null, or for numeric types no finite decimal number. Of arrays
    each element enters, so the text may stand for several values (`several`).
    """
    if numeric:
        numbers = list(_numbers(fields, targets[0]))
        return (_join(numbers) if numbers else None), 0
    columns = [_elements(fields, one) for one in targets]
    if len(columns) == 1:
        values = [_compact(encode(value)) for value in columns[0]]
        return (_join(values) if values else None), 0
    rows = [_compact(_encode_tuple(row)) for row in islice(product(*columns), MAX_TUPLES)]
    return (_join(rows) if rows else None), _size(columns) - len(rows)


def several(value: str) -> list[str]:
    """The single values that the text of `compared_value` stands for."""
    if value.startswith(_SEVERAL):
        values: list[str] = orjson.loads(value[1:])
        return values
    return [value]


def _join(values: list[str]) -> str:
    return values[0] if len(values) == 1 else _SEVERAL + orjson.dumps(values).decode()


def _encode_tuple(row: Sequence[Canonical]) -> str:
    return _ENCODED + orjson.dumps(row).decode()


def _size(columns: Sequence[Sequence[Canonical]]) -> int:
    size = 1
    for column in columns:
        size *= len(column)
    return size


def _present(fields: Mapping[str, Any], targets: Targets) -> Any:
    """The value of the first of `targets` that is there; a key with null is there (§2.1)."""
    for target in targets:
        if target in fields:
            return fields[target]
    return None


def _elements(fields: Mapping[str, Any], targets: Targets) -> list[Canonical]:
    """The distinct canonical values, in the order of their elements; objects have none."""
    value = _present(fields, targets)
    if isinstance(value, str):
        return [canonical(value)]
    if value is None:
        return []
    if isinstance(value, list | tuple):
        scalars = (item for item in value if isinstance(item, str | int | float))
        return list(dict.fromkeys(map(canonical, scalars)))
    return [canonical(value)] if isinstance(value, int | float) else []


def _numbers(fields: Mapping[str, Any], targets: Targets) -> Iterator[str]:
    value = _present(fields, targets)
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, str) and len(item) > MAX_DIGITS:
            continue
        if to_decimal(item) is not None:
            yield shortest(item) if isinstance(item, str) else number_text(item)
