"""Where keywords look: the text that came from the source (SEMANTICS §2.8)."""

from collections.abc import Iterator
from typing import Any

from tocsin.schemas.events import Event
from tocsin.schemas.fields import VENDOR_ROOTS
from tocsin.schemas.values import clean, number_text

_ADDED = ("@timestamp", "event.id", "organization.name")
_LOGSOURCE = "logsource"
_VENDORS = tuple(f"{root}." for root in VENDOR_ROOTS)


def source_texts(event: Event, native: bool) -> Iterator[tuple[str, str]]:
    """Every string and number of the source's record as text, with the key that it stands under.

    Of normalised events these are the vendor record, `message`, and `event.original` where it is
    plain text. `native` events are source text but for what names their log source and identity.
    """
    for key, value in event.items():
        root = key.partition(".")[0]
        if native:
            if root != _LOGSOURCE and key not in _ADDED:
                yield from ((key, text) for text in _texts(value))
        elif key == "message" or key.startswith(_VENDORS):
            yield from ((key, text) for text in _texts(value))
        elif key == "event.original" and isinstance(value, str) and is_plain(value):
            yield key, clean(value)


def is_plain(original: str) -> bool:
    """Whether a record is plain text: neither a JSON object, a JSON array of such, nor XML."""
    text = original.strip()
    ends = text[:1] + text[-1:]
    if ends == "{}":
        return False
    if ends == "[]":
        return text[1:].lstrip()[:1] != "{"
    return not (ends == "<>" and (text[1].isalpha() or text[1] in "?!"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield clean(value)
    elif isinstance(value, list):
        for element in value:
            yield from _texts(element)
    elif isinstance(value, dict):
        for element in value.values():
            yield from _texts(element)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield number_text(value)
