"""What a report says: the alerts of a run, its accounts, and the tallies over them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tocsin.schemas.times import DAY, HOUR, format_micros, parse_time

LEVELS = ("critical", "high", "medium", "low", "informational")
"""Sigma's levels, the gravest first."""

TACTICS = (
    "Reconnaissance",
    "Resource Development",
    "Initial Access",
    "Execution",
    "Persistence",
    "Privilege Escalation",
    "Defense Evasion",
    "Credential Access",
    "Discovery",
    "Lateral Movement",
    "Collection",
    "Command and Control",
    "Exfiltration",
    "Impact",
)
"""ATT&CK's tactics for enterprises, in the order of its matrix."""

TOTALS = ("records", "events", "dead_letters", "filtered")
"""The counters of a source: records = events + dead letters + filtered."""

MOST_ALERTS = 2_000
"""A page with more rows than this is slow to open and is not read; the gravest are shown."""

MOST_ENTITIES = 12
"""Those hosts, users and addresses that one looks at first."""

_ENTITIES = {"host": ("host", "name"), "user": ("user", "name"), "address": ("source", "ip")}

_SPANS = (HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)
_MOST_BARS = 60

Document = Mapping[str, Any]
"""An alert as it is stored, nested."""


class Step(Protocol):
    """A step of a story that is known beforehand, as the demo's attack is.

    `start` and `end` are `HH:MM`; each of `rules` (titles) was to give an alert between the two.
    """

    @property
    def start(self) -> str:
        """When it begins."""

    @property
    def end(self) -> str:
        """When it has ended."""

    @property
    def group(self) -> str:
        """The source group whose logs show it."""

    @property
    def entity(self) -> str:
        """Who is hit."""

    @property
    def what(self) -> str:
        """What happens, in a sentence."""

    @property
    def rules(self) -> Sequence[str]:
        """The titles of the rules that tell of it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found: its alert documents in order of time, and the counters of each source.

    `rules` names rules by id, for the evidence of correlations; `story` is told where it is known.
    """

    title: str
    alerts: Sequence[Document]
    accounts: Mapping[str, Mapping[str, int]]
    rules: Mapping[str, str] = field(default_factory=dict)
    story: Sequence[Step] = ()

    @property
    def totals(self) -> dict[str, int]:
        """The counters over all sources."""
        return {
            name: sum(account.get(name, 0) for account in self.accounts.values()) for name in TOTALS
        }

    @property
    def levels(self) -> dict[str, int]:
        """How many alerts there are of each level, the gravest first."""
        counts = Counter(map(level_of, self.alerts))
        return {level: counts[level] for level in LEVELS if counts[level]}


def level_of(alert: Document) -> str:
    """The level of an alert; one that is not Sigma's counts as informational."""
    level = alert.get("tocsin", {}).get("rule", {}).get("level")
    return level if level in LEVELS else LEVELS[-1]


@dataclass(frozen=True, slots=True)
class RuleTally:
    """The alerts of one rule."""

    name: str
    level: str
    count: int
    first: str
    last: str
    techniques: tuple[str, ...]


def by_rule(alerts: Sequence[Document]) -> list[RuleTally]:
    """The rules that gave alerts: the gravest first, then the most frequent, then by name."""
    grouped: dict[str, list[Document]] = {}
    for alert in alerts:
        grouped.setdefault(alert["rule"]["id"], []).append(alert)
    tallies = [_tally(group) for group in grouped.values()]
    return sorted(tallies, key=lambda tally: (LEVELS.index(tally.level), -tally.count, tally.name))


def _tally(group: Sequence[Document]) -> RuleTally:
    times = sorted(alert["@timestamp"] for alert in group)
    gravest = min(group, key=lambda alert: LEVELS.index(level_of(alert)))
    technique = gravest.get("threat", {}).get("technique", {})
    techniques = technique.get("subtechnique", {}).get("id") or technique.get("id") or ()
    return RuleTally(
        gravest["rule"]["name"],
        level_of(gravest),
        len(group),
        times[0],
        times[-1],
        tuple(techniques),
    )


