"""What the streaming hosts count, by source and partition, under the names that accounts use.

Nothing vanishes: records = events + dead letters + filtered holds for every source and partition
(DELIVERY §5.4). All four are counted in one step, when a batch was delivered, so that the identity
holds whenever anybody looks. A record that is delivered again is counted again, on both sides.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

RECORDS = "records"
EVENTS = "events"
DEAD_LETTERS = "dead_letters"
FILTERED = "filtered"
ALERTS = "alerts"
MATCHES = "matches"
OUTSIDE = "outside"
LOST = "lost"
"""Offsets that the log no longer held when they were to be read."""
UNSEEN = "unseen"
"""Matches of history in an organisation that is correlated live: a backfill sees them."""
OVERSIZE = "oversize"
"""Matches too large for a record of the matches topic."""
LATE = "late"
UNKNOWN = "unknown"
"""Records on the matches topic of organisations that the configuration does not name."""
UNREADABLE = "unreadable"
"""Records on the matches topic that are none of ours."""
PASSED = "passed"
"""Silent partitions that the watermark went past."""
REFUSED = "refused"
"""Alerts that Elasticsearch would not take."""


class Key(NamedTuple):
    """What a counter counts: `name`, of a source (or organisation) and partition."""

    name: str
    source: str
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records of one source partition."""

    records: int
    events: int
    dead_letters: int
    filtered: int

    @property
    def balanced(self) -> bool:
        """Whether nothing vanished."""
        return self.records == self.events + self.dead_letters + self.filtered


class Counters:
    """Counters of one process; its threads share them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[Key] = Counter()

    def add(self, source: str, partition: int, amounts: Mapping[str, int]) -> None:
        """Add `amounts` by name, all in one step."""
        with self._lock:
            for name, amount in amounts.items():
                self._counts[Key(name, source, partition)] += amount

    def snapshot(self) -> Mapping[Key, int]:
        """All counters as they stand at one moment."""
        with self._lock:
            return dict(self._counts)


def total(counts: Mapping[Key, int], name: str) -> int:
    """The sum of the counter `name` over sources and partitions."""
    return sum(amount for key, amount in counts.items() if key.name == name)


def accounts(counts: Mapping[Key, int]) -> Iterator[tuple[str, int, Account]]:
    """Each source and partition with its account, in order."""
    for source, partition in sorted({(key.source, key.partition) for key in counts}):
        amounts = (
            counts.get(Key(name, source, partition), 0)
            for name in (RECORDS, EVENTS, DEAD_LETTERS, FILTERED)
        )
        account = Account(*amounts)
        if account != Account(0, 0, 0, 0):
            yield source, partition, account
