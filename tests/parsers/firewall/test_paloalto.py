"""PAN-OS: columns stay in their places, whatever stands in them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.paloalto import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
THREAT = (
    "<11>Nov 24 11:00:00 pa1 1,2026/11/24 11:00:00,0153,THREAT,url,2561,2026/11/24 11:00:00,"
    "192.0.2.1,198.51.100.9,0.0.0.0,0.0.0.0,out,,,web-browsing,vsys1,trust,untrust,ethernet1/2,"
    "ethernet1/1,fwd,0,31001,1,51001,80,0,0,0x0,tcp,block-url,{misc},(9999),games,high,"
    "client-to-server"
)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_quoted_column_cannot_shift_the_others(url):
    """Commas and doubled quotes inside a URL are the URL's."""
    quoted = url.replace('"', '""')

    event = parse(THREAT.format(misc=f'"{quoted}"'), CONTEXT)

    assert event["panw.panos.misc"] == url.strip()
    assert event["panw.panos.severity"] == "high"
    assert event["source.ip"] == "192.0.2.1"
    assert event["event.type"] == ["denied"]
    assert "tags" not in event


def test_shifted_columns_are_noticed():
    """Where an unquoted comma has moved the columns, nothing behind it is believed."""
    event = parse(THREAT.format(misc="x,critical"), CONTEXT)

    assert event["tags"] == ["parse_partial"]
    assert event["source.ip"] == "192.0.2.1"
    assert event["rule.name"] == "out"


def test_columns_of_later_versions_are_kept():
    """What stands beyond the columns that are known keeps its number."""
    line = "1,2026/11/24 11:00:00,0153,CONFIG,0,2561,2026/11/24 11:00:00,10.1.0.7,,set,ada,CLI,Succeeded,p,9,x"

    event = parse(line, CONTEXT)

    assert event["panw.panos.path"] == "p"
    assert event["panw.panos.column_15"] == "9"
    assert event["panw.panos.column_16"] == "x"


@pytest.mark.parametrize("text", ["", "1,2,3", "2026/11/24 11:00:00,0153,TRAFFIC", "1" * 10_000])
def test_what_has_no_columns_of_panos_is_refused(text):
    """Receive time, serial number and type come first in every log."""
    with pytest.raises(ParseError, match="no log of PAN-OS"):
        parse(text, CONTEXT)
