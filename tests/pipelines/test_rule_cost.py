"""Costs are told for each rule, the highest first."""

from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.rule_cost import rule_costs

RULES = """
title: Word
id: word
logsource: {category: test}
detection: {words: [needle], condition: words}
---
title: Elsewhere
id: elsewhere
logsource: {category: other}
detection: {s: {F: x}, condition: s}
"""


def test_a_rule_that_reads_all_text_costs_more_than_one_of_another_source(tmp_path):
    """And each is told how often it matches."""
    (tmp_path / "rules.yml").write_text(RULES)
    rules = load_rules([tmp_path], native=True)
    filler = {f"F{number}": "x" * 500 for number in range(20)}
    events = [{"logsource.category": "test", "F": f"a needle {n}"} | filler for n in range(200)]

    costs = rule_costs(rules, events)

    assert [(cost.rule.info.id, cost.matches) for cost in costs] == [
        ("word", 200),
        ("elsewhere", 0),
    ]
    assert costs[0].microseconds > costs[1].microseconds > 0
