"""The correlator says what the brute-force reference says, whatever the way that matches come.

Each history is drawn from a seed that stands in the failure's message, so it can be drawn again.
Times are whole seconds within a minute or two and timespans a few of them: ties, runs, windows that
just touch and periods that windows cross are then the rule, not the exception.
"""

import os
from random import Random

import pytest

from tocsin.pipelines.correlation import Correlator
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.schemas.matches import Match
from tocsin.schemas.times import END_OF_TIME, SECOND

LONG = os.environ.get("TOCSIN_LONG") == "1"
HISTORIES = 2_000 if LONG else 60
"""Histories for each of the six ways below: 12,000 at full size."""

TYPES = (
    "event_count",
    "value_count",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "temporal",
    "temporal_ordered",
)
EXPRESSIONS = (
    "a and b",
    "a and not b",
    "(a or b) and c",
    "a and (b or not c)",
    "not (a and not b)",
    "a and not (b or c)",
    "not not a and b",
    "a or (b and not c)",
)
VALUES = (
    "x",
    "X",
    "y",
    1,
    "1.0",
    1.5,
    "2.50",
    -3,
    True,
    None,
    ["x", "y"],
    ["1", 1, 2],
    [],
    {"o": 1},
)


def draw_condition(rng, kind, rules):
    """A condition of `kind` that some window satisfies and another does not, as far as luck goes."""
    if kind.startswith("temporal") and rng.random() < 0.3:
        return None
    most = len(rules) if kind.startswith("temporal") else 4
    low = rng.choice([1, 2, 3, 1.5, 2.5]) if kind != "event_count" else rng.randint(1, most)
    condition = rng.choice(
        [
            {"gte": low},
            {"gte": low},
            {"gt": low},
            {"gt": low - 1, "gte": low - 1},
            {"eq": low},
            {"neq": low},
            {"lt": low + 1},
            {"lte": low},
            {"gte": low, "lte": low + 1},
            {"gt": low, "neq": low + 2},
        ]
    )
    if kind.startswith("value_"):
        condition["field"] = rng.choice(["v", ["v", "w"]]) if kind == "value_count" else "v"
    if kind == "value_percentile":
        condition["percentile"] = rng.choice([0, 25, 90, 99.5, 100])
    return condition


def draw_documents(rng, workshop):
    """One to three correlations over detections a, b and c, often one that refers to another."""
    documents = []
    for number in range(rng.randint(1, 4)):
        kind = rng.choice(TYPES)
        pool = ["a", "b", "c"]
        group_by = rng.choice([[], ["u"], ["u", "h"], ["u"], ["u"], ["who"]])
        inner = [one for one in documents if fits(one, group_by)]
        if inner and not kind.startswith("value_") and rng.random() < 0.8:
            pool = [rng.choice(inner)["id"], rng.choice("abc")]
        rules = rng.sample(pool, rng.randint(1, len(pool)))
        condition = draw_condition(rng, kind, rules)
        if kind == "temporal" and rng.random() < 0.4 and group_by != ["who"]:
            condition = rng.choice(EXPRESSIONS)
            rules = ["a", "b", "c"]
        elif kind == "temporal_ordered" and rng.random() < 0.2 and group_by != ["who"]:
            condition, rules = "a and b", rng.choice([["a", "b"], ["b", "c", "a"]])
        body = {"type": kind, "rules": rules, "timespan": f"{rng.choice([1, 3, 5, 10])}s"}
        if condition is not None:
            body["condition"] = condition
        if group_by:
            body["group-by"] = group_by
        if group_by == ["who"]:
            body["aliases"] = {"who": {rule: "h" if rule == "b" else "u" for rule in rules}}
        tocsin = {} if rng.random() < 0.1 else {"period": f"{rng.choice([2, 7, 15, 40])}s"}
        generate = {"generate": True}
        documents.append(workshop.correlation(f"rule{number}", tocsin=tocsin, **body, **generate))
    return documents


def fits(document, group_by):
    """Whether another correlation that groups by `group_by` may refer to `document`."""
    return set(group_by) <= set(document["correlation"].get("group-by", [])) and group_by != ["who"]


