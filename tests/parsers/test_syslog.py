"""Syslog envelopes of every make are opened, and none stops what is inside."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context
from tocsin.parsers.syslog import Envelope, envelope_fields, parse_envelope

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
ELEVEN = "2026-11-24T10:00:00.000000Z"


def opened(text: str) -> dict:
    """What the envelope says, without what it leaves open."""
    envelope = parse_envelope(text, CONTEXT)
    assert text[envelope.offset :].startswith(envelope.message)
    said = envelope._asdict()
    del said["offset"]
    return {key: value for key, value in said.items() if value not in (None, False)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<34>Nov 24 11:00:00 mx1 su: 'su root' failed",
            {"priority": 34, "time": ELEVEN, "hostname": "mx1", "app_name": "su",
             "message": "'su root' failed"},
        ),
        (
            "Nov 24 11:00:00 mx1 postfix/smtpd[2412]: connect",
            {"time": ELEVEN, "hostname": "mx1", "app_name": "postfix/smtpd", "procid": "2412",
             "message": "connect"},
        ),
        (
            "Nov 24 11:00:00 combo sshd(pam_unix)[19939]: failure",
            {"time": ELEVEN, "hostname": "combo", "app_name": "sshd(pam_unix)", "procid": "19939",
             "message": "failure"},
        ),
        (
            "<13>Nov 24 11:00:00 10.0.0.99 Use the BFG!",
            {"priority": 13, "time": ELEVEN, "hostname": "10.0.0.99", "message": "Use the BFG!"},
        ),
        (
            "<13>Nov 24 11:00:00 2001:db8::1 app: x",
            {"priority": 13, "time": ELEVEN, "hostname": "2001:db8::1", "app_name": "app",
             "message": "x"},
        ),
        (
            "<13>Nov 24 11:00:00 app[7]: x",
            {"priority": 13, "time": ELEVEN, "app_name": "app", "procid": "7", "message": "x"},
        ),
        ("<34>su: x", {"priority": 34, "app_name": "su", "message": "x"}),
        ("<999>Nov 24 11:00:00 h a: x",
         {"time": ELEVEN, "hostname": "h", "app_name": "a", "message": "x"}),
        ("<189>date=2026-11-24 a=b", {"priority": 189, "message": "date=2026-11-24 a=b"}),
        ("<189>Nov 24 11:00:00 fw date=2026-11-24",
         {"priority": 189, "time": ELEVEN, "hostname": "fw", "message": "date=2026-11-24"}),
        ("Nov 24 11:00:00 last message repeated 3 times",
         {"time": ELEVEN, "message": "last message repeated 3 times"}),
        ("2026-11-24T11:00:00.5+01:00 h a: x",
         {"time": "2026-11-24T10:00:00.500000Z", "zoned": True, "hostname": "h", "app_name": "a",
          "message": "x"}),
        ("just text", {"message": "just text"}),
        ("", {"message": ""}),
    ],
)  # fmt: skip
def test_rfc_3164_and_what_devices_make_of_it(text, said):
    """Priority, time, host and tag are read where they are there, the rest is the message."""
    assert opened(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<166>Nov 24 2026 11:00:00 fw : %ASA-6-302013: x",
         {"priority": 166, "time": ELEVEN, "hostname": "fw", "message": "%ASA-6-302013: x"}),
        ("<166>Nov 24 2026 11:00:00: %ASA-6-302013: x",
         {"priority": 166, "time": ELEVEN, "message": "%ASA-6-302013: x"}),
        ("<166>Nov 24 11:00:00 10.0.0.1: %ASA-6-1: x",
         {"priority": 166, "time": ELEVEN, "hostname": "10.0.0.1", "message": "%ASA-6-1: x"}),
        ("<187>2361044: *Nov 24 11:00:00.000 CET: %SYS-5: x",
         {"priority": 187, "time": ELEVEN, "message": "%SYS-5: x"}),
    ],
)  # fmt: skip
def test_ciscos_headers(text, said):
    """Sequence numbers, unsynchronised clocks and origin ids come before the message id."""
    assert opened(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '<165>1 2026-11-24T10:00:00Z h.example app 8710 ID47 [a@1 k="v" q="\\"\\]\\\\\\n"][b] '
            "\ufeffhello",
            {"priority": 165, "version": "1", "time": ELEVEN, "zoned": True,
             "hostname": "h.example", "app_name": "app", "procid": "8710", "msgid": "ID47",
             "structured_data": {"a@1": {"k": "v", "q": '"]\\\\n'}, "b": {}}, "message": "hello"},
        ),
        ("<34>1 - - - - - -", {"priority": 34, "version": "1", "message": ""}),
        ("<34>1 - - - - - - x", {"priority": 34, "version": "1", "message": "x"}),
        (
            '<34>1 2026-11-24T10:00:00Z h a p m [x ip="1" ip="2"] two\nlines',
            {"priority": 34, "version": "1", "time": ELEVEN, "zoned": True, "hostname": "h",
             "app_name": "a", "procid": "p", "msgid": "m",
             "structured_data": {"x": {"ip": ["1", "2"]}}, "message": "two\nlines"},
        ),
        (
            '<34>1 2026-13-99T10:00:00Z h a - - [x k="cut',
            {"priority": 34, "version": "1", "hostname": "h", "app_name": "a",
             "message": '[x k="cut'},
        ),
        (
            "1 2026-11-24T10:00:00Z h a - - - x",
            {"version": "1", "time": ELEVEN, "zoned": True, "hostname": "h", "app_name": "a",
             "message": "x"},
        ),
    ],
)  # fmt: skip
def test_rfc_5424(text, said):
    """Nil values, structured data with its escapes, a byte order mark, and malformed parts."""
    assert opened(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "66 <13>Nov 24 11:00:00 inner app[1]: x",
        "<13>Nov 24 11:00:00 inner app[1]: x\n\0",
        "<5>Nov 24 11:07:00 relay <13>Nov 24 11:00:00 inner app[1]: x",
        "<13>Nov 24 11:07:00 relay Nov 24 11:00:00 inner app[1]: x",
        "<5>1 2026-11-24T11:07:00Z relay - - - - <13>Nov 24 11:00:00 inner app[1]: x",
    ],
)
def test_framing_and_relays_are_taken_off(text):
    """Octet counts, trailers and outer envelopes leave the inner one."""
    assert opened(text) == {
        "priority": 13,
        "time": ELEVEN,
        "hostname": "inner",
        "app_name": "app",
        "procid": "1",
        "message": "x",
    }


def test_a_programs_message_is_never_taken_for_an_envelope():
    """A user who makes a program log an envelope does not become another host."""
    said = opened("Nov 24 11:00:00 h sshd[1]: <13>Nov 24 11:00:00 other root: x")

    assert said["hostname"] == "h"
    assert said["app_name"] == "sshd"


def test_the_fields_of_an_envelope_are_ecs():
    """Facility and severity by number and name, and the zone that was assumed."""
    envelope = parse_envelope("<86>Nov 24 11:00:00 h sshd[7]: x", CONTEXT)

    assert envelope_fields(envelope, CONTEXT) == {
        "@timestamp": ELEVEN,
        "event.timezone": "Europe/Madrid",
        "log.syslog.priority": 86,
        "log.syslog.facility.code": 10,
        "log.syslog.facility.name": "security/authorization",
        "log.syslog.severity.code": 6,
        "log.syslog.severity.name": "Informational",
        "log.syslog.hostname": "h",
        "log.syslog.appname": "sshd",
        "log.syslog.procid": "7",
    }


def test_without_a_time_the_record_time_counts():
    """An event always has a time."""
    assert envelope_fields(Envelope("x", 0), CONTEXT) == {
        "@timestamp": "2026-11-24T12:00:00.000000Z"
    }


@given(st.text())
def test_any_text_has_an_envelope(text):
    """No header raises, and the message is always the text's own end."""
    envelope = parse_envelope(text, CONTEXT)

    assert text.rstrip("\r\n\0")[envelope.offset :] == envelope.message
