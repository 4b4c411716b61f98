"""Tests of rules from raw lines: they are read strictly, and a wrong expectation is told."""

from pathlib import Path

import pytest

from tocsin.pipelines.engine import load_engine
from tocsin.pipelines.rule_tests import RuleTestError, load_rule_tests, run_rule_test

RULE = """\
title: Root by SSH
id: 0d0a1d5e-4d5f-4b0e-9a4e-3c1c9c0f0a11
name: root_by_ssh
level: high
taxonomy: ecs
logsource: {product: ecs, category: authentication}
detection:
  selection: {process.name: sshd, user.name: root, event.outcome: success}
  condition: selection
"""

TEST = """\
received: 2026-11-24T12:00:00Z
tests:
  - name: root logs in
    records:
      - parser: linux
        times: 2
        lines: |
          Nov 24 09:00:<<nn>> gw sshd[812]: Accepted password for root from 192.0.2.<<n>> port 5 ssh2
    alerts:
      - {rule.name: Root by SSH, source.ip: 192.0.2.1, "@timestamp": "2026-11-24T09:00:01.000000Z"}
      - {rule.name: Root by SSH, source.ip: 192.0.2.2, "@timestamp": "2026-11-24T09:00:02.000000Z"}
"""


@pytest.fixture
def problems(tmp_path: Path):
    """A function that runs the one test in a text beside `RULE`, and gives what is wrong."""

    def run(text: str) -> list[str]:
        (tmp_path / "root.yml").write_text(RULE)
        (tmp_path / "root.test.yml").write_text(text)
        (test,) = load_rule_tests([tmp_path])
        return run_rule_test(test, load_engine([tmp_path]))

    return run


def test_lines_that_give_the_expected_alerts_pass(problems):
    """Each line is repeated with its number, and the alerts come in order of time."""
    assert problems(TEST) == []


def test_an_alert_too_few_or_too_many_is_told_with_the_rules_that_alerted(problems):
    """The number of alerts counts, and the message says which rules gave them."""
    text = TEST.replace("times: 2", "times: 3")

    assert problems(text) == ["expected 2 alerts, found 3: Root by SSH, Root by SSH, Root by SSH"]


def test_a_field_that_differs_is_told_with_both_values(problems):
    """Only the named fields are compared, each by itself."""
    text = TEST.replace("source.ip: 192.0.2.2", "source.ip: 192.0.2.9")

    assert problems(text) == ["alert 2: source.ip is '192.0.2.2', expected '192.0.2.9'"]


def test_a_line_that_no_parser_reads_fails_the_test(problems):
    """A test cannot pass because its lines were not understood."""
    text = TEST.replace("parser: linux", "parser: windows")

    found = problems(text)

    assert [problem.split(":")[0] for problem in found[:2]] == ["not parsed", "not parsed"]
    assert found[2] == "expected 2 alerts, found 0: none"


def test_a_refused_rule_fails_its_tests(problems, tmp_path: Path):
    """Tests beside a rule that was not loaded do not pass by finding nothing."""
    (tmp_path / "other.yml").write_text(RULE.replace("condition: selection", "condition: missing"))
    (tmp_path / "other.test.yml").write_text(TEST)
    (test,) = load_rule_tests([tmp_path / "other.test.yml"])

    assert run_rule_test(test, load_engine([tmp_path / "other.yml"])) == [
        f"no rule of {tmp_path / 'other.yml'} was loaded"
    ]


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (("parser: linux", "parser: dos"), 5, "parser: 'dos' is none of"),
        (("times: 2", "times: 0"), 5, "times: expected a number from 1 to 100000"),
        (("times: 2", "times: 100001"), 5, "times: expected a number from 1 to 100000"),
        (("times: 2", "times: two"), 5, "times: expected a number from 1 to 100000"),
        (("    alerts:", "    alarms:"), 3, "unknown key 'alarms', known: alerts, name, records"),
        (("received: 2026-11-24T12:00:00Z", "received: noon"), 1, "received, timezone"),
        (("lines: |", "text: |"), 5, "unknown key 'text', known: lines, parser, times"),
        (("tests:", "tests: []\nother:"), 1, "unknown key 'other'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, change, line: int, reason: str):
    """A test file that cannot be used names the file, the line and what was expected."""
    path = tmp_path / "root.test.yml"
    path.write_text(TEST.replace(*change))

    with pytest.raises(RuleTestError) as caught:
        load_rule_tests([path])

    assert str(caught.value).startswith(f"{path}:{line}: {reason}")


def test_a_path_that_is_no_test_is_told(tmp_path: Path):
    """A rule, or a name that is nowhere, does not pass as no tests that failed."""
    rule = tmp_path / "root.yml"
    rule.write_text(RULE)

    with pytest.raises(RuleTestError, match=r"root\.yml: expected a directory, or a test file"):
        load_rule_tests([rule])
    with pytest.raises(FileNotFoundError):
        load_rule_tests([tmp_path / "mistyped"])
