"""The numbered sentences of SEMANTICS §3-6, as far as they live in the correlation room.

What a single history shows is in the conformance vectors; here is what needs counters, the
watermark, several runs, or the plan.
"""

import pytest

from tocsin.pipelines.correlation import Correlator
from tocsin.pipelines.correlation.feeds import DROPPED, LATE, MISSING_GROUP, MISSING_VALUE
from tocsin.pipelines.correlation.ranges import HistoryRange
from tocsin.schemas.identity import period_alert_id
from tocsin.schemas.matches import Match
from tocsin.schemas.times import DAY, END_OF_TIME, HOUR, MINUTE, SECOND


def match(rule, second, event_id=None, organization="city", **fields):
    """A match at a second."""
    event_id = event_id or f"{rule}{second}"
    return Match(organization, rule, event_id, round(second * SECOND), {"u": "x", **fields})


def pair(workshop, rule_id="rule", **body):
    """`event_count` of two a within ten seconds, by u, changed by `body`."""
    defaults = {"type": "event_count", "rules": ["a"], "group_by": ["u"], "condition": {"gte": 2}}
    return workshop.correlation(rule_id, **{**defaults, **body})


def run(plan, matches):
    """All alerts of a whole history."""
    correlator = Correlator(plan)
    correlator.insert(matches)
    return correlator.advance(END_OF_TIME)


def test_1_1_ids_follow_from_rule_group_and_period_alone(workshop):
    """However the period's matches come, the alert has the same id (§1.1, §5.3)."""
    plan = workshop.plan(pair(workshop))
    matches = [match("a", 1), match("a", 2), match("a", 3)]

    one = run(plan, matches)
    other = run(plan, matches[::-1])

    assert [alert.id for alert in one] == [alert.id for alert in other]
    assert one[0].id == period_alert_id("city", "rule", {"u": "x"}, 0)


def test_1_2_a_match_is_a_pair_of_rule_and_event(workshop):
    """The same pair, within a batch, in the next one or after it has been judged, is one match."""
    correlator = Correlator(workshop.plan(pair(workshop, condition={"gte": 3})))
    correlator.insert([match("a", 1, "e"), match("a", 1, "e")])
    correlator.insert([match("a", 1, "e"), match("a", 5, "f")])
    told = correlator.advance(20 * SECOND)
    correlator.insert([match("a", 1, "e")])

    assert told + correlator.advance(END_OF_TIME) == []
    assert correlator.late.take() == []


def test_3_2_a_match_without_a_group_field_shows_in_a_counter(workshop):
    """A match that lacks a group-by field is counted as such, for that correlation."""
    correlator = Correlator(workshop.plan(pair(workshop)))
    correlator.insert([Match("city", "a", "e1", 0, {}), match("a", 1)])

    assert correlator.counters == {(MISSING_GROUP, "rule"): 1}


def test_3_2_groups_beyond_sixteen_show_in_a_counter(workshop):
    """Of a product of 5 times 4 groups four are dropped."""
    correlator = Correlator(workshop.plan(pair(workshop, group_by=["u", "h"])))
    correlator.insert([match("a", 1, u=["1", "2", "3", "4", "5"], h=["p", "q", "r", "s"])])

    assert correlator.counters == {(DROPPED, "rule"): 4}


def test_3_2_of_several_targets_the_first_present_counts(workshop):
    """A rule's own pipeline says which event fields a Sigma field may stand in."""
    targets = {"a": {"User": ("user.name", "winlog.event_data.User")}}
    plan = workshop.plan(pair(workshop, group_by=["User"]), targets=targets)
    fields = [{"winlog.event_data.User": "X"}, {"user.name": "x", "winlog.event_data.User": "y"}]
    matches = [Match("city", "a", f"e{n}", n * SECOND, one) for n, one in enumerate(fields)]

    (alert,) = run(plan, matches)

    assert alert.group == {"User": "x"}
    assert plan.fields_by_rule == {"a": {"user.name", "winlog.event_data.User"}}


def test_3_4_a_match_without_the_compared_field_shows_in_a_counter(workshop):
    """It is not counted for that rule, and is for another one."""
    value_sum = pair(workshop, "sum", type="value_sum", condition={"gte": 5, "field": "v"})
    correlator = Correlator(workshop.plan(pair(workshop), value_sum))
    correlator.insert([match("a", 1, v="much"), match("a", 2, v=None)])

    assert correlator.counters == {(MISSING_VALUE, "sum"): 2}
    assert [alert.rule.id for alert in correlator.advance(END_OF_TIME)] == ["rule"]


