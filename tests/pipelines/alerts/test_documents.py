"""Alert documents say which rule, how grave, about whom, and why."""

from tocsin.pipelines.alerts.attack import threat_fields
from tocsin.pipelines.alerts.documents import entity, event_alert
from tocsin.pipelines.alerts.reasons import span_text
from tocsin.pipelines.detection.explain import MatchedItem
from tocsin.pipelines.detection.rules import RuleInfo
from tocsin.schemas.times import DAY, HOUR, MINUTE, SECOND

RULE = RuleInfo(
    id="r1",
    title="Root logon",
    path="linux/root.yml",
    line=1,
    digest="d",
    level="high",
    author="Somebody",
    tags=("attack.initial-access", "attack.t1078.003"),
    references=("https://example.org/why",),
)
EVENT = {
    "@timestamp": "2026-11-24T10:00:00.000000Z",
    "event.id": "e1",
    "event.kind": "event",
    "event.original": "raw text",
    "host.name": "gw",
    "message": "Accepted password for root",
    "organization.name": "city",
    "rule.name": "Internet access",
    "tocsin.place": "file/d/0",
    "user.name": "root",
}
ITEM = MatchedItem(
    "selection", item="user", pattern="root", field="user.name", value="root", line=9
)


def test_an_event_s_alert_copies_the_event_and_tells_the_rule() -> None:
    """The event's own `rule.*` makes room for the detection's and is kept beside it."""
    document = event_alert(RULE, EVENT, [ITEM]).document

    assert document["event"]["kind"] == "alert"
    assert document["event"]["id"] == "e1"
    assert document["event"]["risk_score"] == 73.0
    assert document["host"]["name"] == "gw"
    assert document["rule"]["name"] == "Root logon"
    assert document["rule"]["author"] == ["Somebody"]
    assert document["tocsin"]["source_rule"]["name"] == "Internet access"
    assert document["tocsin"]["rule"]["level"] == "high"


def test_an_alert_leaves_raw_text_and_place_to_its_event() -> None:
    """No path and no raw record stands in an alert."""
    document = event_alert(RULE, EVENT, [ITEM]).document

    assert "original" not in document["event"]
    assert "place" not in document["tocsin"]


def test_an_alert_names_what_matched_in_a_sentence_and_as_data() -> None:
    """A person reads `event.reason`; programs read `tocsin.match`."""
    document = event_alert(RULE, EVENT, [ITEM]).document

    assert document["event"]["reason"] == "Root logon on gw: user.name root"
    assert document["message"] == document["event"]["reason"]
    assert document["tocsin"]["match"] == [
        {"selection": "selection", "field": "user.name", "value": "root", "pattern": "root"}
    ]


def test_tags_of_attack_become_threat_fields() -> None:
    """Tactics by name, techniques and sub-techniques by number; other tags say nothing here."""
    assert threat_fields(("attack.initial-access", "attack.t1078.003", "cve.2026-1")) == {
        "threat.framework": "MITRE ATT&CK",
        "threat.tactic.id": ["TA0001"],
        "threat.tactic.name": ["Initial Access"],
        "threat.technique.id": ["T1078"],
        "threat.technique.subtechnique.id": ["T1078.003"],
    }
    assert threat_fields(("detection.threat-hunting",)) == {}


def test_an_entity_is_the_group_else_host_user_and_address() -> None:
    """A table has one short column for whom an alert is about."""
    assert (
        entity({"tocsin": {"group": {"source.ip": "192.0.2.7", "port": "22"}}}) == "192.0.2.7, 22"
    )
    assert entity({"host": {"name": "gw"}, "user": {"name": "root"}}) == "gw, root"
    assert entity({}) == "-"


def test_a_span_is_told_in_its_largest_whole_unit() -> None:
    """As rules write it."""
    spans = (DAY, 36 * HOUR, 90 * MINUTE, 90 * SECOND, 1500 * (SECOND // 1000))
    assert [span_text(span) for span in spans] == ["1d", "36h", "90m", "90s", "1.5s"]
