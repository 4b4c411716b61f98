"""ClamAV: what golden lines cannot show."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.antivirus.clamav import parse
from tocsin.parsers.context import Context, ParseError

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))

pieces = st.sampled_from(
    ["a", ": ", " FOUND", ": OK", "ERROR: ", " ", "/", "Message from <a> to <b>", " -> ", "(", ")"]
)


@given(st.lists(pieces, max_size=8).map("".join))
def test_a_file_name_cannot_hide_or_change_what_was_found(name: str):
    """The last word before FOUND is the signature; all before it is the path."""
    event = parse(f"Fri Nov 20 12:00:00 2026 -> /srv/{name}/x: Win.Test.EICAR_HDB-1 FOUND", CONTEXT)

    assert event["event.kind"] == "alert"
    assert event["clamav.signature"] == "Win.Test.EICAR_HDB-1"
    assert event["clamav.path"] == f"/srv/{name}/x"


def test_a_clean_messages_date_cannot_make_it_infected():
    """Only lines that begin as infected ones do are read so."""
    event = parse(
        "Nov 24 11:52:50 mx1 clamav-milter[1]: Clean message from <a@b> to <c@d> with subject 'x' "
        "message-id '<m>' date 'x' infected by Nothing",
        CONTEXT,
    )

    assert event["event.kind"] == "event"
    assert event["event.action"] == "message-clean"


def test_a_line_of_nothing_known_is_refused():
    """Without a header or a verdict nothing says that the line is ClamAV's."""
    with pytest.raises(ParseError, match="not ClamAV's"):
        parse("hello", CONTEXT)
