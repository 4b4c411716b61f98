"""Making an event fit the mapping, so that Elasticsearch never refuses it.

Every event passes here, so the common case costs one look-up and one type check a field. What
fits is left alone; what can be turned into its field's type without loss is; all else moves to
`tocsin.misfit.FIELD`, where it is kept and can be searched, and the event gets a tag.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from tocsin.schemas.events import Event
from tocsin.schemas.fields import EVENT_FIELDS, VENDOR_ROOTS, Field
from tocsin.schemas.identity import digest
from tocsin.schemas.remembering import remembering
from tocsin.schemas.times import format_micros, parse_time
from tocsin.schemas.values import clean, is_number, number_text

MISFIT = "tocsin.misfit"
MISFIT_TAG = "field_misfit"

MAX_PARTS = 48
"""Dotted parts of a name, and levels of objects below it; far less than any parser of JSON bears,
and with the levels above it within the depth limit of the index templates."""

MAX_NAME = 256
MAX_NAMES = 3_000
"""Characters of a name, and of all names from the top down to a value. Elasticsearch refuses a
`flattened` value whose names and text together exceed 32,766 bytes; the text is limited by
`ignore_above`."""

_LEAST, _MOST = -(2**63), 2**63 - 1
_EXACT = 2**53
_REMEMBERED = 65_536

_TEXT, _VENDOR, _LONG, _IP, _DATE, _TEXTS, _IPS, _OTHER, _UNKNOWN = range(9)
"""What the quick look tells apart. `_VENDOR` is all below a vendor root or a flattened field."""


class _MisfitError(ValueError):
    """A value cannot be turned into its field's type."""


def conform(event: Event) -> Event:
    """`event` with every value of its field's type; itself, uncopied, in the common case.

    Names outside the field definitions and the vendor roots count as misfits. Idempotent.
    """
    changed: dict[str, Any] = {}
    for key, value in event.items():
        kind = _KINDS[key]
        of = type(value)
        if of is str:
            if kind <= _VENDOR:
                if value.isascii() or clean(value) == value:
                    continue
            elif kind == _IP:
                if _reads_as_address(value):
                    continue
            elif kind == _DATE and _is_time(value):
                continue
        elif of is int:
            if kind in _INTEGERS and _LEAST <= value <= _MOST:
                continue
        elif of is list:
            if (kind == _TEXTS and _are_plain(value)) or (
                kind == _IPS and all(map(_is_address, value))
            ):
                continue
        elif value is None and kind != _UNKNOWN:
            continue
        changed[key] = value
    return _amend(event, changed) if changed else event


def _amend(event: Event, changed: Mapping[str, Any]) -> Event:
    """`event` with the values of `changed`, which failed the quick look, made to fit."""
    amended = dict(event)
    misfits: dict[str, Any] = {}
    for key, value in changed.items():
        try:
            amended[key], rest = _fit(key, value)
        except _MisfitError:
            del amended[key]
            misfits[key] = value
        else:
            if rest:
                misfits[key] = rest
    if misfits:
        for key, value in misfits.items():
            amended[f"{MISFIT}.{_safe_name(key)}"] = _safe(value)
        tags = amended.get("tags") or []
        amended["tags"] = tags if MISFIT_TAG in tags else [*tags, MISFIT_TAG]
    return amended


def _fit(key: str, value: Any) -> tuple[Any, list[Any]]:
    """`value` as the type of `key`, and the members of a list that cannot be.

    Raises _MisfitError where nothing fits.
    """
    field = EVENT_FIELDS.get(key)
    if field is None:
        if _KINDS[key] == _UNKNOWN:
            raise _MisfitError
        return _safe(value), []
    if field.type == "flattened":
        return _object(value), []
    convert = _CONVERT[field.type]
    if field.array:
        return _members(convert, value if isinstance(value, list | tuple) else [value])
    if isinstance(value, list | tuple):
        if len(value) > 1:
            raise _MisfitError
        value = value[0] if value else None
    return (None if value is None else convert(value)), []


