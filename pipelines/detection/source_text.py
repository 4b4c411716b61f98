"""Where keywords look: the text that came from the source (SEMANTICS §2.8)."""

from collections.abc import Iterator
from typing import Any

from tocsin.schemas.events import Event
from tocsin.schemas.fields import VENDOR_ROOTS
from tocsin.schemas.values import clean, number_text

_ADDED = ("@timestamp", "event.id", "organization.name")
_LOGSOURCE = "logsource"
_ORIGINAL = "event.original"
_RENDERED = "winlog.logon."
"""What parsers say of a logon in words, as Windows' viewer does; its codes stay in the record."""

_VENDORS = tuple(f"{root}." for root in VENDOR_ROOTS)


def source_texts(event: Event, native: bool) -> Iterator[tuple[str, str]]:
    """Every string and number of the source's record as text, with the key that it stands under.

    Of normalised events these are the vendor record, `message`, and `event.original` where it is
    plain text. `native` events are source text but for what names their log source and identity.
    """
    for key, value in event.items():
        if is_source(key, native):
            yield from ((key, text) for text in texts_of(value))
        elif key == _ORIGINAL and not native and isinstance(value, str) and is_plain(value):
            yield key, clean(value)


def is_source(key: str, native: bool) -> bool:
    """Whether what stands under `key` is source text whatever it is."""
    if native:
        return key.partition(".")[0] != _LOGSOURCE and key not in _ADDED
    return key == "message" or (key.startswith(_VENDORS) and not key.startswith(_RENDERED))


def is_plain(original: str) -> bool:
    """Whether a record is plain text: neither a JSON object, a JSON array of such, nor XML."""
    text = original.strip()
    ends = text[:1] + text[-1:]
    if ends == "{}":
        return False
    if ends == "[]":
        return text[1:].lstrip()[:1] != "{"
    return not (ends == "<>" and (text[1].isalpha() or text[1] in "?!"))


def texts_of(value: Any) -> Iterator[str]:
    """The strings and numbers in `value` as texts."""
    if isinstance(value, str):
        yield clean(value)
    elif isinstance(value, list):
        for element in value:
            yield from texts_of(element)
    elif isinstance(value, dict):
        for element in value.values():
            yield from texts_of(element)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield number_text(value)
