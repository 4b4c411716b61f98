"""The parsers' golden events and the field definitions: each knows what the other says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.schemas.events import flatten
from tocsin.schemas.fields import EVENT_FIELDS
from tocsin.schemas.validation import MISFIT, conform

GOLDEN = Path(__file__).parents[1] / "parsers" / "golden"
FILES = sorted(GOLDEN.glob("*/*.json"))


def _events(path: Path) -> list[dict[str, Any]]:
    return [flatten(event) for event in json.loads(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_golden_event_has_a_misfit(path: Path) -> None:
    """Every field that a parser sets is defined, and has its field's type."""
    misfits = {
        key: value
        for event in _events(path)
        for key, value in conform(event).items()
        if key.startswith(MISFIT)
    }
    assert misfits == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_events_are_classified_in_ecs_words(path: Path) -> None:
    """event.kind, category, type and outcome have no values but those that ECS allows."""
    for event in _events(path):
        for name in ("event.kind", "event.category", "event.type", "event.outcome"):
            value = event.get(name, [])
            said = value if isinstance(value, list) else [value]
            assert set(said) <= set(EVENT_FIELDS[name].allowed)