def draw_matches(rng):
    """Up to forty matches of a, b and c, some of one event, in two organisations."""
    matches = []
    length = rng.choice([12, 30, 60, 120])
    for number in range(rng.randint(0, 40)):
        time = rng.randint(0, length) * SECOND + (rng.choice([0, 0, 0, 1, 999_999]))
        fields = {"v": rng.choice(VALUES), "w": rng.choice(VALUES)}
        for name in ("u", "h"):
            if rng.random() < 0.9:
                fields[name] = rng.choice(["x"] * 12 + ["y"] * 4 + list(VALUES))
        organization = rng.choice(["city", "city", "city", "county"])
        rules = rng.sample("abc", rng.choice([1, 1, 1, 2, 3]))
        matches += [Match(organization, rule, f"e{number:02}", time, fields) for rule in rules]
    return matches


def draw(seed, workshop, lateness=0):
    """A random history: generator, documents, their plan, matches, and the reference's alerts."""
    rng = Random(seed)
    plan = None
    while plan is None or not plan.rules:
        documents = draw_documents(rng, workshop)
        plan = workshop.plan(*documents, detections="abc", lateness=lateness)
    kept = [one for one in documents if one["id"] in plan.correlations]
    matches = draw_matches(rng)
    return rng, plan, matches, workshop.Reference(kept)


def summary(alerts):
    """Alerts by what identifies them; the one told last stands."""
    return {
        (a.organization, a.rule.id, tuple(a.group.values()), a.period_start): {
            "time": a.time,
            "start": a.event_start,
            "end": a.event_end,
            "count": a.count,
            "value": a.value,
            "first": [event.event_id for event in a.first_events],
            "last": [event.event_id for event in a.last_events],
        }
        for a in alerts
    }


def deliver(rng, correlator, matches, until=None):
    """Give `matches` in a random order and in random batches, each before time has passed it.

    The watermark moves on now and then, never beyond what is still to come. What was told so far
    is returned when time would reach `until`, with the matches that are left.
    """
    left = sorted(matches, key=lambda match: match.time + rng.choice([0, 3, 20]) * SECOND)
    told = []
    while left:
        size = rng.randint(1, 6)
        batch, left = left[:size], left[size:]
        rng.shuffle(batch)
        told += correlator.insert(batch)
        floor = min((match.time for match in left), default=correlator.watermark)
        if rng.random() < 0.6:
            told += correlator.advance(floor)
        if until is not None and floor >= until:
            break
    return told, left


