"""Runs over a part of history: what to read, and which alerts to write (SEMANTICS §6.3)."""

from dataclasses import dataclass

from tocsin.pipelines.correlation.alerts import GroupAlert
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlation.rules import CorrelationRule


@dataclass(frozen=True, slots=True)
class HistoryRange:
    """A run over [start, end), in microseconds, rounded outwards to whole periods of each rule."""

    plan: CorrelationPlan
    start: int
    end: int

    @property
    def read_from(self) -> int:
        """Matches are needed from here on; also the correlator's `complete_from`."""
        return min(
            (
                rule.period_start(self.start) - (self.plan.horizon(rule) - rule.period)
                for rule in self.plan.rules
            ),
            default=self.start,
        )

    @property
    def read_to(self) -> int:
        """Matches from here on are not needed."""
        return max(
            (
                self._rounded_end(rule) + rule.reach + self.plan.lag(rule)
                for rule in self.plan.rules
            ),
            default=self.end,
        )

    def covers(self, alert: GroupAlert, live_watermark: int | None = None) -> bool:
        """Whether the run may write `alert`.

        Its period lies wholly within the rounded range and, where correlations run live as well,
        was settled there by the last watermark of the matches topic.
        """
        rule = alert.rule
        first = rule.period_start(self.start)
        within = first <= alert.period_start and alert.period_end <= self._rounded_end(rule)
        if not within or live_watermark is None:
            return within
        return alert.period_end + rule.reach + self.plan.lag(rule) <= live_watermark

    def _rounded_end(self, rule: CorrelationRule) -> int:
        return rule.period_start(self.end - 1) + rule.period
