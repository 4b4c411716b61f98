"""SEMANTICS §2 where rules meet normalised events: field maps, log sources, keywords, ECS.

What needs no field map is in the conformance vectors, which cite their sentences.
"""

import pytest

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.source_text import is_plain

SYSMON = {"winlog.channel": "Microsoft-Windows-Sysmon/Operational"}


def rule(logsource, detection, more=""):
    return f"title: t\nid: t\nlogsource: {logsource}\ndetection: {detection}\n{more}"


def test_2_8_keywords_look_at_the_vendor_record_and_the_message(load):
    """Not at names, nor at fields that parsing derived or enrichment added."""
    (found,) = load(rule("{product: linux}", "{words: [evil], condition: words}")).detections

    assert reference.holds(found.condition, {"message": "an Evil thing"})
    assert reference.holds(found.condition, {"system.auth.sudo.command": "/bin/evil"})
    assert reference.holds(found.condition, {"winlog.event_data.Image": ["x", "evil"]})
    assert not reference.holds(found.condition, {"process.name": "evil"})
    assert not reference.holds(found.condition, {"tocsin.place": "evil.log"})
    assert not reference.holds(found.condition, {"organization.name": "evil"})
    assert not reference.holds(found.condition, {"winlog.event_data.evil": "x"})


@pytest.mark.parametrize(
    ("original", "plain"),
    [
        ("Nov 24 12:00:00 host sshd[1]: x", True),
        ("<34>Nov 24 12:00:00 host sshd[1]: x", True),
        ("[error] [pid 5]", True),
        ("", True),
        ('{"a": 1}', False),
        ('  {"a": 1}\n', False),
        ('[{"a": 1}]', False),
        ("<Event xmlns='x'></Event>", False),
        ("<?xml version='1.0'?><a/>", False),
        ("<", True),
        ("<>", True),
        ("{", True),
    ],
)
def test_2_8_objects_and_markup_are_no_plain_text(original, plain):
    """They hold names beside values, so their leaves are looked at instead."""
    assert is_plain(original) == plain


def test_2_8_the_original_counts_where_it_is_plain_text(load):
    """As a line of syslog is."""
    (found,) = load(rule("{product: linux}", "{words: [evil], condition: words}")).detections

    assert reference.holds(found.condition, {"event.original": "<34>host sshd: evil"})
    assert not reference.holds(found.condition, {"event.original": '{"evil": 1}'})
    assert not reference.holds(found.condition, {"event.original": "<e>evil</e>"})


def test_2_8_each_keyword_within_one_leaf(load):
    """Leaves are not joined."""
    (found,) = load(rule("{product: linux}", "{words: ['a b'], condition: words}")).detections

    assert not reference.holds(found.condition, {"message": "a", "system.auth.x": "b"})


def test_2_9_a_field_is_looked_for_where_normalising_keeps_its_text(load):
    """Sysmon's `Image` stands below the vendor root."""
    text = rule("{product: windows, category: process_creation}", "{s: {Image: x}, condition: s}")
    rules = load(text)

    assert rules.detections[0].field_targets("Image")[0] == "winlog.event_data.Image"
    event = SYSMON | {"winlog.event_id": 1, "winlog.event_data.Image": "X"}
    assert [index for index, _ in compile_rules(rules).match([event])] == [0]


def test_2_9_of_several_targets_the_first_present_counts(load):
    """A process creation of Security 4688 has `NewProcessName` for `Image`."""
    text = rule("{product: windows, category: process_creation}", "{s: {Image: x}, condition: s}")
    (found,) = load(text).detections
    first, second, *_ = found.field_targets("Image")

    assert reference.holds(found.condition, {second: "x"})
    assert not reference.holds(found.condition, {first: "y", second: "x"})
    assert not reference.holds(found.condition, {first: None, second: "x"})


def test_2_9_verdicts_on_native_and_normalised_events_are_equal(load):
    """The same Sysmon event under its own names and under ours."""
    text = rule(
        "{product: windows, category: process_creation}",
        "{s: {Image|endswith: '\\cmd.exe', User: null}, condition: s}",
    )
    ours = SYSMON | {"winlog.event_id": 1, "winlog.event_data.Image": "C:\\CMD.EXE"}
    native = {"Channel": SYSMON["winlog.channel"], "EventID": 1, "Image": "C:\\CMD.EXE"}

    assert compile_rules(load(text)).match([ours])
    assert compile_rules(load(text, native=True)).match([native])


