"""The report: the same bytes for the same summary, whole by itself, and deaf to what logs say."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tocsin.pipelines.demo.story import Step
from tocsin.pipelines.report import Summary, write_report
from tocsin.pipelines.report import summary as tallies

ACCOUNTS = {
    "fortigate": {"records": 1_200, "events": 1_199, "dead_letters": 1, "filtered": 0},
    "linux": {"records": 34, "events": 30, "dead_letters": 0, "filtered": 4},
}


def alert(number: int, time: str, level: str = "high", **more: Any) -> dict[str, Any]:
    """An alert document of a detection on host gw."""
    return {
        "_id": f"id{number}",
        "@timestamp": f"{time}.000000Z",
        "host": {"name": "gw"},
        "event": {"reason": f"reason {number}"},
        "rule": {"id": f"rule-{level}", "name": f"Rule {level}", "description": "What it means."},
        "tocsin": {"rule": {"level": level}},
    } | more


ALERTS = [
    alert(1, "2026-11-24T09:00:00"),
    alert(2, "2026-11-24T09:59:59", "critical"),
    alert(3, "2026-11-24T14:30:00"),
]


def written(path: Path, summary: Summary) -> str:
    write_report(path / "report.html", summary)
    return (path / "report.html").read_text()


class Outline(HTMLParser):
    """The tags of a page that are open at its end, and every attribute of it."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    return parser


def test_the_same_summary_gives_the_same_bytes(tmp_path: Path):
    """No clock and no path is in a report."""
    summary = Summary("A run", ALERTS, ACCOUNTS)
    (tmp_path / "other").mkdir()

    assert written(tmp_path, summary) == written(tmp_path / "other", summary)
    assert str(tmp_path) not in written(tmp_path, summary)


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path):
    """It is well formed, has no script, and no attribute points outside the page."""
    found = outline(written(tmp_path, Summary("A run", ALERTS, ACCOUNTS)))

    assert found.open == []
    assert not found.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert all(
        (value or "").startswith("#") for name, value in found.attributes if name in ("href", "src")
    )
    assert ("http-equiv", "Content-Security-Policy") in found.attributes


HOSTILE = "\"><script>alert(1)</script><b onmouseover='x'>&amp;\x00\u202e]]>"


