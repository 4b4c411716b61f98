"""One partition of the matches topic, read in order: what its records mean, and what to commit.

    matches ─▶ correlators, one an organisation        marks ─▶ frontier ─▶ watermark to write
    watermark read back ─▶ correlators move on ─▶ alerts to write ─▶ checkpoint to commit

Everything that decides an alert stands in the partition: matches, and the watermarks by which they
are late or not. So whoever reads the partition, when and how often, comes to the same alerts. Pure
but for the moments that are handed in, in microseconds.

Source: DELIVERY §4.4 to §4.8.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tocsin.pipelines.checkpoint import SEGMENT, Checkpoint, Point, Retention
from tocsin.pipelines.connectors.matches_topic import DecodeError, Matches, decode
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.correlator import Correlator
from tocsin.pipelines.correlation.feeds import LATE as NOT_IN_TIME
from tocsin.pipelines.correlation.late import LateGroup
from tocsin.pipelines.frontier import Frontier
from tocsin.pipelines.metrics import LATE, LOST, MATCHES, PASSED, UNKNOWN, UNREADABLE, Counters
from tocsin.schemas.marks import Mark, Origin, Watermark
from tocsin.schemas.times import BEGINNING_OF_TIME

MakeCorrelator = Callable[[Point], Correlator]
"""A correlator without any matches yet that starts where the given point says."""


class MatchesPartition:
    """What was read of one partition, from the offset and checkpoint of its last commit.

    `origins` are the source partitions that count, by organisation; records of others are counted
    and not looked at. Until `load_until` is reached nothing is to be written: what is read up to
    there was read before. `segment` is how exactly, in offsets, it is known what may be forgotten.
    """

    def __init__(
        self,
        origins: Mapping[str, Sequence[Origin]],
        make_correlator: MakeCorrelator,
        horizon: int,
        counters: Counters,
        start: tuple[int, Checkpoint],
        *,
        load_until: int,
        frontier: Frontier,
        segment: int = SEGMENT,
    ) -> None:
        self.position, self._start = start
        self.origins = origins
        self._make_correlator = make_correlator
        self._horizon = horizon
        self._counters = counters
        self._load_until = load_until
        self._frontier = frontier
        self._retention = Retention(self.position, self._start, segment)
        self._correlators: dict[str, Correlator] = {}
        self._proposed: dict[str, Watermark] = {}
        self._told: dict[str, GroupAlert] = {}

    @property
    def loading(self) -> bool:
        """Whether all that was read so far was read before by this partition's last owner."""
        return self.position < self._load_until

    def read(self, offset: int, key: bytes | None, value: bytes | None, now: int) -> None:
        """Take in the record at `offset`, read at `now`."""
        if offset > self.position:
            # This topic has neither compaction nor transactions: retention took what is missing.
            self._counters.add("", 0, {LOST: offset - self.position})
        self._retention.read(offset)
        self.position = offset + 1
        try:
            record = decode(key, value)
        except DecodeError:
            self._counters.add("", 0, {UNREADABLE: 1})
            return
        if record.organization not in self.origins:
            self._counters.add(record.organization, 0, {UNKNOWN: 1})
            return
        match record:
            case Matches():
                self._take_matches(record)
            case Mark():
                self._frontier.apply(record, now)
            case Watermark():
                self._take_watermark(record)

    @property
    def waiting(self) -> int:
        """How many alerts were told and not taken yet."""
        return len(self._told)

    @property
    def all_origins(self) -> Iterable[Origin]:
        """The source partitions that count, of all organisations."""
        return (origin for origins in self.origins.values() for origin in origins)

    def behind(self, now: int) -> bool:
        """Whether the marks that were read put time further than it was moved."""
        return any(
            self._frontier.watermark(name, origins, now).time > self._retention.watermark(name)
            for name, origins in self.origins.items()
        )

    def watermarks(self, now: int) -> list[Watermark]:
        """The watermarks to write into the partition: of each organisation that came further."""
        if self.loading:
            return []
        news = []
        for organization, origins in self.origins.items():
            watermark = self._frontier.watermark(organization, origins, now)
            known = self._proposed.get(organization)
            reached = max(
                self._retention.watermark(organization),
                known.time if known else BEGINNING_OF_TIME,
            )
            if watermark.time > reached:
                self._proposed[organization] = watermark
                news.append(watermark)
        return news

    def silent(self, now: int, after: int) -> list[Origin]:
        """The source partitions that were not heard of for longer than `after`."""
        return self._frontier.silent(self.all_origins, now, after)

    def take(self, ready: Callable[[GroupAlert], bool]) -> list[GroupAlert]:
        """The alerts to write that are `ready`, each in its last form; none while loading."""
        if self.loading:
            return []
        taken = [alert for alert in self._told.values() if ready(alert)]
        for alert in taken:
            del self._told[alert.id]
        return taken

    def checkpoint(self) -> tuple[int, Checkpoint]:
        """What to commit when every alert that was told so far is acknowledged."""
        needed = {
            organization: self._retention.watermark(organization) - self._horizon
            for organization in self.origins
        }
        return self._retention.release(self.position, needed)

    def late(self) -> list[LateGroup]:
        """What matches came too late for since this was last asked: a backfill should run it."""
        groups = [late for each in self._correlators.values() for late in each.late.take()]
        for group in groups:
            self._counters.add(group.organization, 0, {LATE: group.matches})
        return groups

    def uncounted(self) -> list[tuple[str, str, str, int]]:
        """What correlations could not count since this was last asked.

        Each is (organisation, what, RULE ID, how many); late matches are told by `late`.
        """
        found = []
        for organization, correlator in self._correlators.items():
            for (what, rule), amount in sorted(correlator.take_uncounted().items()):
                if what != NOT_IN_TIME:
                    self._counters.add(organization, 0, {what: amount})
                    found.append((organization, what, rule, amount))
        return found

    def _correlator(self, organization: str) -> Correlator:
        correlator = self._correlators.get(organization)
        if correlator is None:
            correlator = self._make_correlator(self._start.point(organization))
            self._correlators[organization] = correlator
        return correlator

    def _take_matches(self, record: Matches) -> None:
        organization = record.organization
        newest = max(match.time for match in record.matches)
        self._retention.match(organization, newest)
        repeat = self._frontier.is_repeat(record.origin, record.next)
        self._tell(self._correlator(organization).insert(record.matches, repeat=repeat))
        self._counters.add(organization, 0, {MATCHES: len(record.matches)})

    def _take_watermark(self, watermark: Watermark) -> None:
        organization = watermark.organization
        if watermark.time <= self._retention.watermark(organization):
            return
        self._retention.advance(watermark)
        if watermark.passed:
            self._counters.add(organization, 0, {PASSED: len(watermark.passed)})
        self._tell(self._correlator(organization).advance(watermark.time))

    def _tell(self, alerts: Iterable[GroupAlert]) -> None:
        """Keep `alerts` to be written, but for those that followed from what was committed."""
        if self.position > self._start.read:
            for alert in alerts:
                known = self._told.get(alert.id)
                if known is None or alert.incomplete <= known.incomplete:
                    self._told[alert.id] = alert