@dataclass(frozen=True, slots=True)
class EntityTally:
    """The alerts that name one host, user or source address, and the sum of their risks."""

    kind: str
    name: str
    level: str
    count: int
    risk: float
    rules: tuple[str, ...]


def by_entity(alerts: Sequence[Document]) -> list[EntityTally]:
    """The entities with the highest sums of risk, at most `MOST_ENTITIES`.

    Names that differ in case only are one, as correlations fold the values of their groups.
    """
    grouped: dict[tuple[str, str], list[tuple[str, Document]]] = {}
    for alert in alerts:
        for kind, (parent, leaf) in _ENTITIES.items():
            name = alert.get(parent, {}).get(leaf)
            if isinstance(name, str) and name:
                grouped.setdefault((kind, name.lower()), []).append((name, alert))
    tallies = [_entity(kind, group) for (kind, _), group in grouped.items()]
    tallies.sort(key=lambda tally: (-tally.risk, tally.kind, tally.name))
    return tallies[:MOST_ENTITIES]


def _entity(kind: str, group: Sequence[tuple[str, Document]]) -> EntityTally:
    alerts = [alert for _, alert in group]
    return EntityTally(
        kind,
        min(name for name, _ in group),
        min(map(level_of, alerts), key=LEVELS.index),
        len(alerts),
        sum(float(alert.get("event", {}).get("risk_score", 0)) for alert in alerts),
        tuple(dict.fromkeys(alert["rule"]["name"] for alert in alerts)),
    )


def by_tactic(alerts: Sequence[Document]) -> dict[str, int]:
    """How many alerts there are of each tactic of ATT&CK, in the order of an attack."""
    counts = Counter(
        name
        for alert in alerts
        for name in alert.get("threat", {}).get("tactic", {}).get("name", ())
    )
    return {name: counts[name] for name in sorted(counts, key=_tactic_order)}


def _tactic_order(name: str) -> tuple[int, str]:
    known = name in TACTICS
    return (TACTICS.index(name) if known else len(TACTICS), name)


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time and how many alerts of each level fall into it."""

    start: str
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Alerts of all levels."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars of equal `span` (microseconds) from the first alert to the last, empty ones included."""

    span: int
    bars: tuple[Bar, ...]


def timeline(alerts: Sequence[Document]) -> Timeline:
    """The alerts over time, in spans of an hour or as many times longer as the run needs."""
    times = [(parse_time(alert["@timestamp"]), level_of(alert)) for alert in alerts]
    if not times:
        return Timeline(HOUR, ())
    first, last = min(times)[0], max(times)[0]
    fitting = [span for span in _SPANS if last // span - first // span < _MOST_BARS]
    span = fitting[0] if fitting else _SPANS[-1]
    if span == HOUR and first // DAY == last // DAY:
        first, last = first - first % DAY, first - first % DAY + DAY - 1
    counts: dict[int, Counter[str]] = {}
    for time, level in times:
        counts.setdefault(time // span, Counter())[level] += 1
    # Times that a log has made up may lie centuries apart: no more bars than can be drawn.
    numbers = range(first // span, min(last // span, first // span + _MOST_BARS - 1) + 1)
    return Timeline(
        span,
        tuple(
            Bar(format_micros(number * span), counts.get(number, Counter())) for number in numbers
        ),
    )


def shown(alerts: Sequence[Document]) -> list[Document]:
    """The alerts that the page lists, in order of time: all, or the gravest `MOST_ALERTS`."""
    if len(alerts) <= MOST_ALERTS:
        return list(alerts)
    ranked = sorted(range(len(alerts)), key=lambda i: LEVELS.index(level_of(alerts[i])))
    return [alerts[i] for i in sorted(ranked[:MOST_ALERTS])]


def told(step: Step, alerts: Sequence[Document]) -> dict[str, list[Document]]:
    """For each rule of a `step` its alerts within the step's time."""
    return {
        rule: [
            alert
            for alert in alerts
            if alert["rule"]["name"] == rule
            and step.start <= alert["@timestamp"][11:16] <= step.end
        ]
        for rule in step.rules
    }
