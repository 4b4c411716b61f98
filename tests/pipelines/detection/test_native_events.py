"""Events under their source's own names, as `tocsin rules run --native` reads them."""

import io

from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.rule_run import read_lines

RULES = """\
title: Z
id: z
logsource: {product: zeek, service: dns}
detection: {s: {query|endswith: .example, answer.name: x}, condition: s}
---
title: W
id: w
logsource: {product: windows, category: process_creation}
detection: {s: {Image|endswith: '\\cmd.exe'}, condition: s}
"""

LINES = rb"""
{"logsource": {"product": "zeek", "service": "dns", "category": "dns"}, "query": "a.example", "answer": {"name": "x"}}
{"logsource": {"product": "zeek", "service": "http"}, "query": "a.example", "answer": {"name": "x"}}
{"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Image": "C:\\cmd.exe"}
{"Channel": "Security", "EventID": 4688, "NewProcessName": "C:\\cmd.exe"}
{"Channel": "Security", "EventID": 4624, "Image": "C:\\cmd.exe"}
"""


def test_a_log_source_may_be_an_object_beside_the_fields(load):
    """Windows events name theirs by channel and event id."""
    errors: list[str] = []
    lines = list(read_lines(io.BytesIO(LINES), "f", errors, native=True))

    found = compile_rules(load(RULES, native=True)).match([line.event for line in lines])

    assert errors == []
    assert [(lines[index].number, rule.info.id) for index, rule in found] == [
        (2, "z"),
        (4, "w"),
        (5, "w"),
    ]
