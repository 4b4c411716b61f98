"""Events as Arrow tables, and back, without loss.

Every field of events has a typed column, times as microseconds UTC, and so have the vendor fields
that rules look at most (`archive_columns.yml`). One more column, `remainder`, holds as JSON what
has none: other vendor fields, vendor values of another type than their column's, `flattened`
fields, and explicit nulls. The schema never depends on the events, so batches of one file fit one
another.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from tocsin.schemas.events import Event
from tocsin.schemas.fields import EVENT_FIELDS, Field

REMAINDER = "remainder"
"""The column of what has no column of its own: a JSON object, or null if there is nothing."""

_TIMESTAMP = pa.timestamp("us", "UTC")
_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "date": _TIMESTAMP,
    "double": pa.float64(),
    "ip": pa.string(),
    "keyword": pa.string(),
    "long": pa.int64(),
    "text": pa.string(),
}


def _type(field: Field) -> pa.DataType:
    return pa.list_(_TYPES[field.type]) if field.array else _TYPES[field.type]


_COLUMNS: Mapping[str, pa.DataType] = {
    name: _type(field) for name, field in EVENT_FIELDS.items() if field.type != "flattened"
}


def _vendor_columns() -> Mapping[str, pa.DataType]:
    text = (files("tocsin.schemas") / "archive_columns.yml").read_text(encoding="utf-8")
    return {
        f"{root}{name}": _TYPES[kind]
        for root, by_type in yaml.safe_load(text).items()
        for kind, names in by_type.items()
        for name in names
    }


_VENDOR_COLUMNS = _vendor_columns()
_OWN_COLUMN = _COLUMNS.keys() | _VENDOR_COLUMNS.keys()

SCHEMA: pa.Schema = pa.schema(
    [*_COLUMNS.items(), *_VENDOR_COLUMNS.items(), (REMAINDER, pa.string())]
)
"""The schema of every table of events."""


def to_table(events: Sequence[Event]) -> pa.Table:
    """`events`, which `validation.conform` made fit, as rows of `SCHEMA`.

    Raises pyarrow.ArrowInvalid or ArrowTypeError for values that are not of their field's type.
    """
    present = set().union(*events)
    columns = [
        _column([event.get(name) for event in events], kind)
        if name in present
        else pa.nulls(len(events), kind)
        for name, kind in _COLUMNS.items()
    ]
    mixed: dict[str, pa.DataType] = {}
    for name, kind in _VENDOR_COLUMNS.items():
        if name not in present:
            columns.append(pa.nulls(len(events), kind))
            continue
        values = [event.get(name) for event in events]
        if not _all_fit(values, kind):
            mixed[name] = kind
            values = [value if _fits(value, kind) else None for value in values]
        columns.append(pa.array(values, kind))
    rest = (_remainder(event, mixed) for event in events)
    columns.append(pa.array(rest, pa.string(), size=len(events)))
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def to_events(table: pa.Table) -> list[Event]:
    """The events of the rows of `table`, which has the columns of `SCHEMA` or some of them."""
    events: list[Event] = [{} for _ in range(table.num_rows)]
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count == table.num_rows:
            continue
        values = _values(column.combine_chunks())
        if name == REMAINDER:
            for event, value in zip(events, values, strict=True):
                if value is not None:
                    event.update(orjson.loads(value))
        else:
            for event, value in zip(events, values, strict=True):
                if value is not None:
                    event[name] = value
    return events


def _all_fit(values: list[Any], kind: pa.DataType) -> bool:
    """Whether the values of a vendor field are all of its column's type, or null."""
    types = set(map(type, values)) - {type(None)}
    if types == {str}:
        return bool(kind == pa.string())
    return not types or all(_fits(value, kind) for value in values if value is not None)


def _fits(value: Any, kind: pa.DataType) -> bool:
    if kind == pa.string():
        return type(value) is str
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _remainder(event: Event, mixed: Mapping[str, pa.DataType]) -> str | None:
    rest = {
        name: value for name, value in event.items() if value is None or name not in _OWN_COLUMN
    }
    for name in mixed.keys() & event.keys():
        if not _fits(event[name], mixed[name]):
            rest[name] = event[name]
    return orjson.dumps(rest).decode() if rest else None


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == _TIMESTAMP:
        return pa.array(values, pa.string()).cast(_TIMESTAMP)
    return pa.array(values, kind)


def _values(column: pa.Array) -> list[Any]:
    """Python values of `column`, several times faster than its `to_pylist`."""
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in _values(chunk)]
    if pa.types.is_list(column.type):
        return list(_lists(column))
    if pa.types.is_timestamp(column.type):
        naive = column.cast(pa.timestamp("us"))
        column = pc.binary_join_element_wise(pc.strftime(naive, "%Y-%m-%dT%H:%M:%S"), "Z", "")
    if pa.types.is_string(column.type) or column.null_count == 0:
        found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return found
    zero = pa.scalar(0).cast(column.type)
    filled = column.fill_null(zero).to_numpy(zero_copy_only=False).tolist()
    valid = column.is_valid().to_numpy(zero_copy_only=False).tolist()
    return [value if there else None for value, there in zip(filled, valid, strict=True)]


def _lists(column: pa.ListArray) -> Iterator[list[Any] | None]:
    members = _values(column.values)
    offsets = column.offsets.to_numpy().tolist()
    valid = column.is_valid().to_numpy(zero_copy_only=False).tolist()
    for there, start, end in zip(valid, offsets[:-1], offsets[1:], strict=True):
        yield members[start:end] if there else None
