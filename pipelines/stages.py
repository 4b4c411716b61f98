"""The stages as functions: what happens to a batch between a source and its sinks.

    batch ──▶ normalize ──▶ events ──▶ detect ──▶ alerts (single events), matches
                  └──▶ dead letters

No stage knows a clock, a socket or a runner. Whatever a host does with batches, in whatever order
and however often, the same records give the same events, matches and alerts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.decoding import decode
from tocsin.parsers.user_agents import add_user_agent
from tocsin.pipelines.alerts.documents import event_alert, group_alert
from tocsin.pipelines.correlation.correlator import Correlator, Limits
from tocsin.pipelines.correlation.partitions import Share
from tocsin.pipelines.detection.explain import matched_items
from tocsin.pipelines.engine import Engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import Event
from tocsin.schemas.flows import add_flow
from tocsin.schemas.identity import event_id
from tocsin.schemas.indices import is_outside
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, DeadLetter, Record, Source
from tocsin.schemas.related import add_related
from tocsin.schemas.times import END_OF_TIME, format_micros, from_micros, parse_time
from tocsin.schemas.validation import conform

ECS_VERSION = "9.1.0"
RECORD_BYTES = 1 << 20

HISTORY_LIMITS = Limits(group=2_000_000, total=2_000_000)
"""A history has no other groups to protect from a large one: a rule without group-by holds an hour
of all its matches in one."""

HISTORY_STEP = 50_000
"""Matches of a history between two moves of time: fewer cost time, more hold longer."""


@dataclass(frozen=True, slots=True)
class Normalized:
    """What a batch became: each of its records is an event, a dead letter, or was filtered.

    `filtered` counts the records that say nothing, which are blank lines.
    """

    events: list[Event]
    dead_letters: list[DeadLetter]
    filtered: int


def normalize(batch: Batch, *, record_bytes: int = RECORD_BYTES) -> Normalized:
    """Parse and complete the records of `batch`, in order; bad ones become dead letters."""
    events: list[Event] = []
    dead_letters: list[DeadLetter] = []
    filtered = 0
    for answer in answers(batch, record_bytes=record_bytes):
        if answer is None:
            filtered += 1
        elif isinstance(answer, DeadLetter):
            dead_letters.append(answer)
        else:
            events.append(answer)
    return Normalized(events, dead_letters, filtered)


def answers(
    batch: Batch, *, record_bytes: int = RECORD_BYTES
) -> Iterator[Event | DeadLetter | None]:
    """For each record of `batch`, in order: its event, its dead letter, or None for a blank one."""
    source = batch.source
    parser = PARSERS[source.parser]
    received = None
    for record in batch.records:
        if record.received != received:
            received = record.received
            context = Context(from_micros(received), source.timezone)
            received_text = format_micros(received)
        if len(record.value) > record_bytes:
            reason = f"{len(record.value)} bytes, over the limit of {record_bytes}"
            yield dead_letter(record, source, "read", reason)
            continue
        text = decode(record.value)
        if not text or text.isspace():
            yield None
            continue
        try:
            event = parser.parse(text, context)
            yield complete(event, text, record.place, received_text, source, parser.group)
        except ParseError as error:
            yield dead_letter(record, source, "parse", str(error))
        except Exception as error:  # noqa: BLE001 - a parser's defect must cost one record only
            reason = f"{source.parser} failed: {type(error).__name__}: {error}"
            yield dead_letter(record, source, "parse", reason)


def complete(
    event: Event, text: str, place: str, received: str, source: Source, group: str
) -> Event:
    """What every event has, whatever its format: identity, origin, flow, agent, `related.*`.

    A record that states no time happened when it was received, as far as anybody knows.
    """
    event.setdefault("@timestamp", received)
    event["ecs.version"] = ECS_VERSION
    event["event.id"] = event_id(source.organization, place)
    event["event.original"] = text
    event["organization.name"] = source.organization
    event["tocsin.place"] = place
    event["tocsin.received"] = received
    event["tocsin.source_group"] = group
    add_flow(event)
    add_user_agent(event)
    add_related(event)
    return conform(event)


def failure(letter: DeadLetter) -> Event:
    """A dead letter as the event that stands in its record's place in the output of `parse`."""
    received = format_micros(letter.received)
    return {
        "@timestamp": received,
        "ecs.version": ECS_VERSION,
        "error.message": letter.reason,
        "event.id": event_id(letter.organization, letter.place),
        "event.kind": "pipeline_error",
        "event.original": decode(letter.value),
        "organization.name": letter.organization,
        "tocsin.place": letter.place,
        "tocsin.received": received,
    }


