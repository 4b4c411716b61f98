"""FortiGate: what holds of every log, beside the golden ones."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.fortigate import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
GOLDEN = Path(__file__).parents[1] / "golden" / "fortigate"


def test_the_whole_log_is_kept_in_its_own_names_and_text():
    """Rules and keywords find every value as FortiOS wrote it, empty and unknown ones too."""
    event = parse(
        'logid="0000000013" type="traffic" srcip=N/A srcport=070 newfield="x y" empty= action="Deny"',
        CONTEXT,
    )

    kept = {key: value for key, value in event.items() if key.startswith("fortinet.")}
    assert kept == {
        "fortinet.firewall.logid": "0000000013",
        "fortinet.firewall.type": "traffic",
        "fortinet.firewall.srcip": "N/A",
        "fortinet.firewall.srcport": "070",
        "fortinet.firewall.newfield": "x y",
        "fortinet.firewall.empty": "",
        "fortinet.firewall.action": "Deny",
    }


def test_no_pair_of_a_golden_log_is_missing():
    """As many fields are kept as the log has keys."""
    for line in (GOLDEN / "utm.log").read_text(encoding="utf-8").splitlines():
        kept = [key for key in parse(line, CONTEXT) if key.startswith("fortinet.firewall.")]

        # In these lines, what a value holds with "=" begins with other than a letter.
        keys = [word for word in line.split(" ") if "=" in word and word[0].isalpha()]
        assert len(kept) == len(keys)


@pytest.mark.parametrize(
    ("times", "time", "assumed"),
    [
        ("eventtime=1795511742369913239 date=2020-01-01 time=00:00:00",
         "2026-11-24T09:15:42.369913Z", None),
        ("eventtime=1795511742369 tz=+0100", "2026-11-24T09:15:42.369000Z", None),
        ("eventtime=1795511742", "2026-11-24T09:15:42.000000Z", None),
        ("eventtime=0 date=2026-11-24 time=10:15:42", "2026-11-24T09:15:42.000000Z",
         "Europe/Madrid"),
        ('date=2026-11-24 time=10:15:42 tz="-0500"', "2026-11-24T15:15:42.000000Z", None),
        ('date=2026-11-24 time=10:15:42 tz="UTC+2:00"', "2026-11-24T08:15:42.000000Z", None),
        ("date=2026-11-24 time=10:15:42 tz=CET", "2026-11-24T09:15:42.000000Z", "Europe/Madrid"),
        ("date=2026-99-24 time=10:15:42", "2026-11-24T12:00:00.000000Z", None),
    ],
)  # fmt: skip
def test_the_time_is_eventtime_else_local_time_in_its_zone(times, time, assumed):
    """`eventtime` in whatever unit, then date and time with `tz`, then the record time."""
    event = parse(f"logid=0000000013 type=traffic {times}", CONTEXT)

    assert event["@timestamp"] == time
    assert event.get("event.timezone") == assumed


@pytest.mark.parametrize(
    ("action", "types"),
    [
        ("accept", ["connection", "end", "allowed"]),
        ("close", ["connection", "end", "allowed"]),
        ("client-rst", ["connection", "end", "allowed"]),
        ("timeout", ["connection", "end", "allowed"]),
        ("start", ["connection", "start", "allowed"]),
        ("deny", ["connection", "denied"]),
    ],
)
def test_traffic_is_denied_begun_or_ended(action, types):
    """FortiOS says of a session: deny, start, or how an allowed one closed."""
    assert parse(f"type=traffic action={action}", CONTEXT)["event.type"] == types


@pytest.mark.parametrize(
    ("source", "destination", "direction"),
    [("lan", "wan", "outbound"), ("wan", "dmz", "inbound"), ("lan", "lan", "internal"),
     ("wan", "wan", "external"), ("undefined", "wan", None)],
)  # fmt: skip
def test_direction_follows_the_roles_of_the_interfaces(source, destination, direction):
    """Across the border or not, seen from the network that the firewall guards."""
    event = parse(f"type=traffic srcintfrole={source} dstintfrole={destination}", CONTEXT)

    assert event.get("network.direction") == direction


@pytest.mark.parametrize("text", ["", "hello", "a=1 b=2", 'msg="type=traffic logid=1"', "logid=99"])
def test_what_is_no_log_of_fortios_is_refused(text):
    """Neither a type nor a known id: nothing of FortiOS is there."""
    with pytest.raises(ParseError, match="expected type= or a known logid="):
        parse(text, CONTEXT)


def test_keys_are_made_fit_to_be_names():
    """A key with a dot or other marks cannot nest, or name a field that the store refuses."""
    event = parse("type=traffic a.b=1 c$=2", CONTEXT)

    assert event["fortinet.firewall.a_b"] == "1"
    assert event["fortinet.firewall.c_"] == "2"
