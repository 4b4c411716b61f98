"""Whose view of a correlation alert stands: completeness, then watermark, then the later writer."""

from typing import Any

import pytest

from tocsin.pipelines.connectors.revisions import Stored, Write, revise
from tocsin.schemas.alerts import Alert

MINUTE = 60_000_000
EARLY, LATE = 1_764_000_000_000_000, 1_764_000_000_000_000 + MINUTE
EARLY_TEXT, LATE_TEXT = "2025-11-24T16:00:00.000000Z", "2025-11-24T16:01:00.000000Z"
AT_CREATION = {
    "tocsin": {"run": "mine"},
    "kibana": {"alert": {"workflow_status": "open"}},
}


def alert(count: int, **more: Any) -> Alert:
    document = {
        "rule": {"id": "r"},
        "tocsin": {"count": count, "group": {"source.ip": "192.0.2.1"}, **more},
    }
    return Alert("a", "i", document, revisable=True)


def stored(**tocsin: Any) -> Stored:
    document = {
        "rule": {"id": "r"},
        "kibana": {"alert": {"workflow_status": "closed", "workflow_note": "looked into"}},
        "tocsin": {
            "run": "first",
            "count": 3,
            "group": {"source.ip": "192.0.2.1"},
            "watermark": EARLY_TEXT,
            **tocsin,
        },
    }
    return Stored(document, 7, 2)


def test_a_new_alert_is_created_with_what_is_set_once() -> None:
    """Provenance and analysts' fields stand in the document from the start."""
    write = revise(alert(3), None, EARLY, AT_CREATION)

    assert write == Write(
        "create",
        {
            "rule": {"id": "r"},
            "kibana": {"alert": {"workflow_status": "open"}},
            "tocsin": {
                "run": "mine",
                "count": 3,
                "group": {"source.ip": "192.0.2.1"},
                "watermark": EARLY_TEXT,
            },
        },
    )


@pytest.mark.parametrize(
    ("mine", "watermark", "theirs", "writes"),
    [
        ({}, LATE, {}, True),
        ({}, EARLY, {}, True),
        ({}, EARLY - MINUTE, {}, False),
        ({"incomplete": True}, LATE, {}, False),
        ({"incomplete": True}, LATE, {"incomplete": False}, False),
        ({}, EARLY - MINUTE, {"incomplete": True}, True),
        ({"incomplete": True}, LATE, {"incomplete": True}, True),
        ({"incomplete": True}, EARLY - MINUTE, {"incomplete": True}, False),
    ],
)
def test_who_wins(
    mine: dict[str, Any], watermark: int, theirs: dict[str, Any], writes: bool
) -> None:
    """Complete over incomplete, whatever the time; of like views the later, or equal, watermark."""
    write = revise(alert(4, **mine), stored(**theirs), watermark, AT_CREATION)

    assert (write is not None) is writes


def test_a_revision_is_a_guarded_part_without_what_others_own() -> None:
    """The update names the version it was decided on and leaves provenance and workflow alone."""
    document = {**alert(4).document, "kibana": {"alert": {"workflow_status": "open"}}}

    write = revise(Alert("a", "i", document), stored(), LATE, AT_CREATION)

    tocsin = {"count": 4, "group": {"source.ip": "192.0.2.1"}, "watermark": LATE_TEXT}
    partial = {"rule": {"id": "r"}, "kibana": {"alert": {}}, "tocsin": tocsin}
    assert write == Write("update", {"doc": partial}, 7, 2)


def test_a_revision_that_lost_a_field_keeps_what_others_own() -> None:
    """A field of ours that is gone is gone; what analysts set and who came first is as it was."""
    write = revise(alert(4), stored(capped=True, incomplete=True), LATE, {})

    assert write == Write(
        "index",
        {
            "rule": {"id": "r"},
            "kibana": {"alert": {"workflow_status": "closed", "workflow_note": "looked into"}},
            "tocsin": {
                "run": "first",
                "count": 4,
                "group": {"source.ip": "192.0.2.1"},
                "watermark": LATE_TEXT,
            },
        },
        7,
        2,
    )


def test_a_status_written_with_a_dotted_name_is_an_analyst_s_too() -> None:
    """`{"kibana.alert.workflow_status": …}` is the same field as its nested form."""
    source = {
        "tocsin": {"count": 3, "capped": True},
        "kibana.alert.workflow_status": "acknowledged",
    }

    write = revise(alert(4), Stored(source, 1, 1), EARLY, AT_CREATION)

    assert write is not None
    assert write.action == "index"
    assert write.body["kibana"] == {"alert": {"workflow_status": "acknowledged"}}


def test_a_document_without_a_watermark_was_written_before_any() -> None:
    """An alert that something else wrote does not block the correlator."""
    assert revise(alert(1), Stored({"rule": {"id": "r"}}, 0, 1), EARLY, AT_CREATION) is not None