def disturb(rng, plan, correlator):
    """The correlator, or one that was saved and restored, or given its rules anew."""
    chance = rng.random()
    if chance < 0.3:
        return Correlator.restore(plan, correlator.save())
    return correlator.with_plan(plan) if chance < 0.5 else correlator


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_alerts_do_not_depend_on_arrival_batches_or_watermarks(seed, workshop):
    """Any order within the watermark, any batches and any steps of time give the reference."""
    rng, plan, matches, reference = draw(seed, workshop)
    correlator = Correlator(plan)

    told, _ = deliver(rng, correlator, matches)
    told += correlator.advance(END_OF_TIME)

    assert summary(told) == reference.alerts(matches)
    assert not any(alert.incomplete or alert.capped for alert in told)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_each_period_is_told_settled_exactly_once(seed, workshop):
    """An alert is told settled once, last, and with what the reference says (§5.4)."""
    rng, plan, matches, reference = draw(seed, workshop)
    correlator = Correlator(plan)

    told, _ = deliver(rng, correlator, matches)
    told += correlator.advance(END_OF_TIME)

    settled = [alert for alert in told if alert.settled]
    assert len(settled) == len(summary(settled))
    assert summary(settled) == reference.alerts(matches)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_alerts_do_not_depend_on_key_partitions(seed, workshop):
    """Any number of key partitions together tell the reference's alerts, each in one of them."""
    rng, plan, matches, reference = draw(seed, workshop)
    partitions = rng.choice([1, 2, 3, 7])
    partitioner = Partitioner(plan, partitions)

    told = []
    for index in range(partitions):
        correlator = Correlator(plan, share=Share(index, partitions))
        own = [match for match in matches if index in partitioner.of_match(match)]
        one, _ = deliver(rng, correlator, own)
        told.append(summary(one + correlator.advance(END_OF_TIME)))

    expected = reference.alerts(matches)
    assert {key: alert for part in told for key, alert in part.items()} == expected
    assert sum(len(part) for part in told) == len(expected)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_repeats_change_nothing(seed, workshop):
    """Matches that come again, in time or long after, change no alert and are not late (§4.5)."""
    rng, plan, matches, reference = draw(seed, workshop)
    correlator = Correlator(plan)

    again = rng.choices(matches, k=10) if matches else []
    told, _ = deliver(rng, correlator, matches + again)
    told += correlator.insert(rng.sample(matches, len(matches) // 2), repeat=True)
    correlator = disturb(rng, plan, correlator)
    told += correlator.advance(correlator.watermark + rng.randint(0, 40) * SECOND)
    told += correlator.insert(matches, repeat=True)
    told += correlator.advance(END_OF_TIME)

    assert summary(told) == reference.alerts(matches)
    assert correlator.late.take() == []


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_state_saved_and_restored_goes_on_as_it_was(seed, workshop):
    """Saved and restored at any moment, the correlator tells what it would have told (§1.1)."""
    rng, plan, matches, reference = draw(seed, workshop)
    correlator = Correlator(plan)

    told, left = deliver(rng, correlator, matches, until=rng.randint(0, 60) * SECOND)
    correlator = Correlator.restore(plan, correlator.save())
    more, _ = deliver(rng, correlator, left)
    told += more + correlator.advance(END_OF_TIME)

    settled = [alert for alert in told if alert.settled]
    assert summary(told) == reference.alerts(matches)
    assert len(settled) == len(summary(settled))


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_state_rebuilt_from_the_horizon_tells_the_same_alerts(seed, workshop):
    """Matches of one horizon are enough for every alert that is not yet settled (§6.1, §6.2)."""
    rng, plan, matches, reference = draw(seed, workshop)
    watermark = rng.randint(0, 90) * SECOND
    start = watermark - plan.longest_horizon
    correlator = Correlator(plan, complete_from=start)

    rest = [match for match in matches if match.time >= start]
    correlator.insert([match for match in rest if match.time < watermark])
    told = correlator.advance(watermark)
    told += correlator.insert([match for match in rest if match.time >= watermark])
    told += correlator.advance(END_OF_TIME)

    expected = reference.alerts(matches)
    complete = summary([alert for alert in told if not alert.incomplete])
    assert complete == {key: expected.get(key) for key in complete}
    due = {
        key
        for key in expected
        for rule in [plan.correlations[key[1]]]
        if key[3] + rule.period + rule.reach > watermark - plan.lag(rule)
    }
    assert due <= set(complete)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_late_matches_revise_where_one_more_can_be_told(seed, workshop):
    """Late by no more than the lateness, matches count where §4.6 says, and nowhere else."""
    lateness = 20 * SECOND
    rng, plan, matches, reference = draw(seed, workshop, lateness)
    late = [match for match in matches if rng.random() < 0.2]
    on_time = [match for match in matches if match not in late]
    correlator = Correlator(plan)

    told = correlator.insert(on_time)
    for moment in sorted({match.time + rng.randint(1, 20) * SECOND for match in late}):
        told += correlator.advance(moment)
        due = [match for match in late if moment - lateness <= match.time < moment]
        told += correlator.insert(due)
        correlator = disturb(rng, plan, correlator)
        late = [match for match in late if match not in due]
    told += correlator.insert(late)
    told += correlator.advance(END_OF_TIME)

    for rule in plan.rules:
        if not any(reference_.is_correlation for reference_ in rule.references):
            revisable = rule.monotone and not plan.outer[rule.id]
            counted = matches if revisable else [one for one in matches if one in on_time]
            own = [alert for alert in told if alert.rule.id == rule.id]
            assert summary(own) == reference.alerts_of(rule.id, counted)
