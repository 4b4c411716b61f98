r"""Search identifiers: a rule's `detection`, or a filter's, as trees over leaves.

    a mapping             all its items hold            {Image|endswith: '\cmd.exe', User: root}
    a list of mappings    one of them holds             [{...}, {...}]
    a list of values      one of the keywords occurs    ['wget ', 'curl ']
    an item's list        one value holds, with `all` every one

(Sigma specification, "Detection".)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.pipelines.detection.conditions import ConditionError, any_of, parse_condition
from tocsin.pipelines.detection.documents import DocumentError, Sequence
from tocsin.pipelines.detection.documents import Mapping as Section
from tocsin.pipelines.detection.effort import MAX_MICROSECONDS, microseconds
from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Contains,
    EndsWith,
    Equals,
    Item,
    Keyword,
    Like,
    Matches,
    Node,
    Not,
    Or,
    Origin,
    Predicate,
    Selection,
    StartsWith,
)
from tocsin.pipelines.detection.modifiers import (
    TEXT_MODIFIERS,
    Key,
    ModifierError,
    predicates,
    read_key,
)
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.schemas.sigma import FieldMap

MAX_PATTERNS = 40
"""Regular expressions of one rule, each a scan of its own; no public rule has more than 19."""

MAX_LEAVES = 100_000
"""Values that one rule compares; the largest public rule has 4,432."""

_NO_SELECTIONS = frozenset({"condition", "timeframe"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the trees of one rule have in common.

    `document` is the RULE ID of the filter that they are read from, None for the rule itself.
    """

    fields: FieldMap
    native: bool
    placeholders: Placeholders
    document: str | None = None


def detection_node(
    section: Section, dialect: Dialect, ignored: frozenset[str] = frozenset()
) -> Node:
    """The tree of a `detection` or `filter` section; raises DocumentError.

    Keys in `ignored` are no search identifiers.
    """
    patterns = sum(_patterns(value) for value in section.values())
    if patterns > MAX_PATTERNS:
        reason = f"{patterns} regular expressions, at most {MAX_PATTERNS} in a rule"
        raise DocumentError(section.line, reason)
    selections = {
        name: Selection(name, _Reader(name, dialect).definition(value, line), dialect.document)
        for name, value in section.items()
        if name not in _NO_SELECTIONS and name not in ignored
        for line in (section.line_of(name),)
    }
    if "condition" not in section:
        raise DocumentError(section.line, "no `condition`")
    conditions = section["condition"]
    line = section.line_of("condition")
    texts = conditions if isinstance(conditions, Sequence) else [conditions]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DocumentError(line, "`condition` is text, or a list of texts")
    try:
        node = any_of([parse_condition(text, selections) for text in texts])
    except ConditionError as error:
        raise DocumentError(line, f"condition: {error}") from None
    size = _size(node, {})
    if size > MAX_LEAVES:
        raise DocumentError(line, f"condition: {size} values to compare, at most {MAX_LEAVES}")
    effort = microseconds(node)
    if effort > MAX_MICROSECONDS:
        reason = (
            "condition: regular expressions and wildcards could take some "
            f"{effort / 1000:.0f} ms for one value, at most {MAX_MICROSECONDS / 1000:.0f}"
        )
        raise DocumentError(line, reason)
    return node


def _size(node: Node, known: dict[str, int]) -> int:
    """How many leaves the tree has, counting a selection each time that it is named."""
    match node:
        case And(children) | Or(children) | AtLeast(_, children):
            return sum(_size(child, known) for child in children)
        case Not(child):
            return _size(child, known)
        case Selection(name, child):
            if name not in known:
                known[name] = _size(child, known)
            return known[name]
    return 1


def _patterns(value: Any, key: str = "") -> int:
    """How many regular expressions the value below `key` holds."""
    if isinstance(value, Section):
        return sum(_patterns(each, name) for name, each in value.items())
    if isinstance(value, Sequence):
        return sum(_patterns(each, key) for each in value)
    return int("re" in key.split("|"))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the definition of one search identifier."""

    selection: str
    dialect: Dialect

    def definition(self, value: Any, line: int) -> Node:
        if isinstance(value, Section):
            return self._items(value)
        if not isinstance(value, Sequence):
            return self._item("", value, line)
        if not value:
            raise DocumentError(line, f"search identifier `{self.selection}` is an empty list")
        parts = [
            self._items(element) if isinstance(element, Section) else self._item("", element, at)
            for element, at in zip(value, value.lines, strict=True)
        ]
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _items(self, section: Section) -> Node:
        if not section:
            raise DocumentError(section.line, f"search identifier `{self.selection}` is empty")
        items = [self._item(key, value, section.line_of(key)) for key, value in section.items()]
        return items[0] if len(items) == 1 else And(tuple(items))

    def _item(self, key: str, value: Any, line: int) -> Node:
        try:
            read = read_key(key)
        except ModifierError as error:
            raise DocumentError(line, f"`{key}`: {error}") from None
        nodes = [self._value(key, read, each, at) for each, at in _values(key, value, line)]
        node = nodes[0] if len(nodes) == 1 else And(tuple(nodes)) if read.all else Or(tuple(nodes))
        return Not(node) if read.neq else node

    def _value(self, key: str, read: Key, value: Any, line: int) -> Node:
        modifiers = read.modifiers
        if not read.field and TEXT_MODIFIERS.issuperset(modifiers):
            modifiers = (*modifiers, "contains")
        try:
            found = predicates(
                value, modifiers, self.dialect.placeholders, self.dialect.fields.targets
            )
        except ModifierError as error:
            raise DocumentError(line, f"`{key or 'keyword'}`: {error}") from None
        origin = Origin(self.selection, key, _written(value), line, self.dialect.document)
        leaves = tuple(self._leaf(read.field, predicate, origin) for predicate in found)
        return leaves[0] if len(leaves) == 1 else Or(leaves)

    def _leaf(self, field: str, predicate: Predicate, origin: Origin) -> Node:
        if field:
            return Item(self.dialect.fields.targets(field), predicate, origin)
        if isinstance(predicate, Equals | Contains | StartsWith | EndsWith | Like | Matches):
            if isinstance(predicate, Contains) and not predicate.text:
                raise DocumentError(origin.line, "an empty keyword is in every event")
            return Keyword(predicate, self.dialect.native, origin)
        raise DocumentError(origin.line, "keywords are texts, numbers or regular expressions")


def _values(key: str, value: Any, line: int) -> Iterator[tuple[Any, int]]:
    """The values of an item with their lines; an empty list is null."""
    if not isinstance(value, Sequence):
        values = [(value, line)]
    elif value:
        values = list(zip(value, value.lines, strict=True))
    else:
        values = [(None, line)]
    for each, at in values:
        if isinstance(each, Mapping | Sequence):
            raise DocumentError(at, f"`{key}`: expected a value or a list of values")
        yield each, at


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