def time_of(record: Record, source: Source) -> int | None:
    """The event time that `record` states, in microseconds, or None where it states none."""
    context = Context(from_micros(record.received), source.timezone)
    try:
        event = PARSERS[source.parser].parse(decode(record.value), context)
        return parse_time(event["@timestamp"])
    except (ParseError, KeyError, ValueError):
        return None


def dead_letter(record: Record, source: Source, stage: str, reason: str) -> DeadLetter:
    """`record` as a dead letter of `stage`."""
    return DeadLetter(
        record.value,
        record.place,
        record.received,
        source.name,
        source.organization,
        stage,
        reason,
    )


@dataclass(frozen=True, slots=True)
class Detected:
    """What rules say of some events.

    `outside` counts the matches whose event's time is too far from its record time to be
    believed: correlations do not see them (DELIVERY §2.2).
    """

    alerts: list[Alert]
    matches: list[Match]
    outside: int = 0


def detect(events: Sequence[Event], engine: Engine) -> Detected:
    """Single-event alerts, and the matches that correlations and suppression need, in order.

    A detection that a correlation speaks for gives no alert of its own; that of a suppressed one
    is its group's, unless no group can take the event in.
    """
    plan = engine.correlations
    alerts: list[Alert] = []
    matches: list[Match] = []
    outside = 0
    for index, rule in engine.detector.match(events):
        event = events[index]
        known = rule.info.id
        time = parse_time(event["@timestamp"])
        received = event.get("tocsin.received")
        far = received is not None and is_outside(time, parse_time(received))
        if known in plan.fields_by_rule:
            if far:
                outside += 1
            else:
                matches.append(to_match(event, known, time, plan.fields_by_rule[known]))
        if known not in plan.silent and (far or known not in plan.suppressed):
            items = matched_items(rule, event)
            alerts.append(event_alert(rule.info, event, items, outside=far))
    return Detected(alerts, matches, outside)


def to_match(event: Event, rule: str, time: int, fields: Iterable[str]) -> Match:
    """The match of `rule` on `event`, with those of `fields` that the event has."""
    carried = {name: event[name] for name in fields if name in event}
    return Match(event["organization.name"], rule, event["event.id"], time, carried)


@dataclass(frozen=True, slots=True)
class Correlated:
    """What correlations say of some matches.

    `uncounted` has how many a correlation could not count, by (what, RULE ID).
    """

    alerts: list[Alert]
    uncounted: Mapping[tuple[str, str], int]


def correlate_history(
    matches: Iterable[Match],
    engine: Engine,
    *,
    share: Share | None = None,
    limits: Limits = HISTORY_LIMITS,
) -> Correlated:
    """The alerts of correlations over `matches`, in any order, taken to be the whole history.

    Time moves on behind them step by step, so that no more is held at once than live. With a
    `share` only the alerts of its groups are told.
    """
    correlator = Correlator(engine.correlations, limits=limits, share=share)
    ordered = sorted(matches, key=attrgetter("time"))
    size = min(HISTORY_STEP, limits.total // 8 + 1)
    alerts: list[Alert] = []
    for start in range(0, len(ordered), size):
        step = ordered[start : start + size]
        # Nothing that follows is below the first of these, so nothing is ever late.
        alerts += map(group_alert, correlator.advance(step[0].time, settled_only=True))
        correlator.insert(step)
    alerts += map(group_alert, correlator.advance(END_OF_TIME, settled_only=True))
    return Correlated(alerts, correlator.uncounted())