def test_4_3_check_warns_of_runs(workshop):
    """A condition with lt, lte or neq is judged at the start of a run, which may surprise."""
    plan = workshop.plan(pair(workshop), pair(workshop, "rare", condition={"lt": 5}))

    assert [warning.path for warning in plan.warnings] == ["rare.yml"]
    assert "run" in plan.warnings[0].reason


def test_5_2_evidence_is_the_first_and_last_fifty_events(workshop):
    """Of 120 events the 20 in the middle are not listed; the total is there."""
    plan = workshop.plan(pair(workshop, timespan="5m"))
    (alert,) = run(plan, [match("a", second, f"e{second:03}") for second in range(120)])

    assert alert.count == 120
    assert [event.event_id for event in alert.first_events] == [f"e{n:03}" for n in range(50)]
    assert [event.event_id for event in alert.last_events] == [f"e{n:03}" for n in range(70, 120)]


def test_5_2_evidence_names_the_rules_that_an_event_matched(workshop):
    """An event of two rules is one event with both."""
    plan = workshop.plan(workshop.correlation(type="temporal", rules=["a", "b"], group_by=["u"]))
    (alert,) = run(plan, [match("b", 1, "e"), match("a", 1, "e")])

    assert [(event.event_id, event.rules) for event in alert.first_events] == [("e", ("a", "b"))]


def test_5_4_an_alert_is_told_when_the_condition_first_holds_behind_the_watermark(workshop):
    """Not before time has passed the match that completes it."""
    correlator = Correlator(workshop.plan(pair(workshop)))
    correlator.insert([match("a", 1), match("a", 2)])

    assert correlator.advance(2 * SECOND) == []
    assert [alert.count for alert in correlator.advance(2 * SECOND + 1)] == [2]


def test_5_4_an_alert_is_revised_at_most_every_ten_seconds_and_once_when_settled(workshop):
    """Between, changes wait; at the end of the period it is told once more, changed or not."""
    correlator = Correlator(workshop.plan(pair(workshop, timespan="1m")))
    correlator.insert([match("a", second) for second in range(30)])

    told = {second: correlator.advance(second * SECOND) for second in (5, 8, 14, 15, 31)}
    told[3600] = correlator.advance(HOUR)

    assert {at: [(a.count, a.settled) for a in alerts] for at, alerts in told.items()} == {
        5: [(5, False)],
        8: [],
        14: [],
        15: [(15, False)],
        31: [(30, False)],
        3600: [(30, True)],
    }
    assert correlator.advance(END_OF_TIME) == []


def test_5_4_forward_alerts_are_later_by_the_timespan(workshop):
    """The window must be over, and the period's last window before it is settled."""
    correlator = Correlator(workshop.plan(pair(workshop, condition={"lt": 2})))
    correlator.insert([match("a", 1)])

    assert correlator.advance(11 * SECOND) == []
    assert [alert.settled for alert in correlator.advance(11 * SECOND + 1)] == [False]
    assert correlator.advance(HOUR + 10 * SECOND - 1) == []
    assert [alert.settled for alert in correlator.advance(HOUR + 10 * SECOND)] == [True]


def test_5_5_the_first_match_seen_is_written_at_once_and_corrected_behind_the_watermark(workshop):
    """The first view stands on what came first, the told one on what happened first."""
    plan = workshop.plan(tocsin={"a": {"group-by": ["u"], "period": "1h"}})
    correlator = Correlator(plan)

    (first,) = correlator.insert([match("a", 5), match("a", 3), match("a", 6)])
    (told,) = correlator.advance(MINUTE)

    assert (first.time, first.count, first.settled) == (5 * SECOND, 1, False)
    assert (told.time, told.count) == (3 * SECOND, 3)
    assert first.id == told.id
    assert first.suppression


def test_5_5_a_match_older_than_the_state_writes_an_incomplete_alert(workshop):
    """So a detection is never lost because it came late."""
    plan = workshop.plan(tocsin={"a": {"group-by": ["u"], "period": "1h"}})
    correlator = Correlator(plan, watermark=10 * HOUR)

    (alert,) = correlator.insert([match("a", 5)])

    assert alert.incomplete
    assert (alert.period_start, alert.count) == (0, 1)


def test_5_5_a_late_match_within_the_state_revises_the_suppression_alert(workshop):
    """Suppression looks back without eq, so one match more can be told (DELIVERY §4.6)."""
    plan = workshop.plan(tocsin={"a": {"group-by": ["u"], "period": "1h"}}, lateness=MINUTE)
    correlator = Correlator(plan)
    correlator.insert([match("a", 50)])
    correlator.advance(MINUTE)

    assert correlator.insert([match("a", 20)]) == []
    (told,) = correlator.advance(2 * MINUTE)

    assert (told.time, told.count) == (20 * SECOND, 2)


