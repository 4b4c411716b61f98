"""A whole history through the correlations: in steps, in shares, always the same alerts."""

from random import Random
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from tocsin.pipelines import stages
from tocsin.pipelines.correlation import Limits
from tocsin.pipelines.correlation.feeds import EVICTED, MISSING_GROUP
from tocsin.pipelines.transforms import UNCOUNTED, CorrelateHistory, EngineSpec
from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match
from tocsin.schemas.times import SECOND

DETECTION = """title: {name}
name: {name}
id: {name}
taxonomy: ecs
logsource: {{product: ecs}}
detection: {{selection: {{event.action: {name}}}, condition: selection}}
"""
CORRELATIONS = """title: Often
id: often
name: often
tocsin: {period: 1m}
correlation:
  type: event_count
  rules: [a]
  group-by: [user.name, host.name]
  timespan: 30s
  condition: {gte: 3}
  generate: true
---
title: Often on two hosts
id: hosts
correlation:
  type: value_count
  rules: [often]
  group-by: [user.name]
  timespan: 5m
  condition: {gte: 2, field: host.name}
  generate: true
---
title: Seldom
id: seldom
correlation:
  type: temporal
  rules: [a, b]
  group-by: [host.name]
  timespan: 1m
  condition: a and not b
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> EngineSpec:
    """Two detections, a chain over one of them, and a correlation that looks forward."""
    folder = tmp_path_factory.mktemp("rules")
    rules = [DETECTION.format(name=name) for name in "ab"]
    (folder / "rules.yml").write_text("---\n".join([*rules, CORRELATIONS]))
    return EngineSpec((str(folder),))


def history(count: int = 3_000) -> list[Match]:
    """Matches of the first third of each minute of five hours, in no order, some hostless."""
    rng = Random(5)
    found = []
    for number in range(count):
        fields = {"user.name": rng.choice("xy"), "host.name": f"h{rng.randrange(3)}"}
        if number % 100 == 0:
            del fields["host.name"]
        time = (rng.randrange(300) * 60 + rng.randrange(20)) * SECOND
        organization = rng.choice(["city", "city", "county"])
        found.append(Match(organization, rng.choice("aab"), f"e{number}", time, fields))
    return found


def documents(alerts: list[Alert]) -> list[tuple[str, Any]]:
    return sorted((alert.id, alert.document) for alert in alerts)


def test_a_history_longer_than_the_state_comes_out_whole(spec: EngineSpec) -> None:
    """Time moves on behind the matches, so caps are for what is held at once."""
    engine = spec.load()
    whole = stages.correlate_history(history(), engine)
    # Five hours make 5,000 entries, of which a horizon of an hour and some minutes is held.
    small = stages.correlate_history(history(), engine, limits=Limits(total=2_500))

    assert len(whole.alerts) > 100
    assert {alert.document["rule"]["id"] for alert in whole.alerts} == {"often", "hosts", "seldom"}
    assert documents(small.alerts) == documents(whole.alerts)
    assert (EVICTED, "often") not in small.uncounted


@pytest.mark.slow
def test_one_group_may_be_the_whole_history(spec: EngineSpec) -> None:
    """300,000 matches of one user and host within half an hour are all counted."""
    fields = {"user.name": "x", "host.name": "h"}
    matches = [
        Match("city", "a", f"e{number}", number * 6_000, fields) for number in range(300_000)
    ]

    done = stages.correlate_history(matches, spec.load())

    often = [alert for alert in done.alerts if alert.document["rule"]["id"] == "often"]
    assert sum(alert.document["tocsin"]["count"] for alert in often) > 300_000
    assert not any("capped" in alert.document["tocsin"] for alert in done.alerts)


def test_what_had_to_make_room_is_told(spec: EngineSpec) -> None:
    """A state too small for one horizon gives marked alerts and counts what it lost."""
    done = stages.correlate_history(history(), spec.load(), limits=Limits(total=100))

    assert sum(n for (what, _), n in done.uncounted.items() if what == EVICTED) > 1_000
    assert any(alert.document["tocsin"].get("capped") for alert in done.alerts)


@pytest.mark.parametrize("shares", [1, 2, 5])
def test_groups_spread_over_workers_give_the_same_alerts(spec: EngineSpec, shares: int) -> None:
    """Each alert comes from one share, those of chains too; what is not counted is counted once."""
    matches = history()
    whole = stages.correlate_history(matches, spec.load())
    batches = [matches[start : start + 500] for start in range(0, len(matches), 500)]

    def check(found: list[list[Alert]]) -> None:
        assert documents([alert for part in found for alert in part]) == documents(whole.alerts)

    pipeline = beam.Pipeline(FnApiRunner())
    assert_that(pipeline | beam.Create(batches) | CorrelateHistory(spec, shares), check)
    result = pipeline.run()

    counters = result.metrics().query()["counters"]
    uncounted = {
        found.key.metric.name: found.result
        for found in counters
        if found.key.metric.namespace == UNCOUNTED
    }
    assert uncounted == {f"{what} {rule}": n for (what, rule), n in whole.uncounted.items()}
    assert (MISSING_GROUP, "often") in whole.uncounted
