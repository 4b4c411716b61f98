"""The log source table as a pySigma pipeline."""

from collections.abc import Iterator

import pytest
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule

from tocsin.schemas.sigma import LogSource, field_map, read_table
from tocsin.schemas.sigma_pipeline import pipeline_yaml, processing_pipeline

NAMES = ("Image", "EventID", "Message", "Query", "dst_ip", "cs-method", "action", "source.ip")
"""Fields that some log source maps, that others prefix, and one that is an event's own."""

SOURCES = [entry.source for entry in read_table().entries]


def _rule(source: LogSource) -> SigmaRule:
    return SigmaRule.from_dict(
        {
            "title": "t",
            "logsource": source.named(),
            "detection": {**{name: {name: "x"} for name in NAMES}, "condition": "1 of them"},
        }
    )


def _fields(detection: SigmaDetection) -> Iterator[str | None]:
    for item in detection.detection_items:
        if isinstance(item, SigmaDetectionItem):
            yield item.field
        else:
            yield from _fields(item)


def _plain(detection: SigmaDetection) -> list[dict[str | None, list[str]]]:
    """A gate's alternatives: field names with their allowed values as text."""
    items = detection.detection_items
    if isinstance(items[0], SigmaDetection):
        return [alternative for item in items for alternative in _plain(item)]
    return [{item.field: [str(value) for value in item.value] for item in items}]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_pipeline_and_table_agree_on_fields(source: LogSource) -> None:
    """Every field of a rule is renamed to the targets that the engine looks at."""
    rule = _rule(source)

    processing_pipeline().apply(rule)

    found = field_map(source.product, source.category, source.service)
    for name in NAMES:
        assert tuple(_fields(rule.detection.detections[name])) == found.targets(name)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_pipeline_and_table_agree_on_gates(source: LogSource) -> None:
    """The condition that is added to a rule has the gate's alternatives and nothing else."""
    rule = _rule(source)

    processing_pipeline().apply(rule)

    found = field_map(source.product, source.category, source.service)
    gates = [
        _plain(detection)
        for name, detection in rule.detection.detections.items()
        if name.startswith("_cond_")
    ]
    expected = [
        {name: [str(value) for value in values] or ["*"] for name, values in alternative.items()}
        for alternative in found.gate or ()
    ]
    assert gates == ([expected] if source != LogSource("ecs") else [])


def test_category_and_service_are_both_asked_for() -> None:
    """Entries that do not refine one another add a condition each."""
    rule = _rule(LogSource("windows", "process_creation", "sysmon"))

    processing_pipeline().apply(rule)

    added = [name for name in rule.detection.detections if name.startswith("_cond_")]
    assert len(added) == 2
    assert rule.detection.parsed_condition[0].condition.count("_cond_") == 2


def test_keywords_stay_keywords() -> None:
    """A search without a field is not given one."""
    rule = SigmaRule.from_dict(
        {
            "title": "t",
            "logsource": {"product": "windows", "service": "system"},
            "detection": {"keywords": ["mimikatz"], "condition": "keywords"},
        }
    )

    processing_pipeline().apply(rule)

    assert list(_fields(rule.detection.detections["keywords"])) == [None]


def test_printed_pipeline_is_read_by_pysigma() -> None:
    """What `sigma convert -p FILE` reads is the pipeline that we run."""
    read = ProcessingPipeline.from_yaml(pipeline_yaml())

    assert len(read.items) == len(processing_pipeline().items)
    assert read.priority == 20
