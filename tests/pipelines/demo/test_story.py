"""The attack story is told whole by the shipped rules, and the quiet day nearly in silence."""

from pathlib import Path

import pytest

from tocsin.pipelines import stages
from tocsin.pipelines.demo.generate import generate
from tocsin.pipelines.demo.story import STORY, Step
from tocsin.pipelines.engine import Engine, load_engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, Record


def alerts_of(folder: Path, engine: Engine, *, seed: int, story: bool) -> list[Alert]:
    """The alerts of a day, in order of time."""
    manifest = generate(folder, seed, story=story)
    alerts: list[Alert] = []
    matches: list[Match] = []
    for file in manifest.files:
        source = manifest.source_of(file.path)
        records = [
            Record(line, f"{source.name}/{number}", manifest.end)
            for number, line in enumerate(file.path.read_bytes().splitlines())
        ]
        for start in range(0, len(records), 4096):
            normalized = stages.normalize(Batch(source, records[start : start + 4096]))
            assert normalized.dead_letters == []
            detected = stages.detect(normalized.events, engine)
            alerts += detected.alerts
            matches += detected.matches
    alerts += stages.correlate_history(matches, engine).alerts
    return sorted(alerts, key=lambda alert: (alert.document["@timestamp"], alert.id))


@pytest.fixture(scope="module")
def engine() -> Engine:
    """All shipped rules."""
    return load_engine([])


def test_the_story_names_rules_that_ship(engine: Engine):
    """Each rule of a step is the title of a shipped rule that gives alerts."""
    loud = {
        rule.info.title
        for rule in (*engine.rules.detections, *engine.rules.correlations)
        if rule.info.id not in engine.correlations.silent
    }

    assert {rule for step in STORY for rule in step.rules} <= loud


def test_the_story_crosses_all_source_groups():
    """Every group of sources shows a part of it, in order of time."""
    assert {step.group for step in STORY} == {"firewall", "mail", "antivirus", "server"}
    assert [step.start for step in STORY] == sorted(step.start for step in STORY)
    assert all(step.start < step.end for step in STORY)


@pytest.mark.slow
def test_every_step_of_the_story_is_an_alert_and_little_else_is(tmp_path: Path, engine: Engine):
    """Each rule of each step alerts within the step's time; at most five alerts are no step's."""
    alerts = [alert.document for alert in alerts_of(tmp_path, engine, seed=1, story=True)]
    found = [(alert["rule"]["name"], alert["@timestamp"][11:16]) for alert in alerts]

    def tells(name: str, time: str, step: Step, rule: str) -> bool:
        return name == rule and step.start <= time <= step.end

    parts = [(step, rule) for step in STORY for rule in step.rules]
    untold = [part for part in parts if not any(tells(*alert, *part) for alert in found)]
    others = [alert for alert in found if not any(tells(*alert, *part) for part in parts)]

    assert untold == []
    assert len(others) <= 5


@pytest.mark.slow
def test_a_quiet_day_gives_at_most_five_alerts(tmp_path: Path, engine: Engine):
    """Office hours, backups, scanners and spam are no news: the off-site backup is asked about."""
    alerts = alerts_of(tmp_path, engine, seed=2, story=False)

    names = [alert.document["rule"]["name"] for alert in alerts]
    assert len(names) <= 5
    assert "Large volume sent to one address" in names
