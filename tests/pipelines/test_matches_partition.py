"""What reading a matches partition comes to, DELIVERY §4.4 to §4.8."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.pipelines.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from tocsin.pipelines.connectors.matches_topic import (
    Matches,
    encode_mark,
    encode_matches,
    encode_watermark,
)
from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.correlator import Correlator
from tocsin.pipelines.correlation.feeds import MISSING_GROUP
from tocsin.pipelines.correlation.plan import CorrelationPlan, compile_correlations
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.frontier import Frontier
from tocsin.pipelines.matches_partition import MatchesPartition
from tocsin.pipelines.metrics import LATE, MATCHES, UNKNOWN, UNREADABLE, Counters, total
from tocsin.schemas.marks import Kind, Mark, Origin, Watermark
from tocsin.schemas.matches import Match
from tocsin.schemas.times import END_OF_TIME, HOUR, MINUTE, SECOND

ORIGIN = Origin("server", "topic-a", 0)
RULES = """
title: Refused log-on
id: refused
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Three refused within a minute
id: guessing
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 3}
tocsin: {period: 2m}
---
title: Few refused within a minute
id: few
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 1m
  condition: {lte: 1}
tocsin: {period: 2m}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> CorrelationPlan:
    """One rule that looks back and one that looks forward, with short horizons."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    compiled = compile_correlations(load_rules([folder]), lateness=MINUTE)
    assert compiled.refusals == ()
    return compiled


@dataclass
class Topic:
    """A partition as a list of records; its index is the offset."""

    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    source_offset: int = 0

    def append(self, value: bytes, organization: str = "city") -> None:
        self.records.append((organization.encode(), value))

    def matches(self, *matches: Match, first: int | None = None) -> None:
        start = self.source_offset if first is None else first
        for value in encode_matches(Matches("city", ORIGIN, start, start + 1, matches)):
            self.append(value)
        self.source_offset = max(self.source_offset, start + 1)

    def mark(self, time: int, kind: Kind = Kind.PROGRESS) -> None:
        self.append(encode_mark(Mark("city", ORIGIN, 0, self.source_offset, time, kind, 1)))

    def write(self, watermarks: Iterable[Watermark]) -> None:
        for watermark in watermarks:
            self.append(encode_watermark(watermark), watermark.organization)


class Reader:
    """An owner of the partition, from a commit on."""

    def __init__(
        self,
        plan: CorrelationPlan,
        topic: Topic,
        start: tuple[int, Checkpoint] = (0, Checkpoint()),
    ) -> None:
        self.topic = topic
        self.counters = Counters()
        self.partition = MatchesPartition(
            {"city": (ORIGIN,)},
            lambda point: Correlator(
                plan, complete_from=point.complete_from, watermark=point.watermark
            ),
            plan.longest_horizon,
            self.counters,
            start,
            load_until=len(topic.records),
            frontier=Frontier(0, 10 * MINUTE),
            segment=3,
        )

    def read(self, count: int | None = None) -> None:
        end = len(self.topic.records)
        stop = end if count is None else min(end, self.partition.position + count)
        for offset in range(self.partition.position, stop):
            self.partition.read(offset, *self.topic.records[offset], now=0)

    def turn(self) -> None:
        """Read to the end, and write and read back the watermark that follows."""
        self.read()
        self.topic.write(self.partition.watermarks(now=0))
        self.read()

    def take(self) -> list[GroupAlert]:
        return self.partition.take(lambda _: True)

    def commit(self) -> tuple[int, Checkpoint]:
        offset, checkpoint = self.partition.checkpoint()
        read_back = decode_checkpoint(encode_checkpoint(checkpoint))
        assert read_back == checkpoint
        return offset, checkpoint


def match(event: str, time: int, ip: str = "192.0.2.1") -> Match:
    return Match("city", "refused", event, time, {"source.ip": ip})


def three(start: int = 0) -> Iterator[Match]:
    return (match(f"{start}-{number}", (start + number) * SECOND) for number in range(3))


def test_time_moves_where_the_watermark_is_read_back(plan: CorrelationPlan):
    """Marks alone raise no alert: whoever reads the partition later must see the same."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.matches(*three())
    topic.mark(10 * MINUTE)

    reader.read()
    before = reader.take()
    proposed = reader.partition.watermarks(now=0)
    still = reader.take()
    topic.write(proposed)
    reader.read()

    assert before == still == []
    assert proposed == [Watermark("city", 10 * MINUTE)]
    assert [alert.rule.id for alert in reader.take()] == ["guessing"]


