"""Rules over files of events, in event time, whatever the order of the lines."""

import io
import random
from pathlib import Path

import orjson
import pytest

from tocsin.pipelines import rule_run
from tocsin.pipelines.engine import Engine, load_engine

RULES = """
title: Failed
id: 11111111-1111-4111-8111-111111111111
name: failed
logsource: {product: ecs}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Many failed
id: 33333333-3333-4333-8333-333333333333
correlation:
  type: event_count
  rules: [failed]
  group-by: [user.name]
  timespan: 10m
  condition: {gte: 2}
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One detection and one correlation."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    return load_engine([folder])


def line(minute: int, user: str = "ann", outcome: str = "failure") -> bytes:
    event = {
        "@timestamp": f"2026-11-24T10:{minute:02}:00Z",
        "event": {"outcome": outcome, "id": f"{user}{minute}"},
        "user.name": user,
    }
    return orjson.dumps(event) + b"\n"


def lines(text: bytes, errors: list[str]) -> list[rule_run.Line]:
    return list(rule_run.read_lines(io.BytesIO(text), "f", errors, native=False))


def test_what_is_no_event_is_named_by_its_line(engine: Engine) -> None:
    """A broken line, a line that is no object, and a missing time; the rest goes on."""
    errors: list[str] = []
    events = lines(b"{\n[1]\n" + b'{"event.outcome":"failure"}\n' + line(0) + line(1), errors)

    (alert,) = rule_run.alert_lines(events, "f", engine, errors).alerts

    assert alert.document["tocsin"]["count"] == 2
    assert errors[0].startswith("f:1: ")
    assert errors[1:] == ["f:2: expected a JSON object", "f:3: no @timestamp"]


def test_the_order_of_lines_does_not_matter(engine: Engine) -> None:
    """Correlations are judged in event time over the whole file."""
    ordered = [line(minute, user) for minute in range(0, 50, 7) for user in ("ann", "bob")]
    shuffled = random.Random(3).sample(ordered, len(ordered))

    one, other = (
        rule_run.alert_lines(lines(b"".join(text), []), "f", engine, []).alerts
        for text in (ordered, shuffled)
    )

    assert [alert.id for alert in one] == [alert.id for alert in other]
    assert [alert.document for alert in one] == [alert.document for alert in other]
    assert len(one) == 2


def test_an_event_without_id_is_known_by_its_line(engine: Engine) -> None:
    """Two equal lines are two events."""
    text = b'{"@timestamp":"2026-11-24T10:00:00Z","event.outcome":"failure","user.name":"a"}\n'

    (alert,) = rule_run.alert_lines(lines(text * 2, []), "f", engine, []).alerts

    assert alert.document["tocsin"]["count"] == 2


def test_of_lines_with_one_id_the_first_in_time_stands(engine: Engine) -> None:
    """Two events that claim one id are one event, the same whatever line comes first."""
    claims = [line(1), line(1).replace(b"10:01", b"10:02"), line(1).replace(b"10:01", b"10:00")]
    other = line(9)

    runs = [
        rule_run.alert_lines(lines(b"".join([*order, other]), []), "f", engine, []).alerts
        for order in (claims, claims[::-1], claims[1:] + claims[:1])
    ]

    (alert,) = runs[0]
    assert alert.document["event"]["start"] == "2026-11-24T10:00:00.000000Z"
    assert alert.document["tocsin"]["count"] == 2
    assert runs[0] == runs[1] == runs[2]


def test_what_a_correlation_cannot_count_is_told(engine: Engine) -> None:
    """A failure without a user has no group to count in."""
    text = b'{"@timestamp":"2026-11-24T10:00:00Z","event.outcome":"failure"}\n'

    done = rule_run.alert_lines(lines(text + line(1), []), "f", engine, [])

    rule = "33333333-3333-4333-8333-333333333333"
    assert dict(done.uncounted) == {("correlation.matches.ungrouped", rule): 1}


def test_events_may_be_compressed(tmp_path: Path) -> None:
    """`.gz` is read as what it holds."""
    import gzip

    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(line(0)))

    with rule_run.open_events(path) as stream:
        assert stream.read() == line(0)


def test_ids_that_are_no_text_stop_nothing(engine: Engine) -> None:
    """A number is read as its text; what can be no id costs its line only, which is named."""
    events = [
        b'{"@timestamp":"2026-11-24T10:00:00Z","event.outcome":"failure","user.name":"a",%b}\n'
        % rest
        for rest in (
            b'"event.id":7',
            b'"event.id":"x"',
            b'"event.id":["x"]',
            b'"event.id":null',
            b'"organization.name":{}',
        )
    ]
    errors: list[str] = []

    (alert,) = rule_run.alert_lines(lines(b"".join(events), []), "f", engine, errors).alerts

    assert alert.document["tocsin"]["count"] == 3
    assert errors == [
        "f:3: event.id: expected text, not a list",
        "f:5: organization.name: expected text, not a dict",
    ]
