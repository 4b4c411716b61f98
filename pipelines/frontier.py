"""What the marks on a matches partition say: prefixes, repeats, and the watermark.

    marks ──▶ a prefix and a time each source partition ──▶ the watermark of an organisation

Pure: the moment of reading is handed in, in microseconds.

Source: DELIVERY §4.2 to §4.4 (marks and watermark), §4.5 (repeats), §5.2 (history).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tocsin.schemas.marks import Kind, Mark, Origin, Watermark
from tocsin.schemas.records import Source
from tocsin.schemas.times import BEGINNING_OF_TIME


@dataclass(slots=True)
class _Known:
    prefix: int
    time: int
    kind: Kind
    generation: int
    seen: int


class Frontier:
    """What the marks on one matches partition said of each source partition.

    `started` is when reading began and `silence` how long a partition without a mark may hold
    the watermark. Silence is reckoned by the moments at which marks were read, not by their
    timestamps: after an outage of everything each partition has its full time to come back.
    """

    def __init__(self, started: int, silence: int) -> None:
        self._started = started
        self._silence = silence
        self._known: dict[Origin, _Known] = {}

    def apply(self, mark: Mark, seen: int) -> None:
        """Take `mark` in, read at `seen`.

        The first mark of a partition sets its prefix. Later ones extend it if they leave no gap;
        one that ends at the prefix may raise the time, one below it only changes the kind; and
        the kind is never that of an older generation of the consumer group, which is a zombie.
        """
        known = self._known.get(mark.origin)
        if known is None:
            self._known[mark.origin] = _Known(
                mark.next, mark.time, mark.kind, mark.generation, seen
            )
            return
        known.seen = max(known.seen, seen)
        if mark.generation >= known.generation:
            known.generation = mark.generation
            known.kind = mark.kind
        if mark.first <= known.prefix <= mark.next:
            known.prefix = mark.next
            known.time = max(known.time, mark.time)

    def save(self) -> list[list[Any]]:
        """What is known, for `restore`: a row of plain values each source partition."""
        return [
            [*origin, known.prefix, known.time, known.kind, known.generation, known.seen]
            for origin, known in self._known.items()
        ]

    @classmethod
    def restore(cls, saved: Iterable[Sequence[Any]], started: int, silence: int) -> Self:
        """The frontier that was saved; nobody was silent before `started`, when reading began."""
        frontier = cls(started, silence)
        for source, topic_id, partition, prefix, time, kind, generation, seen in saved:
            frontier._known[Origin(source, topic_id, partition)] = _Known(
                prefix, time, Kind(kind), generation, max(seen, started)
            )
        return frontier

    def is_repeat(self, origin: Origin, next_: int) -> bool:
        """Whether records of `origin` below `next_` were all done before."""
        known = self._known.get(origin)
        return known is not None and next_ <= known.prefix

    def watermark(self, organization: str, origins: Collection[Origin], now: int) -> Watermark:
        """The least time over `origins`, the partitions of the organisation's counted sources.

        Closed ones do not count; silent ones are passed when they have held it long enough. It
        is the beginning of time where nobody is left to say anything.
        """
        times = []
        passed = []
        for origin in origins:
            known = self._known.get(origin)
            if known is not None and known.kind is Kind.CLOSED:
                continue
            if now - (known.seen if known else self._started) > self._silence:
                passed.append(origin)
            else:
                times.append(known.time if known else BEGINNING_OF_TIME)
        return Watermark(organization, min(times, default=BEGINNING_OF_TIME), tuple(passed))

    def silent(self, origins: Iterable[Origin], now: int, after: int) -> list[Origin]:
        """Those of `origins` that have been silent for longer than `after`: worth an alarm."""
        return [
            origin
            for origin in origins
            if now - (known.seen if (known := self._known.get(origin)) else self._started) > after
        ]


def counted_sources(sources: Iterable[Source]) -> dict[str, tuple[Source, ...]]:
    """Which sources are correlated and hold the watermark, by organisation.

    Sources of history count only where an organisation has no others.
    """
    by_organization: dict[str, list[Source]] = {}
    for source in sources:
        by_organization.setdefault(source.organization, []).append(source)
    return {
        organization: tuple(source for source in members if not source.history) or tuple(members)
        for organization, members in by_organization.items()
    }
