"""Filters: conditions that someone adds to rules without changing them.

A filter is applied as written: the rule matches where rule and filter's condition both hold, so
one that excludes says `not`. It applies to every rule that its log source covers and its `rules`
names (SEMANTICS §2.11). With `tocsin: {owner, reason, expires}` it is an exception, which no longer
applies to events after the UTC day `expires` (§2.12).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from tocsin.pipelines.detection.documents import DocumentError, Mapping
from tocsin.pipelines.detection.ir import Node
from tocsin.pipelines.detection.metadata import log_source, rule_id, written
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.pipelines.detection.rules import RuleException
from tocsin.pipelines.detection.selections import Dialect, detection_node
from tocsin.schemas.sigma import FieldMap, LogSource
from tocsin.schemas.times import to_micros

_NO_SELECTIONS = frozenset({"rules"})


@dataclass(frozen=True, slots=True)
class Expiry:
    """Who answers for an exception, why it is made, and its last microsecond."""

    owner: str
    reason: str
    until: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter document; `rules` are ids and names, None for any rule."""

    id: str
    title: str
    section: Mapping
    logsource: LogSource
    rules: frozenset[str] | None
    expiry: Expiry | None
    written: str

    def applies_to(self, logsource: LogSource, names: Iterable[str | None]) -> bool:
        """Whether the filter is about a rule of `logsource` that goes by `names`."""
        named = self.rules is None or not self.rules.isdisjoint(name for name in names if name)
        return named and self.logsource.covers(logsource)

    def node(self, dialect: Dialect) -> Node:
        """The condition, read in the dialect of the rule that it is added to."""
        own = Dialect(dialect.fields, dialect.native, dialect.placeholders, self.id)
        return detection_node(self.section, own, _NO_SELECTIONS)

    def exception(self, dialect: Dialect) -> RuleException | None:
        """The filter as an exception of a rule, if it is one."""
        if self.expiry is None:
            return None
        expiry = self.expiry
        return RuleException(
            self.id, self.title, expiry.owner, expiry.reason, expiry.until, self.node(dialect)
        )


def read_filter(body: Mapping, path: str, placeholders: Placeholders) -> Filter:
    """The filter of a document; raises DocumentError."""
    section = body["filter"]
    if not isinstance(section, Mapping):
        raise DocumentError(body.line_of("filter"), "`filter` is a mapping")
    title = body.get("title")
    identity = rule_id(body, path)
    found = Filter(
        identity,
        title if isinstance(title, str) else identity,
        section,
        log_source(body),
        _rules(section),
        _expiry(body),
        written(body),
    )
    found.node(Dialect(FieldMap(None), native=True, placeholders=placeholders))
    return found


def _rules(section: Mapping) -> frozenset[str] | None:
    value = section.get("rules")
    line = section.line_of("rules")
    if value == "any":
        return None
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise DocumentError(line, "`rules` is `any`, or a list of ids and names")
    return frozenset(names)


def _expiry(body: Mapping) -> Expiry | None:
    if "tocsin" not in body:
        return None
    section = body["tocsin"]
    line = body.line_of("tocsin")
    if not isinstance(section, Mapping) or set(section) != {"owner", "reason", "expires"}:
        raise DocumentError(line, "an exception's `tocsin` has owner, reason and expires")
    for key in ("owner", "reason"):
        if not isinstance(section[key], str) or not section[key].strip():
            raise DocumentError(section.line_of(key), f"`{key}` is text")
    try:
        day = date.fromisoformat(section["expires"])
    except (TypeError, ValueError):
        raise DocumentError(
            section.line_of("expires"), "`expires` is a day like 2026-12-31"
        ) from None
    return Expiry(
        section["owner"], section["reason"], to_micros(datetime.combine(day, time.max, UTC))
    )
