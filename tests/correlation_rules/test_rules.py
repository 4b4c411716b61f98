"""The shipped rules are data with laws: whole, told apart, levelled, tagged, and tested."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from sigma.collection import SigmaCollection
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

from tocsin.pipelines.detection.documents import Mapping, read_documents
from tocsin.pipelines.engine import SHIPPED, Engine
from tocsin.pipelines.rule_tests import load_rule_tests, run_rule_test

FILES = sorted(path for path in SHIPPED.rglob("*.yml") if not path.name.endswith(".test.yml"))
RULES = [
    (path, document.body)
    for path in FILES
    for document in read_documents(path.read_bytes())
    if document.body is not None
]
TESTS = load_rule_tests([SHIPPED])

GROUPS = {"firewall", "mail", "antivirus", "server", "cross"}
LEVELS = {"informational", "low", "medium", "high", "critical"}
TACTICS = {
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
}
TECHNIQUE = re.compile(r"attack\.t\d{4}(\.\d{3})?")


def named(rule: tuple[Path, Mapping]) -> str:
    path, body = rule
    return f"{path.parent.name}/{path.stem}:{body['name']}"


def correlation(body: Mapping) -> Mapping | None:
    return body.get("correlation")


def test_every_rule_is_accepted(engine: Engine):
    """No shipped rule is refused, and none is warned of."""
    assert engine.refusals == ()
    assert engine.correlations.warnings == ()
    assert len(engine.rules.detections) + len(engine.rules.correlations) == len(RULES)


def test_the_public_toolchain_takes_every_rule():
    """All shipped rules load in pySigma, and its validators have nothing to say.

    Left out are the validators that ask the internet for the tags of ATT&CK and D3FEND.
    """
    collection = SigmaCollection.load_ruleset(FILES, collect_errors=True)
    collection.resolve_rule_references()
    offline = {kind for kind in validators.values() if not kind.__module__.endswith(".tags")}

    assert not [error for rule in collection.rules for error in rule.errors]
    assert SigmaValidator(offline).validate_rules(collection) == []


def test_there_are_detections_and_correlations_of_every_source_group():
    """At least twelve detections and twelve correlations ship, in the folders of the groups."""
    correlations = [body for _, body in RULES if correlation(body)]

    assert len(correlations) >= 12
    assert len(RULES) - len(correlations) >= 12
    assert {path.parent.name for path in FILES} == GROUPS


@pytest.mark.parametrize("key", ["id", "name", "title"])
def test_no_two_rules_share_what_tells_them_apart(key: str):
    """Ids, names and titles are unique over all files."""
    values = [body[key] for _, body in RULES]

    assert sorted(values) == sorted(set(values))


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_says_what_an_analyst_needs(rule: tuple[Path, Mapping]):
    """Each rule has a random UUID, a title, a sentence, an author, a level and false positives."""
    _, body = rule

    assert UUID(body["id"]).version == 4
    assert re.fullmatch(r"[a-z][a-z0-9_]+", body["name"])
    assert 8 <= len(body["title"]) <= 80
    assert not body["title"].endswith(".")
    assert body["description"].strip().endswith(".")
    assert body["author"] == "Tocsin"
    assert body["status"] == "experimental"
    assert body["level"] in LEVELS
    assert body["falsepositives"]


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_is_placed_in_attack(rule: tuple[Path, Mapping]):
    """Each rule has a tactic and a technique of ATT&CK, written as Sigma's tags are."""
    tags = rule[1]["tags"]
    tactics = [tag for tag in tags if tag.removeprefix("attack.") in TACTICS]
    techniques = [tag for tag in tags if TECHNIQUE.fullmatch(tag)]

    assert tactics
    assert techniques
    assert set(tags) == {*tactics, *techniques}


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_that_only_serves_others_is_not_grave(rule: tuple[Path, Mapping], engine: Engine):
    """A detection that is silent, because correlations speak for it, is informational."""
    _, body = rule
    if body["id"] in engine.correlations.silent and not correlation(body):
        assert body["level"] == "informational"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_rule_file_is_tested_both_ways(path: Path):
    """Beside each file stand tests of which one expects alerts and another expects none or fewer."""
    expected = [len(test.alerts) for test in TESTS if test.rule_path == path]

    assert len(expected) >= 2
    assert min(expected) < max(expected)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_every_rule_that_alerts_is_expected_by_a_test(rule: tuple[Path, Mapping], engine: Engine):
    """A rule that is not silent gives an alert in some test of its file."""
    path, body = rule
    if body["id"] not in engine.correlations.silent:
        names = {
            alert["rule.name"] for test in TESTS if test.rule_path == path for alert in test.alerts
        }
        assert body["title"] in names


@pytest.mark.parametrize("test", TESTS, ids=lambda test: f"{test.path.stem}:{test.line}")
def test_from_raw_lines(test, engine: Engine):
    """What stands in a test file holds: its lines give those alerts and no others of its rules."""
    assert run_rule_test(test, engine) == []


def test_the_documentation_lists_the_rules_that_alert(engine: Engine):
    """docs/rules.md has one row a rule that gives alerts, with its level and file."""
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    rows = re.findall(r"^\| (.+) \| (\w+) \| \w+ \| `(.+)` \|$", text, re.MULTILINE)

    assert sorted(rows) == sorted(
        (body["title"], body["level"], path.relative_to(SHIPPED).as_posix())
        for path, body in RULES
        if body["id"] not in engine.correlations.silent
    )
