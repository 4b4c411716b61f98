"""HTML as a tree of elements, so that no text of a log can become markup.

Text and attribute values are escaped by the serialiser of the standard library; nothing here
joins markup as text.
"""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

Content = Element | str | None
"""What an element may hold; None is left out."""

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def element(tag: str, *content: Content, **attributes: str | None) -> Element:
    """An element with `content`; attributes are named with `_` for `-` and `class_` for `class`.

    An attribute that is None is left out.
    """
    node = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            node.set(name.rstrip("_").replace("_", "-"), clean(value))
    return fill(node, content)


def fill(node: Element, content: Iterable[Content]) -> Element:
    """`node` with `content` added at its end."""
    for part in content:
        if isinstance(part, str):
            if len(node):
                node[-1].tail = (node[-1].tail or "") + clean(part)
            else:
                node.text = (node.text or "") + clean(part)
        elif part is not None:
            node.append(part)
    return node


def clean(text: str) -> str:
    """`text` without what HTML cannot hold and what would turn its neighbours round."""
    return _UNPRINTABLE.sub("\ufffd", text)


def serialize(root: Element) -> bytes:
    """The document of `root` as UTF-8."""
    text: bytes = tostring(root, encoding="utf-8", method="html")
    return b"<!doctype html>\n" + text + b"\n"
