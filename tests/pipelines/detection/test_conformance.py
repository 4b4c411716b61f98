"""Every conformance vector holds, for the reference, the detector and the explanation alike."""

from pathlib import Path

import pytest
import yaml

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.explain import explain
from tocsin.pipelines.detection.load import load_rules

FOLDER = Path(__file__).with_name("conformance")
FILES = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yml")
}
VECTORS = [
    pytest.param(vector, id=f"{topic}: {vector['name']}")
    for topic, content in sorted(FILES.items())
    for vector in content["vectors"]
]


def rule_text(vector):
    """The whole rule of a vector, as a rule file has it."""
    if "yaml" in vector:
        detection = vector["yaml"]
    else:
        section = vector.get("detection") or {"selection": vector["item"], "condition": "selection"}
        detection = yaml.safe_dump(
            section, default_flow_style=True, allow_unicode=False, width=1_000_000
        ).strip()
    return f"title: vector\nid: vector\nlogsource: {{category: test}}\ndetection: {detection}\n"


@pytest.mark.parametrize("vector", VECTORS)
def test_vector(vector, tmp_path):
    """The rule matches and misses what the vector says, or is refused for the reason it says."""
    (tmp_path / "rule.yml").write_text(rule_text(vector), encoding="utf-8")

    rules = load_rules([tmp_path], native=True, placeholders=vector.get("placeholders"))

    if "refused" in vector:
        assert not rules.detections
        assert [vector["refused"] in refusal.reason for refusal in rules.refusals] == [True]
        return
    assert not rules.refusals
    (rule,) = rules.detections
    events = [event | {"logsource.category": "test"} for event in vector.get("matches", ())]
    others = [event | {"logsource.category": "test"} for event in vector.get("misses", ())]
    assert [reference.matches(rule, event) for event in events] == [True] * len(events)
    assert [reference.matches(rule, event) for event in others] == [False] * len(others)
    assert [explain(rule, event).holds for event in events] == [True] * len(events)
    assert [explain(rule, event).holds for event in others] == [False] * len(others)
    found = compile_rules(rules).match(events + others)
    assert [index for index, _ in found] == list(range(len(events)))


def test_there_are_enough_vectors_and_each_says_why():
    """At least 400 vectors, with names unique in their files, each with sentence and outcome."""
    vectors = [vector for content in FILES.values() for vector in content["vectors"]]

    assert len(vectors) >= 400
    for content in FILES.values():
        names = [vector["name"] for vector in content["vectors"]]
        assert len(names) == len(set(names))
    assert all(vector["spec"].startswith(("Sigma: ", "Tocsin ")) for vector in vectors)
    assert all(vector.keys() & {"matches", "misses", "refused"} for vector in vectors)


@pytest.mark.parametrize("sentence", ["1.4", *(f"2.{number}" for number in range(1, 9)), "2.11"])
def test_every_sentence_about_values_has_vectors(sentence):
    """The sentences of docs/semantics.md that need no field map are each cited here."""
    cited = {
        vector["spec"].partition(",")[0]
        for content in FILES.values()
        for vector in content["vectors"]
    }

    assert f"Tocsin {sentence}" in cited