def test_5_6_the_outer_rule_runs_behind_by_the_forward_timespans_below(workshop):
    """Forward timespans of ten and twenty seconds below add up to thirty."""
    first = workshop.correlation("first", type="temporal", condition="a and not b")
    second = workshop.correlation(
        "second", type="temporal", rules=["first", "c"], condition="first and not c", timespan="20s"
    )
    third = workshop.correlation("third", type="temporal", rules=["second", "a"], timespan="1m")
    plan = workshop.plan(first, second, third)
    correlator = Correlator(plan)
    correlator.insert([match("a", 0), match("a", 5)])

    assert plan.lag(plan.correlations["third"]) == 30 * SECOND
    assert correlator.advance(30 * SECOND) == []
    assert [alert.rule.id for alert in correlator.advance(30 * SECOND + 1)] == ["third"]


def test_5_6_check_warns_of_thresholds_that_one_match_a_period_cannot_reach(workshop):
    """A window of five minutes meets at most two periods of an hour."""
    inner = pair(workshop, "inner")
    outer = pair(workshop, "outer", rules=["inner"], timespan="5m", condition={"gte": 3})
    finer = pair(workshop, "finer", rules=["inner"], timespan="5m", group_by=[])

    reachable = workshop.plan(
        inner, {**outer, "correlation": {**outer["correlation"], "condition": {"gte": 2}}}
    )
    plan = workshop.plan(inner, outer, finer)

    assert [warning.path for warning in plan.warnings] == ["outer.yml"]
    assert reachable.warnings == ()


@pytest.mark.parametrize("top", [{}, {"generate": True}])
def test_5_7_generate_is_read_at_both_places(workshop, top):
    """At top level or inside, it keeps the referred detection's own alerts."""
    document = {**pair(workshop), **top}
    inside = pair(workshop, generate=True)

    assert workshop.plan(document).silent == (frozenset() if top else {"a"})
    assert workshop.plan(inside).silent == frozenset()


def test_5_7_a_detection_is_silent_only_if_none_of_its_correlations_generates(workshop):
    """One that generates is enough to hear it."""
    quiet, loud = pair(workshop, "quiet", rules=["a", "b"]), pair(workshop, "loud", generate=True)

    assert workshop.plan(quiet, loud).silent == {"b"}


def test_5_7_refused_and_staged_correlations_silence_nothing(workshop):
    """A rule that does not run, or is only tried out, must not cost an alert."""
    refused = pair(workshop, "refused", condition={"gte": 1})
    staged = pair(workshop, "staged", rules=["b"], tocsin={"staged": True})

    assert workshop.plan(refused, staged).silent == frozenset()


def test_6_1_the_horizon_is_period_timespan_and_lateness(workshop):
    """Twice the timespan for forward correlations, and the largest horizon below."""
    back = pair(workshop, "back", timespan="10m")
    forward = pair(workshop, "forward", timespan="10m", condition={"lt": 2})
    outer = pair(workshop, "outer", rules=["back", "forward"], timespan="3h")
    plan = workshop.plan(back, forward, outer, lateness=MINUTE)

    horizons = {rule.id: plan.horizon(rule) for rule in plan.rules}

    assert horizons["back"] == HOUR + 10 * MINUTE + MINUTE
    assert horizons["forward"] == HOUR + 20 * MINUTE + MINUTE
    assert horizons["outer"] == 6 * HOUR + MINUTE + horizons["forward"]
    assert plan.longest_horizon == horizons["outer"]


def test_6_1_state_is_what_lies_within_the_horizon(workshop):
    """Entries before it are forgotten, so the state does not grow with the length of history."""
    correlator = Correlator(workshop.plan(pair(workshop)))
    for hour in range(50):
        correlator.insert([match("a", hour * 3600 + n, u=f"{hour}-{n}") for n in range(10)])
        correlator.advance(hour * HOUR)

    assert correlator.sizes()["rule"].entries <= 30


def test_6_2_alerts_whose_horizon_was_not_seen_are_incomplete(workshop):
    """The first whole period that is seen with a timespan before it is complete again."""
    correlator = Correlator(workshop.plan(pair(workshop)), complete_from=HOUR)
    correlator.insert([match("a", 3601), match("a", 3602), match("a", 7201), match("a", 7202)])

    told = correlator.advance(END_OF_TIME)

    assert [(alert.period_start, alert.incomplete) for alert in told] == [
        (HOUR, True),
        (2 * HOUR, False),
    ]


