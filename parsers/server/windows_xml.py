"""Windows event XML to the tree that EVTX readers print as JSON.

Expat reads it; a document type declaration is refused, so there are no entities to expand.
"""

import re
from typing import Any
from xml.parsers import expat

from tocsin.parsers.context import ParseError
from tocsin.schemas.events import MAX_DEPTH

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]{1,6}|[0-9]{1,7});")


class _RefusedError(Exception):
    """Raised from a handler of expat; the text is the reason."""


def read_xml(text: str) -> dict[str, Any]:
    """The tree `{"Event": {...}}` of an event's XML, attributes under `#attributes`.

    Characters that XML 1.0 forbids, which Windows writes nevertheless, are U+FFFD. Raises
    ParseError with line and column for what is no XML, and for declarations.
    """
    tree = _Tree()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.StartDoctypeDeclHandler = _refuse_declaration
    try:
        parser.Parse(_ILLEGAL.sub("\ufffd", _REFERENCE.sub(_legal_reference, text)), True)
    except expat.ExpatError as error:
        raise ParseError(f"XML line {error.lineno}, column {error.offset}: {error}") from error
    except _RefusedError as error:
        raise ParseError(f"XML line {parser.CurrentLineNumber}: {error}") from error
    return tree.root


def _refuse_declaration(*_: object) -> None:
    raise _RefusedError("a document type declaration has no place in an event")


def _legal_reference(match: re.Match[str]) -> str:
    code = int(match[1][1:], 16) if match[1][0] == "x" else int(match[1])
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        return "\ufffd"
    return match[0]


class _Tree:
    """The elements read so far; `root` holds the outermost by its name."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = [(self.root, [])]

    def start(self, _: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise _RefusedError(f"elements nested deeper than {MAX_DEPTH} levels")
        self._open.append(({"#attributes": attributes} if attributes else {}, []))

    def characters(self, data: str) -> None:
        self._open[-1][1].append(data)

    def end(self, name: str) -> None:
        node, texts = self._open.pop()
        text = "".join(texts)
        value: Any = node
        if not node:
            value = text
        elif node.keys() == {"#attributes"}:
            node["#text"] = text
        _add(self._open[-1][0], name.rpartition(":")[2], value)


def _add(parent: dict[str, Any], name: str, value: Any) -> None:
    present = parent.get(name)
    if name not in parent:
        parent[name] = value
    elif isinstance(present, list):
        present.append(value)
    else:
        parent[name] = [present, value]
