"""The correlator's own promises: bounded state, changing rule sets, saved states, what it costs."""

import time

import pytest

from tocsin.pipelines.correlation import Correlator, Limits
from tocsin.pipelines.correlation.feeds import EVICTED, MISSING_GROUP
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.correlation.snapshots import SnapshotError
from tocsin.schemas.matches import Match
from tocsin.schemas.times import END_OF_TIME, HOUR, SECOND


def match(rule, second, event_id=None, organization="city", **fields):
    """A match at a second."""
    event_id = event_id or f"{rule}{second}"
    return Match(organization, rule, event_id, round(second * SECOND), {"u": "x", **fields})


def counting(workshop, rule_id="rule", **body):
    """`event_count` of two a within ten seconds, by u, changed by `body`."""
    defaults = {"type": "event_count", "rules": ["a"], "group_by": ["u"], "condition": {"gte": 2}}
    return workshop.correlation(rule_id, **{**defaults, **body})


def test_a_group_that_meets_its_cap_loses_its_stalest_and_says_so(workshop):
    """Of 40 entries in one window the cap of 16 leaves the last; alerts are marked capped."""
    plan = workshop.plan(counting(workshop, timespan="5m", condition={"gte": 10}))
    correlator = Correlator(plan, limits=Limits(group=16))
    correlator.insert([match("a", second) for second in range(40)])
    correlator.insert([match("a", second, f"y{second}", u="y") for second in range(40, 52)])

    told = {alert.group["u"]: alert for alert in correlator.advance(END_OF_TIME)}

    assert told["x"].capped
    assert not told["y"].capped
    assert correlator.evictions >= 24