def test_6_2_input_without_a_stated_range_is_the_whole_history(workshop):
    """Nothing of it is incomplete, the first second included."""
    told = run(workshop.plan(pair(workshop)), [match("a", 0), match("a", 1)])

    assert [alert.incomplete for alert in told] == [False]


def test_6_2_an_outer_alert_is_incomplete_where_an_inner_one_may_be(workshop):
    """What a chain needs reaches back over the inner period and timespan, too."""
    outer = workshop.correlation("outer", type="temporal", rules=["rule", "b"], group_by=["u"])
    plan = workshop.plan(pair(workshop), outer)
    matches = [match("a", 7201), match("a", 7202), match("b", 7203)]

    for complete_from, incomplete in ((HOUR - 20 * SECOND, False), (HOUR - 20 * SECOND + 1, True)):
        correlator = Correlator(plan, complete_from=complete_from)
        correlator.insert(matches)
        assert [alert.incomplete for alert in correlator.advance(END_OF_TIME)] == [incomplete]


def test_6_3_a_run_over_a_range_reads_the_horizon_and_writes_whole_periods(workshop):
    """From 10:30 to 12:00 is rounded to 10:00-12:00; forward rules need a timespan more."""
    plan = workshop.plan(pair(workshop, condition={"lt": 2}, timespan="1m"), lateness=0)
    history = HistoryRange(plan, 10 * HOUR + 30 * MINUTE, 12 * HOUR)
    alerts = run(plan, [match("a", hour * 3600) for hour in range(9, 14)])

    assert history.read_from == 10 * HOUR - 2 * MINUTE
    assert history.read_to == 12 * HOUR + MINUTE
    assert [a.period_start // HOUR for a in alerts if history.covers(a)] == [10, 11]
    live = 12 * HOUR + MINUTE - 1
    assert [a.period_start // HOUR for a in alerts if history.covers(a, live)] == [10]


def test_6_4_late_matches_are_listed_where_they_cannot_be_told(workshop):
    """`lt` cannot take a late match in; the span of periods to run again is listed, once."""
    correlator = Correlator(workshop.plan(pair(workshop, condition={"lt": 2})))
    correlator.insert([match("a", 5000)])
    correlator.advance(HOUR + 30 * MINUTE)
    correlator.insert([match("a", 3605), match("a", 3605)])
    correlator.insert([match("a", 3605)])

    (late,) = correlator.late.take()

    assert (late.organization, late.rule, late.group) == ("city", "rule", {"u": "x"})
    assert (late.period_start, late.period_end, late.matches) == (0, 2 * HOUR, 1)
    assert correlator.counters[LATE, "rule"] == 1
    assert correlator.late.take() == []


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({}, True),
        ({"condition": {"eq": 2}}, False),
        ({"type": "value_count", "condition": {"gte": 2, "field": "v"}}, True),
        ({"type": "value_sum", "condition": {"gte": 2, "field": "v"}}, False),
        ({"type": "temporal", "rules": ["a", "b"], "condition": None}, True),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a and b"}, True),
        ({"type": "temporal_ordered", "rules": ["a", "b"], "condition": None}, True),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a and not b"}, False),
        ({"type": "temporal", "rules": ["a", "b"], "condition": {"lt": 2}}, False),
    ],
)
def test_6_4_late_matches_count_only_where_one_more_can_only_add(workshop, body, taken):
    """DELIVERY §4.6, type by type."""
    plan = workshop.plan(pair(workshop, **body), lateness=MINUTE)
    correlator = Correlator(plan)
    correlator.insert([match("b", 20), match("a", 19, v=1)])
    correlator.advance(30 * SECOND)
    correlator.insert([match("a", 18, v=2)])
    correlator.advance(END_OF_TIME)

    assert bool(correlator.late.take()) is not taken


def test_6_4_a_correlation_that_others_refer_to_takes_no_late_match(workshop):
    """Its alerts have become matches already, which cannot be taken back."""
    outer = workshop.correlation("outer", type="temporal", rules=["rule", "b"], group_by=["u"])
    correlator = Correlator(workshop.plan(pair(workshop), outer, lateness=MINUTE))
    correlator.advance(30 * SECOND)
    correlator.insert([match("a", 18)])

    assert [late.rule for late in correlator.late.take()] == ["rule"]


def test_6_4_a_match_older_than_the_horizon_is_late_everywhere(workshop):
    """Its alert could not be told from what is held."""
    correlator = Correlator(workshop.plan(pair(workshop)))
    correlator.advance(DAY)
    correlator.insert([match("a", 1)])

    assert [late.matches for late in correlator.late.take()] == [1]