def test_a_watermark_is_written_once(plan: CorrelationPlan):
    """It is known until it is read back, and afterwards."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.mark(MINUTE)
    reader.read()

    first = reader.partition.watermarks(now=0)
    second = reader.partition.watermarks(now=0)
    topic.write(first)
    reader.read()

    assert first == [Watermark("city", MINUTE)]
    assert second == reader.partition.watermarks(now=0) == []
    assert not reader.partition.behind(now=0)


def test_a_match_below_the_watermark_where_it_stands_is_late_and_listed(plan: CorrelationPlan):
    """It may still add to a count that looks back; a count of few cannot take it in."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.matches(match("first", 100 * MINUTE))
    topic.mark(200 * MINUTE)
    reader.turn()
    topic.matches(match("late", 199 * MINUTE))
    reader.read()

    late = reader.partition.late()

    assert [group.rule for group in late] == ["few"]
    assert total(reader.counters.snapshot(), LATE) == 1


def test_a_repeat_is_never_late(plan: CorrelationPlan):
    """Its record lies wholly below the prefix: the worker started again from its commit."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.matches(match("first", 100 * MINUTE))
    topic.mark(200 * MINUTE)
    reader.turn()
    topic.matches(match("unseen", 100 * MINUTE), first=0)
    reader.read()

    assert reader.partition.late() == []


def test_records_of_nobody_are_counted_and_passed_over(plan: CorrelationPlan):
    """Neither garbage nor an organisation without sources ends the reading."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.append(b"garbage")
    topic.append(encode_mark(Mark("nobody", ORIGIN, 0, 1, 0, Kind.OPEN, 1)), "nobody")
    topic.matches(*three())

    reader.read()
    counts = reader.counters.snapshot()

    assert total(counts, UNREADABLE) == total(counts, UNKNOWN) == 1
    assert total(counts, MATCHES) == 3


def test_what_correlations_cannot_count_is_counted_and_told_once(plan: CorrelationPlan):
    """Two matches without an address lack the group of both rules."""
    topic = Topic()
    reader = Reader(plan, topic)
    topic.matches(*(Match("city", "refused", event, 0) for event in "ab"))

    reader.read()
    told = reader.partition.uncounted()

    assert told == [
        ("city", MISSING_GROUP, "few", 2),
        ("city", MISSING_GROUP, "guessing", 2),
    ]
    assert total(reader.counters.snapshot(), MISSING_GROUP) == 4
    assert reader.partition.uncounted() == []


def test_while_loading_nothing_is_written(plan: CorrelationPlan):
    """Neither watermarks nor alerts, until what was there at the start was read."""
    topic = Topic()
    topic.matches(*three())
    topic.mark(10 * MINUTE)
    topic.write([Watermark("city", 5 * MINUTE)])
    topic.mark(20 * MINUTE)
    reader = Reader(plan, topic)

    reader.read(3)
    loading = (reader.take(), reader.partition.watermarks(now=0))
    reader.read()

    assert loading == ([], [])
    assert [alert.rule.id for alert in reader.take()] == ["guessing"]
    assert reader.partition.watermarks(now=0) == [Watermark("city", 20 * MINUTE)]


