"""Key partitions: which of n correlators sees a match, so that groups spread over workers.

A group belongs to the partition of its hash. Where a correlation feeds another one, its alerts must
meet in the outer group, so an inner group belongs to the partitions of the outermost groups that it
feeds: an outer rule groups by names of its inner ones only, so its group follows from the inner
one's. A match goes to every partition in which one of its groups is.
"""

from dataclasses import dataclass
from zlib import crc32

from tocsin.pipelines.correlation.feeds import feeds_of
from tocsin.pipelines.correlation.keys import group_values
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import CorrelationRule
from tocsin.schemas.matches import Match


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one correlator: partition `index` of `partitions`."""

    index: int
    partitions: int


class Partitioner:
    """Partitions of groups and matches, for one plan and number of partitions."""

    def __init__(self, plan: CorrelationPlan, partitions: int) -> None:
        self._plan = plan
        self._partitions = partitions
        self._feeds = feeds_of(plan)

    def of_match(self, match: Match) -> frozenset[int]:
        """The partitions that must see `match`; none where no correlation counts its rule.

        A match that counts in no group still goes to one partition, to be counted as such there.
        """
        found: set[int] = set()
        for feed in self._feeds.get(match.rule, ()):
            rule = self._plan.rules[feed.rule_index]
            reading = feed.read(match.fields)
            if reading.dropped or not reading.keys:
                found.add(self.of_uncounted(match.organization, rule, match.event_id))
            for key in reading.keys:
                found |= self.of_group(match.organization, rule, key)
        return frozenset(found)

    def of_group(self, organization: str, rule: CorrelationRule, key: str) -> frozenset[int]:
        """The partitions that hold the group with `key`; the least of them tells its alerts."""
        found: set[int] = set()
        if not rule.suppression and self._plan.outer[rule.id]:
            values = group_values(key, rule.group_by)
            for feed in self._feeds[rule.id]:
                outer = self._plan.rules[feed.rule_index]
                if not outer.suppression:
                    for outer_key in feed.read(values).keys:
                        found |= self.of_group(organization, outer, outer_key)
        return frozenset(found or {self._hash(organization, rule.id, key)})

    def of_uncounted(self, organization: str, rule: CorrelationRule, event_id: str) -> int:
        """The partition that counts what `rule` could not use of an event."""
        return self._hash(organization, rule.id, event_id)

    def _hash(self, *parts: str) -> int:
        text = "\0".join(parts)
        return crc32(text.encode("utf-8", "surrogatepass")) % self._partitions