def _members(convert: Callable[[Any], Any], values: Any) -> tuple[list[Any], list[Any]]:
    fitted: list[Any] = []
    rest: list[Any] = []
    for member in values:
        try:
            fitted.append(None if member is None else convert(member))
        except _MisfitError:
            rest.append(member)
    return fitted, rest


def _text(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return number_text(value)
    raise _MisfitError


def _long(value: Any) -> int:
    if isinstance(value, str) and len(value) <= 20 and is_number(value) and "." not in value:
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST:
        return value
    raise _MisfitError


def _double(value: Any) -> float:
    if isinstance(value, str) and is_number(value) and number_text(float(value)) == value:
        value = float(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _EXACT:
        value = float(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _MisfitError


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _MisfitError


def _address(value: Any) -> str:
    if _is_address(value):
        return str(value)
    raise _MisfitError


def _date(value: Any) -> str:
    if isinstance(value, str):
        if _is_time(value):
            return value
        try:
            return format_micros(parse_time(value))
        except (ValueError, OverflowError):
            pass
    raise _MisfitError


def _object(value: Any) -> Any:
    objects = value if isinstance(value, list) else [value]
    if not all(isinstance(member, dict) or member is None for member in objects):
        raise _MisfitError
    return _safe(value)


def _safe(value: Any, depth: int = 0, names: int = MAX_NAME) -> Any:
    """`value` as JSON that can be encoded, sent and mapped as `flattened`, whatever it was.

    It lies `depth` levels below the top; the names above it have `names` characters.
    """
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if _LEAST <= value <= _MOST else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth > MAX_PARTS or names > MAX_NAMES:
        return f"{type(value).__name__} below too many levels"
    if isinstance(value, list | tuple):
        return [_safe(member, depth + 1, names) for member in value]
    if isinstance(value, dict):
        return {
            _safe_name(str(name)): _safe(member, depth + 1, names + len(str(name)))
            for name, member in value.items()
        }
    return clean(str(value))


def _safe_name(name: str) -> str:
    """`name` as a key of a `flattened` object: without NUL, of bounded depth and length."""
    name = clean(name).replace("\0", "\ufffd")
    parts = name.split(".")
    if len(parts) > MAX_PARTS or len(name) > MAX_NAME:
        start = ".".join(parts[:MAX_PARTS])[: MAX_NAME // 2]
        return f"{start}_{digest(name)}"
    return name


def _are_plain(values: list[Any]) -> bool:
    """Whether all `values` are ASCII text; joining asks them faster than a loop does."""
    try:
        return "".join(values).isascii()
    except TypeError:
        return False


def _is_address(value: Any) -> bool:
    """Whether `value` is text of an IP address as Elasticsearch takes it: without a zone."""
    return isinstance(value, str) and _reads_as_address(value)


@remembering(_REMEMBERED)
def _reads_as_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    """Whether `text` is the fixed-width form of `tocsin.schemas.times`."""
    if len(text) != 27 or text[10] != "T" or text[19] != "." or text[26] != "Z" or text[4] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text.isascii()


def _kind(field: Field) -> int:
    if field.type in ("keyword", "text"):
        return _TEXTS if field.array else _TEXT
    if field.array:
        return _IPS if field.type == "ip" else _OTHER
    return {"long": _LONG, "ip": _IP, "date": _DATE}.get(field.type, _OTHER)


class _Kinds(dict[str, int]):
    """Kinds by name: of fields, and of as many other names as are worth remembering."""

    def __missing__(self, key: str) -> int:
        known = key.startswith(_OBJECTS) and _safe_name(key) == key
        kind = _VENDOR if known else _UNKNOWN
        if len(self) < _REMEMBERED:
            self[key] = kind
        return kind


_KINDS = _Kinds((name, _kind(field)) for name, field in EVENT_FIELDS.items())
_INTEGERS = (_LONG, _VENDOR)
_OBJECTS = tuple(
    f"{root}."
    for root in (
        *VENDOR_ROOTS,
        *(name for name, field in EVENT_FIELDS.items() if field.type == "flattened"),
    )
)
_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "date": _date,
    "double": _double,
    "ip": _address,
    "keyword": _text,
    "long": _long,
    "text": _text,
}