def test_what_was_acknowledged_before_the_commit_is_not_written_again(plan: CorrelationPlan):
    """The new owner reads the same records to know its state, and has nothing to say of them."""
    topic = Topic()
    first = Reader(plan, topic)
    topic.matches(*three())
    topic.mark(10 * MINUTE)
    first.turn()
    written = first.take()
    commit = first.commit()

    second = Reader(plan, topic, commit)
    second.turn()

    assert len(written) == 1
    assert second.take() == []


def test_what_was_told_and_not_acknowledged_is_told_again(plan: CorrelationPlan):
    """The owner died between its alert and its commit."""
    topic = Topic()
    first = Reader(plan, topic)
    commit = first.commit()
    topic.matches(*three())
    topic.mark(10 * MINUTE)
    first.turn()
    lost = first.take()

    second = Reader(plan, topic, commit)
    second.turn()

    assert second.take() == lost


def test_a_suppressed_detection_is_told_with_its_first_match(tmp_path: Path):
    """At once, and corrected behind the watermark under the same id (SEMANTICS §5.5)."""
    detection = RULES.split("---", maxsplit=1)[0] + "tocsin: {group-by: [source.ip], period: 1h}\n"
    (tmp_path / "rules.yml").write_text(detection)
    topic = Topic()
    reader = Reader(compile_correlations(load_rules([tmp_path]), lateness=MINUTE), topic)
    topic.matches(*three())

    reader.read()
    [first] = reader.take()
    topic.mark(3 * HOUR)
    reader.turn()
    [corrected] = reader.take()

    assert (first.count, first.watermark < 0) == (1, True)
    assert (corrected.count, corrected.settled) == (3, True)
    assert corrected.id == first.id


def stored(documents: dict[str, GroupAlert], alerts: Iterable[GroupAlert]) -> None:
    """Write `alerts` as the sink does (§3.4): never an incomplete view over a complete one."""
    for alert in alerts:
        known = documents.get(alert.id)
        if known is None or (known.incomplete, alert.watermark) >= (
            alert.incomplete,
            known.watermark,
        ):
            documents[alert.id] = alert


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("match"), st.integers(0, 40), st.integers(1, 2)),
        st.tuples(st.just("mark"), st.sampled_from([5, 20, 60, 400]), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 6), st.just(0)),
        st.tuples(st.sampled_from(["turn", "take", "commit", "crash"]), st.just(0), st.just(0)),
    ),
    min_size=20,
    max_size=80,
)
"""Times are those of the rules: matches and marks some seconds apart, now and then minutes."""


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_owners_that_die_anywhere_come_to_the_alerts_of_the_whole_history(
    plan: CorrelationPlan, steps: Sequence[tuple[str, int, int]]
):
    """Whenever marks, watermarks, writes, commits and crashes fall: no match here is late."""
    topic, documents, history = Topic(), {}, []
    commit = (0, Checkpoint())
    reader, now = Reader(plan, topic), 0
    for step, number, host in steps:
        if step == "match":
            history.append(match(f"e{len(history)}", now + number * SECOND, f"192.0.2.{host}"))
            topic.matches(history[-1])
        elif step == "mark":
            now += number * SECOND
            topic.mark(now)
        elif step == "read":
            reader.read(number)
        elif step == "turn":
            reader.turn()
        elif step == "take":
            stored(documents, reader.take())
        elif step == "commit" and not reader.partition.loading:
            reader.turn()
            stored(documents, reader.take())
            commit = reader.commit()
            reader = Reader(plan, topic, commit)
        elif step == "crash":
            reader = Reader(plan, topic, commit)
    topic.mark(END_OF_TIME)
    reader.turn()
    stored(documents, reader.take())

    whole = Correlator(plan)
    whole.insert(history)
    expected = {alert.id: alert for alert in whole.advance(END_OF_TIME)}
    written = {
        key: replace(alert, watermark=END_OF_TIME, settled=True) for key, alert in documents.items()
    }
    assert written == {
        key: replace(alert, watermark=END_OF_TIME, settled=True) for key, alert in expected.items()
    }