def test_alerts_of_a_capped_group_are_whole_again_later(workshop):
    """A period that no evicted match could have touched is not marked."""
    plan = workshop.plan(counting(workshop))
    correlator = Correlator(plan, limits=Limits(group=16))
    correlator.insert([match("a", second) for second in range(40)])
    correlator.insert([match("a", 7200 + second) for second in range(5)])

    told = correlator.advance(END_OF_TIME)

    assert [(alert.period_start // HOUR, alert.capped) for alert in told] == [(0, True), (2, False)]


@pytest.mark.parametrize("condition", [{"gte": 10}, {"lt": 10}, {"gte": 5, "lte": 9}])
def test_the_total_cap_holds_whatever_comes_and_its_alerts_say_so(workshop, condition):
    """The stalest of all groups go, and every alert that they may have touched is marked."""
    plan = workshop.plan(counting(workshop, timespan="50m", condition=condition))
    correlator = Correlator(plan, limits=Limits(total=100))
    told = []
    for second in range(0, 1000, 2):
        correlator.insert(
            [match("a", second + n, f"{second}-{n}", u=f"{second % 20}") for n in (0, 1)]
        )
        told += correlator.advance((second - 5) * SECOND)
        assert correlator.sizes()["rule"].entries <= 100
    told += correlator.advance(END_OF_TIME)

    assert correlator.evictions > 800
    settled = [alert for alert in told if alert.settled]
    assert settled
    assert all(alert.capped for alert in settled)


def test_a_cap_below_marks_the_alerts_above(workshop):
    """An inner group that met its cap may have given its match at another time, or none."""
    inner = counting(workshop, "inner", timespan="5m")
    outer = workshop.correlation(
        "outer", type="temporal", rules=["inner", "b"], group_by=["u"], timespan="5m"
    )
    correlator = Correlator(workshop.plan(inner, outer), limits=Limits(group=16))
    correlator.insert([match("a", second) for second in range(40)] + [match("b", 50)])

    (alert,) = correlator.advance(END_OF_TIME)

    assert (alert.rule.id, alert.capped) == ("outer", True)


def test_unchanged_rules_keep_their_state_and_changed_ones_start_now(workshop):
    """A changed rule's alerts are incomplete until it has seen all that they need (§6.2)."""
    old = workshop.plan(counting(workshop, "kept"), counting(workshop, "changed"))
    new = workshop.plan(counting(workshop, "kept"), counting(workshop, "changed", timespan="20s"))
    correlator = Correlator(old)
    correlator.insert([match("a", 1), match("a", 3)])
    correlator.advance(2 * SECOND)

    correlator = correlator.with_plan(new)
    correlator.insert([match("a", 4), match("a", 5), match("a", 7300), match("a", 7301)])
    told = correlator.advance(END_OF_TIME)

    assert [(a.rule.id, a.period_start // HOUR, a.count, a.incomplete) for a in told] == [
        ("kept", 0, 4, False),
        ("changed", 0, 2, True),
        ("changed", 2, 2, False),
        ("kept", 2, 2, False),
    ]


def test_a_new_rule_starts_now_for_organisations_not_heard_of_before(workshop):
    """Their matches may have been read, and not looked at, under the old rules."""
    correlator = Correlator(workshop.plan(counting(workshop, "old")))
    correlator.insert([match("b", 10, organization="county")])

    correlator = correlator.with_plan(workshop.plan(counting(workshop, "new", rules=["b"])))
    correlator.insert(
        [match("b", 11, organization="county"), match("b", 12, organization="county")]
    )
    told = correlator.advance(END_OF_TIME)

    assert [(alert.rule.id, alert.count, alert.incomplete) for alert in told] == [("new", 2, True)]


def test_a_rule_changes_its_meaning_with_the_rules_below_it(workshop):
    """A changed inner correlation makes the outer one another rule, so it starts anew as well."""
    outer = workshop.correlation("outer", type="temporal", rules=["inner", "b"], group_by=["u"])
    one = workshop.plan(counting(workshop, "inner"), outer)
    other = workshop.plan(counting(workshop, "inner", timespan="20s"), outer)

    assert one.correlations["outer"].digest != other.correlations["outer"].digest


def test_a_rule_that_is_not_in_the_saved_state_starts_now(workshop):
    """What was saved of others is kept."""
    correlator = Correlator(workshop.plan(counting(workshop, "kept")))
    correlator.insert([match("a", 1), match("a", 3)])
    new = workshop.plan(counting(workshop, "kept"), counting(workshop, "added"))

    correlator = Correlator.restore(new, correlator.save())
    correlator.insert([match("a", 4), match("a", 5)])
    told = correlator.advance(END_OF_TIME)

    assert [(alert.rule.id, alert.count, alert.incomplete) for alert in told] == [
        ("kept", 4, False),
        ("added", 2, True),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"version":1}', b'{"version":1,"watermark":"x"}', b"\x80\x04N."]
)
def test_a_damaged_saved_state_is_refused_with_one_error(workshop, data):
    """It is then rebuilt from the matches; nothing in it is ever run."""
    with pytest.raises(SnapshotError, match="saved state"):
        Correlator.restore(workshop.plan(counting(workshop)), data)


def test_each_part_of_a_damaged_saved_state_is_refused(workshop):
    """Whatever single value is replaced by one of another type."""
    plan = workshop.plan(counting(workshop))
    correlator = Correlator(plan)
    correlator.insert([match("a", 1), match("a", 2)])
    correlator.advance(5 * SECOND)
    saved = correlator.save()

    for part in (b'"states":{', b'"entries":[', b'"alerts":[', b'"counters":['):
        assert part in saved
        with pytest.raises(SnapshotError):
            Correlator.restore(plan, saved.replace(part, part[:-1] + b'7,"x":' + part[-1:]))


def test_counters_are_the_same_for_any_number_of_partitions(workshop):
    """A match that counts in no group is counted as such in one partition."""
    plan = workshop.plan(counting(workshop))
    partitioner = Partitioner(plan, 4)
    matches = [Match("city", "a", f"e{number}", number, {}) for number in range(40)]

    counted = 0
    for index in range(4):
        correlator = Correlator(plan, share=Share(index, 4))
        correlator.insert([one for one in matches if index in partitioner.of_match(one)])
        counted += correlator.counters[MISSING_GROUP, "rule"]

    assert counted == 40


def test_what_is_not_counted_is_told_once_whatever_becomes_of_the_state(workshop):
    """Evictions and missing fields, by rule; a restored state tells no old news."""
    plan = workshop.plan(counting(workshop))
    correlator = Correlator(plan, limits=Limits(group=16))
    correlator.insert([match("a", second) for second in range(17)])
    correlator.insert([match("a", 18, u=None), match("b", 18)])
    correlator.advance(20 * SECOND)

    assert correlator.take_uncounted() == {(MISSING_GROUP, "rule"): 1, (EVICTED, "rule"): 2}
    assert correlator.take_uncounted() == {}
    correlator = Correlator.restore(plan, correlator.save())
    assert correlator.take_uncounted() == {}
    correlator = correlator.with_plan(plan)
    assert correlator.take_uncounted() == {}
    correlator.insert([match("a", 30, u=[])])
    assert correlator.take_uncounted() == {(MISSING_GROUP, "rule"): 1}


def test_partitions_spread_groups(workshop):
    """Of 1,000 groups each of four partitions has its share."""
    partitioner = Partitioner(workshop.plan(counting(workshop)), 4)

    homes = [partitioner.of_match(match("a", 1, u=f"host-{number}")) for number in range(1_000)]

    assert all(len(home) == 1 for home in homes)
    assert all(150 < sum(home == {index} for home in homes) < 350 for index in range(4))


def test_alerts_come_in_order_of_organisation_time_rule_and_group(workshop):
    """So two runs over the same matches tell the same list."""
    plan = workshop.plan(counting(workshop, "one"), counting(workshop, "two"))
    matches = [match("a", s, f"{o}{u}{s}", o, u=u) for o in "ba" for u in "yx" for s in (1, 2)]
    correlator = Correlator(plan)
    correlator.insert(matches)

    told = correlator.advance(END_OF_TIME)

    assert [(a.organization, a.rule.id, a.group["u"]) for a in told] == [
        (organization, rule, u) for organization in "ab" for rule in ("one", "two") for u in "xy"
    ]


@pytest.mark.slow
def test_a_match_costs_as_much_with_100000_distinct_values_in_its_window_as_with_few(workshop):
    """Counts are incremental: twenty times the values must not cost five times the time."""
    condition = {"gte": 1_000_000, "field": "v"}
    plan = workshop.plan(counting(workshop, type="value_count", timespan="1h", condition=condition))

    def cost(distinct):
        correlator = Correlator(plan)
        begin = time.process_time()
        for start in range(0, 200_000, 10_000):
            correlator.insert(
                [match("a", n / 100, f"{n}", v=n % distinct) for n in range(start, start + 10_000)]
            )
            correlator.advance(start * SECOND // 100)
        return time.process_time() - begin

    few, many = cost(5_000), cost(100_000)

    assert many < 5 * few


@pytest.mark.slow
def test_a_late_match_of_a_large_group_is_not_felt_by_other_groups(workshop):
    """A hundred late matches at once cost one pass over their group."""
    plan = workshop.plan(counting(workshop, timespan="1h"), lateness=HOUR)
    correlator = Correlator(plan)
    correlator.insert([match("a", n / 100) for n in range(50_000)])
    correlator.advance(500 * SECOND)
    begin = time.process_time()
    correlator.insert([match("a", 100 + n / 7, f"late{n}") for n in range(100)])
    correlator.advance(501 * SECOND)

    assert time.process_time() - begin < 5


def test_a_late_match_revises_within_ten_seconds_of_watermark_as_any_other(workshop):
    """Late news of an alert that was told a moment ago waits like other news (§5.4)."""
    correlator = Correlator(workshop.plan(counting(workshop, timespan="1m"), lateness=60 * SECOND))
    correlator.insert([match("a", 1), match("a", 2)])
    first = correlator.advance(20 * SECOND)
    correlator.insert([match("a", 3)])

    told = {second: correlator.advance(second * SECOND) for second in (21, 29, 30)}

    assert [alert.count for alert in first] == [2]
    assert {second: [alert.count for alert in alerts] for second, alerts in told.items()} == {
        21: [],
        29: [],
        30: [3],
    }


def test_a_revision_is_told_with_its_evidence_before_that_is_forgotten(workshop):
    """News of a settled alert that still waits when its entries leave the horizon do not wait."""
    plan = workshop.plan(counting(workshop, tocsin={"period": "10s"}), lateness=20 * SECOND)
    correlator = Correlator(plan)
    correlator.insert([match("a", 11), match("a", 12)])
    correlator.advance(30 * SECOND)
    correlator.insert([match("a", 13)])
    told = correlator.advance(31 * SECOND) + correlator.advance(100 * SECOND)

    assert [[event.event_id for event in alert.first_events] for alert in told] == [
        ["a11", "a12", "a13"]
    ]


def test_an_inner_rule_of_two_outer_ones_is_told_by_one_partition(workshop):
    """It is computed wherever an outer group needs it, and told once."""
    inner = counting(workshop, "inner", group_by=["u", "h"], generate=True)
    by_u = workshop.correlation(
        "by_u", type="temporal", rules=["inner", "b"], group_by=["u"], generate=True
    )
    by_h = workshop.correlation(
        "by_h", type="temporal", rules=["inner", "b"], group_by=["h"], generate=True
    )
    plan = workshop.plan(inner, by_u, by_h)
    partitioner = Partitioner(plan, 8)
    matches = [
        match(rule, second, f"{rule}{second}{u}{h}", u=u, h=h)
        for u in "stuvwxyz"
        for h in "pqr"
        for rule, second in (("a", 1), ("a", 2), ("b", 3))
    ]

    told, computed = [], 0
    for index in range(8):
        correlator = Correlator(plan, share=Share(index, 8))
        correlator.insert([one for one in matches if index in partitioner.of_match(one)])
        told += [(a.rule.id, *a.group.values()) for a in correlator.advance(100 * SECOND)]
        computed += correlator.sizes()["inner"].groups

    assert sorted(told) == sorted(
        [("inner", u, h) for u in "stuvwxyz" for h in "pqr"]
        + [("by_u", u) for u in "stuvwxyz"]
        + [("by_h", h) for h in "pqr"]
    )
    assert computed > 24
