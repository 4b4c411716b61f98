"""Cisco ASA: names that users choose stay names."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.cisco_asa import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
NAMES = st.lists(
    st.sampled_from(
        ["eve", " ", ":", " : user IP = 6.6.6.6", "6.6.6.6", '"', ' for user "', "'", ", IP = 6.6.6.6, ",
         "IP address: 6.6.6.6, Uname: x", "(", ")", "[", "%ASA-6-302013: "]
    ),
    min_size=1,
).map("".join)  # fmt: skip


@given(NAMES.filter(str.strip))
def test_a_user_name_does_not_forge_the_address_it_came_from(name):
    """The device's own address of the client counts, whatever stands in the name."""
    head = "<166>Nov 24 2026 11:00:00 asa1 : "
    lines = (
        f"%ASA-6-113015: AAA user authentication Rejected : reason = Invalid password : "
        f"local database : user = {name} : user IP = 192.0.2.1",
        f'%ASA-6-605004: Login denied from 192.0.2.1/5000 to outside:192.0.2.2/ssh for user "{name}"',
        f"%ASA-6-611102: User authentication failed: IP address: 192.0.2.1, Uname: {name}",
        f"%ASA-4-113019: Group = g, Username = {name}, IP = 192.0.2.1, Session disconnected. "
        "Session Type: SSL, Duration: 0h:01m:02s, Bytes xmt: 1, Bytes rcv: 2, Reason: Idle",
    )

    for line in lines:
        event = parse(head + line, CONTEXT)

        assert event["source.ip"] == "192.0.2.1", line
        assert event["event.code"] == line[7:13]


@pytest.mark.parametrize("text", ["", "%ASA", "%SYS-5-CONFIG_I: x", "ASA-6-302013: x"])
def test_what_is_no_message_of_asa_is_refused(text):
    """IOS and others have message ids of another form."""
    with pytest.raises(ParseError, match="expected %ASA-LEVEL-ID"):
        parse(text, CONTEXT)


AGENTS = st.lists(
    st.sampled_from(
        ["curl", ", ", "SrcIP: 6.6.6.6", "DstIP: 6.6.6.6", "Protocol: udp", "SrcPort: 1", ": ",
         "AccessControlRuleAction: Allow", "User: root"]
    )
).map("".join)  # fmt: skip


@given(AGENTS)
def test_a_user_agent_does_not_forge_the_ends_of_a_connection(agent):
    """What Threat Defense wrote before the first text of a client counts."""
    text = (
        "%FTD-1-430003: AccessControlRuleAction: Block, SrcIP: 192.0.2.1, DstIP: 192.0.2.2, "
        f"SrcPort: 40000, DstPort: 80, Protocol: tcp, User: ada, UserAgent: {agent}"
    )

    event = parse(text, CONTEXT)

    assert event["source.ip"] == "192.0.2.1"
    assert event["source.port"] == 40000
    assert event["destination.ip"] == "192.0.2.2"
    assert event["network.transport"] == "tcp"
    assert event["event.type"] == ["connection", "end", "denied"]
    assert event.get("user.name", "ada") == "ada"