def test_text_of_a_log_is_never_markup(tmp_path: Path):
    """Whatever stands in any text of an alert or an account, the page's tags stay the same."""
    tame = alert(
        1,
        "2026-11-24T09:00:00",
        tocsin={
            "rule": {"level": "high", "false_positives": ["f"]},
            "match": [{"selection": "s", "field": "f", "value": "v"}],
            "group": {"user.name": "u"},
            "evidence": {"total": 1, "first": [{"id": "e", "time": "2026-11-24T09:00:00.000000Z", "rules": ["r"]}]},
        },
    )  # fmt: skip

    def hostile(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hostile(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [hostile(inner) for inner in value]
        return HOSTILE if isinstance(value, str) and len(value) < 15 else value

    evil = hostile(tame) | {"_id": HOSTILE, "@timestamp": tame["@timestamp"]}
    expected = outline(written(tmp_path, Summary("t", [tame], {"s": {"records": 1}})))
    found = outline(written(tmp_path, Summary(HOSTILE, [evil], {HOSTILE: {"records": 1}})))

    assert found.tags == expected.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in expected.attributes]
    assert found.open == []
    assert "\u202e" not in "".join(found.text)


def test_a_long_value_does_not_make_a_long_page(tmp_path: Path):
    """What a log holds in sixty thousand characters is cut; the alert's document has it whole."""
    long = "x" * 60_000
    match = [{"selection": "s", "field": "process.command_line", "value": long}]
    loud = alert(1, "2026-11-24T09:00:00", event={"reason": long}, host={"name": long})
    loud["tocsin"] |= {"match": match, "group": {"user.name": long}}

    assert len(written(tmp_path, Summary("A run", [loud], {}))) < 20_000


def test_totals_are_those_of_all_sources(tmp_path: Path):
    """Records, events, dead letters and filtered are added up, and the alerts are counted."""
    text = "|".join(outline(written(tmp_path, Summary("A run", ALERTS, ACCOUNTS))).text)

    assert "records|1,234|events|1,229|dead letters|1|filtered|4|alerts|3" in text
    assert "all|1,234|1,229|1|4" in text
    assert "1 critical, 2 high" in text


def test_a_run_without_alerts_is_a_page_too(tmp_path: Path):
    """An empty run says so."""
    page = written(tmp_path, Summary("A run", [], {}))

    assert outline(page).open == []
    assert "Alerts: none" in page


def test_bars_are_hours_of_the_day_where_all_fits_into_one():
    """A run within one day has its 24 hours, those without alerts included."""
    found = tallies.timeline(ALERTS)

    assert len(found.bars) == 24
    assert [bar.start[11:16] for bar in found.bars if bar.total] == ["09:00", "14:00"]
    assert found.bars[9].counts == {"high": 1, "critical": 1}


@pytest.mark.parametrize(
    ("last", "hours", "bars"),
    [
        ("2026-11-26T08:00:00", 1, 48),
        ("2026-11-27T09:00:00", 6, 13),
        ("2026-12-24T09:00:00", 24, 31),
        ("2036-11-24T09:00:00", 24 * 365, 11),
    ],
)
def test_longer_runs_have_longer_bars(last: str, hours: int, bars: int):
    """The span is the shortest that needs at most sixty bars."""
    found = tallies.timeline([alert(1, "2026-11-24T09:00:00"), alert(2, last)])

    assert found.span == hours * 3_600_000_000
    assert len(found.bars) == bars
    assert sum(bar.total for bar in found.bars) == 2


def test_times_centuries_apart_do_not_make_a_page_of_bars():
    """A log's made-up times cannot make the report large."""
    found = tallies.timeline([alert(1, "1970-01-01T00:00:00"), alert(2, "9999-12-31T23:59:59")])

    assert len(found.bars) == 60


def test_rules_come_gravest_first_then_most_frequent():
    """The tally has level, count, first and last of each rule."""
    found = tallies.by_rule(ALERTS)

    assert [(tally.name, tally.count) for tally in found] == [
        ("Rule critical", 1),
        ("Rule high", 2),
    ]
    assert found[1].first == "2026-11-24T09:00:00.000000Z"
    assert found[1].last == "2026-11-24T14:30:00.000000Z"


def test_entities_are_ranked_by_the_sum_of_their_risks():
    """Hosts, users and addresses are told apart; case does not part what a correlation folded."""
    found = tallies.by_entity(
        [
            alert(1, "2026-11-24T09:00:00", host={"name": "GW.example"}, event={"risk_score": 73.0}),
            alert(2, "2026-11-24T09:00:00", host={"name": "gw.example"}, event={"risk_score": 73.0}),
            alert(3, "2026-11-24T09:00:00", "critical", host={}, user={"name": "carla"}, event={"risk_score": 99.0}),
            alert(4, "2026-11-24T09:00:00", host={}, source={"ip": "192.0.2.1"}, event={"risk_score": 73.0}),
        ]
    )  # fmt: skip

    assert [(tally.kind, tally.name, tally.count, tally.risk) for tally in found] == [
        ("host", "GW.example", 2, 146.0),
        ("user", "carla", 1, 99.0),
        ("address", "192.0.2.1", 1, 73.0),
    ]
    assert found[1].level == "critical"


def test_no_more_entities_are_listed_than_one_looks_at():
    """A thousand hosts are twelve rows."""
    many = [alert(n, "2026-11-24T09:00:00", host={"name": f"host{n}"}) for n in range(1_000)]

    assert len(tallies.by_entity(many)) == 12


def test_tactics_stand_in_the_order_of_an_attack():
    """An alert counts for each of its tactics; an unknown one comes last."""
    found = tallies.by_tactic(
        [
            alert(1, "2026-11-24T09:00:00", threat={"tactic": {"name": ["Impact", "Execution"]}}),
            alert(2, "2026-11-24T09:00:00", threat={"tactic": {"name": ["Execution"]}}),
            alert(3, "2026-11-24T09:00:00", threat={"tactic": {"name": ["Novelty"]}}),
            alert(4, "2026-11-24T09:00:00"),
        ]
    )

    assert list(found.items()) == [("Execution", 2), ("Impact", 1), ("Novelty", 1)]


def test_of_very_many_alerts_the_gravest_are_listed(tmp_path: Path):
    """The list is bounded, keeps its order of time, and says that it is not all."""
    many = [alert(n, "2026-11-24T09:00:00", "low") for n in range(2_500)]
    many[2_400] = alert(2_400, "2026-11-24T09:00:00", "critical")

    found = tallies.shown(many)

    assert len(found) == 2_000
    assert found[-1]["_id"] == "id2400"
    assert "The gravest 2,000 of 2,500 alerts" in written(tmp_path, Summary("A run", many, {}))


def test_the_story_tells_which_rules_were_heard(tmp_path: Path):
    """A rule that alerted in its step's time is linked to its alert, a silent one is told."""
    story = (
        Step("08:30", "09:30", "server", "gw", "Somebody comes.", ("Rule high", "Rule critical")),
    )

    page = written(tmp_path, Summary("A run", ALERTS, ACCOUNTS, story=story))

    assert '✓ <a href="#alert-id1">Rule high</a>' in page
    assert "✗ Rule critical: no alert" in page


def test_evidence_names_rules_and_events(tmp_path: Path):
    """A correlation shows its group, period, value and the events behind it by rule name."""
    correlation = alert(
        1,
        "2026-11-24T09:00:00",
        tocsin={
            "rule": {"level": "high"},
            "group": {"source.ip": "192.0.2.1", "user.name": None},
            "value": 1_500_000.0,
            "period": {"start": "2026-11-24T09:00:00.000000Z", "end": "2026-11-24T10:00:00.000000Z"},
            "evidence": {
                "total": 12,
                "first": [
                    {"id": f"event{n}", "time": "2026-11-24T09:00:00.000000Z", "rules": ["r1", "r2"]}
                    for n in range(12)
                ],
                "last": [],
            },
        },
    )  # fmt: skip
    page = written(tmp_path, Summary("A run", [correlation], {}, {"r1": "First rule"}))
    text = re.sub(r"<[^>]+>", "|", page)

    assert "source.ip|||192.0.2.1" in text
    assert "user.name|||null" in text
    assert "value||1,500,000" in text
    assert "2026-11-24 09:00:00 to 2026-11-24 10:00:00" in text
    assert text.count("First rule, r2") == 10
    assert "more in the alert's document" in text
