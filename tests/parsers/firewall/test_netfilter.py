"""Netfilter: what holds of every packet, beside the golden ones."""

from datetime import UTC, datetime

import pytest

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.netfilter import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
PACKET = "IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=40 PROTO=TCP SPT=1 DPT=2"


@pytest.mark.parametrize(
    ("prefix", "action", "verdict"),
    [
        ("[UFW BLOCK] ", "block", "denied"),
        ("[UFW LIMIT BLOCK] ", "block", "denied"),
        ("[UFW ALLOW] ", "allow", "allowed"),
        ("[UFW AUDIT] ", None, None),
        ("IPTables-Dropped: ", "drop", "denied"),
        ("Shorewall:net2all:REJECT:", "reject", "denied"),
        ("INPUT_accepted ", "accept", "allowed"),
        ("[WAN_IN-10-R]", "reject", "denied"),
        ("Raindrop ", None, None),
        ("", None, None),
    ],
)
def test_the_prefix_tells_what_became_of_the_packet(prefix, action, verdict):
    """Only a whole word of the administrator's prefix is a verdict."""
    event = parse(f"Nov 24 11:00:00 gw kernel: {prefix}{PACKET}", CONTEXT)

    assert event.get("event.action") == action
    assert event["event.type"] == ["connection", *([verdict] if verdict else [])]


def test_the_host_that_logs_is_observer_and_host():
    """A Linux firewall is a host like others, so its packets join its other events."""
    event = parse(f"Nov 24 11:00:00 gw kernel: {PACKET}", CONTEXT)

    assert event["observer.name"] == "gw"
    assert event["host.name"] == "gw"


@pytest.mark.parametrize(
    "text", ["", "kernel: hello", "Nov 24 11:00:00 gw kernel: IN=eth0 SRC=1.2.3.4"]
)
def test_what_is_no_packet_is_refused(text):
    """Other messages of the kernel belong to another parser."""
    with pytest.raises(ParseError, match="expected IN="):
        parse(text, CONTEXT)
