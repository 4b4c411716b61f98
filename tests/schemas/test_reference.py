"""The field reference is generated, and the file in docs is what is generated now."""

from pathlib import Path

from tocsin.schemas.fields import FIELDS
from tocsin.schemas.reference import field_reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "fields.md"


def test_the_reference_in_docs_is_current() -> None:
    """`python -m tocsin.schemas.reference > docs/fields.md` was run after the last change."""
    assert DOCUMENT.read_text(encoding="utf-8") == field_reference()


def test_every_field_is_in_the_reference() -> None:
    """Each has a row with its name, type, class and sentence."""
    text = field_reference()

    assert "| `source.ip` | ip | personal | Address of the sending side. |" in text
    assert (
        "| `event.outcome` | keyword | none | Whether what was tried succeeded. "
        "One of: success, failure, unknown. |"
    ) in text
    assert [name for name in FIELDS if f"| `{name}`" not in text] == []


def test_log_sources_are_in_the_reference() -> None:
    """An engineer sees which events a rule's log source means, and which have no parser."""
    text = field_reference()

    assert "| product windows, service security | `winlog.channel` Security |\n" in text
    assert "| product linux, service auditd | there is no auditd parser yet |" in text
