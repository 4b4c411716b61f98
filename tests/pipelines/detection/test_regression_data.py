"""The public regression cases: EVTX files, each recorded for the rule that has to find it."""

from datetime import UTC, datetime
from pathlib import Path

import evtx
import pytest
import yaml

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.rules import RuleSet

MORE_THAN_DECLARED = {
    # The files hold several events that the rule describes; the cases declare one.
    "0b9ad457-2554-44c1-82c2-d56a99c42377": 3,
    "8fbf3271-1ef6-4e94-8210-03c2317947f6": 3,
    "45e112d0-7759-4c2a-aa36-9f8fb79d3393": 3,
    "c7dcacd0-cc59-4004-b0a4-1d6cdebe6f3e": 2,
}
"""Matches by rule id where they are not as many as declared."""


def cases(folder):
    """(rule id, EVTX file, declared count or None) of every case under `folder`."""
    for info in sorted(folder.glob("regression_data/**/info.yml")):
        content = yaml.safe_load(info.read_text(encoding="utf-8"))
        for test in content.get("regression_tests_info", ()):
            rule = content["rule_metadata"][0]["id"]
            yield rule, folder / test["path"], test.get("match_count")


def events(path):
    """The normalised events of an EVTX file."""
    context = Context(datetime(2026, 11, 24, tzinfo=UTC), "UTC")
    parse = PARSERS["windows"].parse
    return [parse(each["data"], context) for each in evtx.PyEvtxParser(str(path)).records_json()]


@pytest.mark.slow
def test_every_case_is_matched_as_often_as_declared(sigmahq):
    """Through EVTX, ECS and rules; in four cases more events are as the rule says."""
    folder = Path(sigmahq[0]).parent
    rules = {rule.info.id: rule for rule in load_rules(sigmahq).detections}
    told = {}
    for rule_id, path, declared in cases(folder):
        detector = compile_rules(RuleSet((rules[rule_id],)))
        told[rule_id, path.name] = (len(detector.match(events(path))), declared)

    assert len(told) == 202
    for (rule_id, name), (found, declared) in told.items():
        if declared is None:
            assert found, name
        else:
            assert found == MORE_THAN_DECLARED.get(rule_id, declared), name
