"""What a parser may know besides the record itself, and how it says that it cannot go on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from tocsin.schemas.events import Event


class ParseError(ValueError):
    """The record is not of this parser's format; the text says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Context:
    """The record time, and the zone of times that name none."""

    received: datetime
    timezone: tzinfo = UTC


Parse = Callable[[str, Context], Event]
"""One decoded record to one flat event, or ParseError; total and linear for any text.

A parser sets `@timestamp`, the `event.*` classification, ECS fields and its vendor remainder.
What is the same for every record (`event.id`, `event.original`, `organization.name`,
`ecs.version`, `source.address`, `network.community_id`, `related.*`) is the business of
`tocsin.pipelines.stages`.
"""


@dataclass(frozen=True, slots=True)
class Parser:
    """A product's parser: its function and the source group of its events' indices."""

    name: str
    group: str
    parse: Parse
