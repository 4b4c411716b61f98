"""Correlations of one organisation as a runner's keyed state: progress in, alerts out.

    progress (matches and the mark that covers them) ─▶ frontier ─▶ watermark ─▶ alerts ─▶ paced
                                                   └──▶ correlator ──────┘

The same frontier and correlator as the worker's, with no topic in between: here the runner keeps
the order of a partition's progress, and state and offsets in one checkpoint. An organisation may
be spread over several of these by the groups of its alerts; each sees every mark, and tells only
what is its own. Pure: the moment is handed in, in microseconds.

Source: DELIVERY §4.2 to §4.7, SEMANTICS §5.4.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.correlator import Correlator, Limits
from tocsin.pipelines.correlation.late import LateGroup
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.frontier import Frontier
from tocsin.schemas.marks import Mark, Origin
from tocsin.schemas.matches import Match
from tocsin.schemas.times import SECOND

REVISION = 10 * SECOND
"""An alert that was written is revised at most this often, and once more when it is settled."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The matches of a span of records, and the mark that says that the span is done."""

    mark: Mark
    matches: Sequence[Match] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a correlation is made of besides what was saved of it.

    `origins` are the source partitions that hold the organisation's watermark; `started` is when
    this process began to read, before which nobody was silent; `complete_from` is the time from
    which all matches are seen.
    """

    plan: CorrelationPlan
    origins: tuple[Origin, ...]
    share: Share
    limits: Limits
    complete_from: int
    started: int
    silence: int


def spread(progress: Progress, partitioner: Partitioner, shares: int) -> Iterator[Progress]:
    """`progress` as each of `shares` correlations needs it, in order."""
    matches: list[list[Match]] = [[] for _ in range(shares)]
    for match in progress.matches:
        for index in partitioner.of_match(match):
            matches[index].append(match)
    return (replace(progress, matches=members) for members in matches)


class LiveCorrelation:
    """The correlations of `organization`, from nothing, or from what `save` gave.

    `saved` are the bytes of the last `save`, by which it is known whether a copy in memory is
    still what the runner's state holds; `passed` the silent partitions that the watermark went
    past in the last `take`.
    """

    def __init__(self, organization: str, terms: Terms) -> None:
        self.organization = organization
        self._origins = terms.origins
        self._frontier = Frontier(terms.started, terms.silence)
        self._correlator = Correlator(
            terms.plan,
            limits=terms.limits,
            complete_from=terms.complete_from,
            share=terms.share,
        )
        self._paced = _Paced()
        self.saved: bytes | None = None
        self.passed: tuple[Origin, ...] = ()
        self._changed = True

    @classmethod
    def restore(
        cls, organization: str, terms: Terms, saved: bytes, correlator: bytes
    ) -> "LiveCorrelation":
        """The correlations that were saved as these two.

        Raises SnapshotError or ValueError where they are none.
        """
        restored = cls(organization, terms)
        marks = orjson.loads(saved)
        restored._frontier = Frontier.restore(marks["origins"], terms.started, terms.silence)
        restored._correlator = Correlator.restore(
            terms.plan, correlator, limits=terms.limits, share=terms.share
        )
        # The watermark moves more often than the correlator needs to be saved.
        restored._paced.hold(restored._correlator.advance(marks["watermark"]))
        restored.saved = saved
        restored._changed = False
        return restored

    @property
    def watermark(self) -> int:
        """The watermark in force."""
        return self._correlator.watermark

    def take(self, progress: Progress, now: int) -> list[GroupAlert]:
        """Take in `progress`; the alerts to write now, each in its last form."""
        mark = progress.mark
        repeat = self._frontier.is_repeat(mark.origin, mark.next)
        if progress.matches:
            self._paced.hold(self._correlator.insert(progress.matches, repeat=repeat))
            self._changed = True
        self._frontier.apply(mark, now)
        watermark = self._frontier.watermark(self.organization, self._origins, now)
        self.passed = ()
        if watermark.time > self.watermark:
            self.passed = watermark.passed
            told = self._correlator.advance(watermark.time)
            self._paced.hold(told)
            self._changed = self._changed or bool(told)
        return self._paced.due(now)

    def late(self) -> list[LateGroup]:
        """What matches came too late for since this was last asked."""
        groups = self._correlator.late.take()
        self._changed = self._changed or bool(groups)
        return groups

    def uncounted(self) -> Mapping[tuple[str, str], int]:
        """What correlations could not count since this was last asked, by (what, RULE ID)."""
        return self._correlator.take_uncounted()

    def save(self, write_correlator: Callable[[bytes], None]) -> bytes:
        """The marks as bytes; the correlator's go to `write_correlator` where they changed."""
        if self._changed:
            write_correlator(self._correlator.save())
            self._changed = False
        self.saved = orjson.dumps({"watermark": self.watermark, "origins": self._frontier.save()})
        return self.saved


@dataclass(slots=True)
class _Paced:
    """Alerts that were told, until it is time to write them (SEMANTICS §5.4).

    What is held is not saved: after a failure an alert's last form comes when it is settled.
    """

    held: dict[str, GroupAlert] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    revise_at: int = 0

    def hold(self, alerts: Iterable[GroupAlert]) -> None:
        """Hold `alerts`; an incomplete view does not replace one that is complete."""
        for alert in alerts:
            known = self.held.get(alert.id)
            if known is None or alert.incomplete <= known.incomplete:
                self.held[alert.id] = alert

    def due(self, now: int) -> list[GroupAlert]:
        """What is new or settled, and now and then everything."""
        everything = now >= self.revise_at
        if everything:
            self.revise_at = now + REVISION
        ready = [
            alert
            for alert in self.held.values()
            if everything or alert.settled or alert.id not in self.written
        ]
        for alert in ready:
            del self.held[alert.id]
            (self.written.discard if alert.settled else self.written.add)(alert.id)
        return ready