def test_a_rule_looks_at_events_of_its_log_source_only(load):
    """Another channel, another event id, or none at all is another source."""
    text = rule("{product: windows, category: process_creation}", "{s: {A: null}, condition: s}")
    detector = compile_rules(load(text))

    found = detector.match(
        [
            SYSMON | {"winlog.event_id": 1},
            SYSMON | {"winlog.event_id": "1"},
            SYSMON | {"winlog.event_id": 3},
            {"winlog.channel": "Security", "winlog.event_id": 1},
            {"winlog.channel": "Security", "winlog.event_id": 4688},
            {},
        ]
    )

    assert [index for index, _ in found] == [0, 1, 4]


def test_native_events_name_their_log_source_themselves(load):
    """Each key that the rule names must be the event's; Windows goes by channel."""
    text = rule("{product: zeek, service: dns}", "{s: {query: x}, condition: s}")
    detector = compile_rules(load(text, native=True))

    found = detector.match(
        [
            {"query": "x", "logsource.product": "zeek", "logsource.service": "dns"},
            {
                "query": "x",
                "logsource.product": "Zeek",
                "logsource.service": "DNS",
                "logsource.category": "dns",
            },
            {"query": "x", "logsource.product": "zeek", "logsource.service": "http"},
            {"query": "x", "logsource.product": "zeek"},
            {"query": "x"},
        ]
    )

    assert [index for index, _ in found] == [0, 1]


def test_a_log_source_that_no_parser_feeds_is_told(load):
    """The rule is right, so it is no refusal; it matches nothing."""
    rules = load(rule("{product: okta, service: okta}", "{s: {F: x}, condition: s}"))

    assert not rules.refusals
    assert len(rules.detections) == 1
    assert "no parser" in rules.unfed[0].reason
    assert rules.unfed[0].line == 3
    assert compile_rules(rules).match([{"F": "x"}]) == []


def test_2_10_rules_in_ecs_name_ecs_fields(load):
    """The gate is the event's category, one of several if it is an array."""
    text = rule(
        "{product: ecs, category: authentication}",
        "{s: {user.name: root}, condition: s}",
        "taxonomy: ecs\n",
    )
    detector = compile_rules(load(text))

    found = detector.match(
        [
            {"user.name": "root", "event.category": "authentication"},
            {"user.name": "root", "event.category": ["session", "authentication"]},
            {"user.name": "root", "event.category": "network"},
            {"user.name": "root"},
        ]
    )

    assert [index for index, _ in found] == [0, 1]


def test_2_10_without_a_category_all_events_count(load):
    """The log source is `{product: ecs}` alone."""
    text = rule("{product: ecs}", "{s: {user.name: root}, condition: s}", "taxonomy: ecs\n")

    assert compile_rules(load(text)).match([{"user.name": "Root"}])


@pytest.mark.parametrize(
    ("logsource", "more", "reason"),
    [
        ("{product: ecs, service: sshd}", "taxonomy: ecs\n", "no `service`"),
        ("{product: windows}", "taxonomy: ecs\n", "go together"),
        ("{product: ecs}", "", "go together"),
        ("{category: process}", "taxonomy: ecs\n", "go together"),
    ],
)
def test_2_10_other_log_sources_of_rules_in_ecs_are_refused(load, logsource, more, reason):
    """Nothing says what they would mean."""
    rules = load(rule(logsource, "{s: {user.name: root}, condition: s}", more))

    assert not rules.detections
    assert reason in rules.refusals[0].reason


def test_2_10_rules_in_ecs_are_skipped_on_native_events(load):
    """And told, not refused."""
    text = rule("{product: ecs}", "{s: {user.name: root}, condition: s}", "taxonomy: ecs\n")

    rules = load(text, native=True)

    assert (rules.detections, rules.refusals) == ((), ())
    assert len(rules.skipped) == 1


def test_2_11_a_placeholder_without_a_value_refuses_the_rule(load):
    """With path, line and the placeholder's name."""
    text = rule("{product: linux}", "\n  s: {'USER|expand': '%admins%'}\n  condition: s")

    assert "`%admins%`" in load(text).refusals[0].reason
    assert load(text).refusals[0].line == 5
    assert load(text, placeholders={"admins": ["root"]}).detections
