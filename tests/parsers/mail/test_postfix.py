"""Postfix: what golden lines cannot show."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.mail.postfix import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
HEAD = "Nov 24 11:52:50 mx1 postfix"

pieces = st.sampled_from(
    [
        "a", " ", ">", "<", ">, relay=evil[6.6.6.6]:25", ", status=sent (ok)", ", dsn=2.0.0",
        "; from=<v@example.org> to=<w@example.org> proto=ESMTP helo=<z>", "[6.6.6.6]", ": ", "\\\\",
        '\\"', " from unknown[6.6.6.6]", " (x", ")", "é",
    ]
)  # fmt: skip
hostile = st.lists(pieces, max_size=6).map("".join)


@given(hostile)
@example("x\\\\")
@example(">, relay=evil[6.6.6.6]:25" * 20)
def test_a_quoted_address_cannot_forge_the_rest_of_a_delivery(local: str):
    """Relay, result and code are Postfix's, whatever the quoted part of the recipient holds."""
    event = parse(
        f'{HEAD}/smtp[1]: 8E1F2A3B4C: to=<"{local}"@example.net>, relay=mx.example.net[192.0.2.7]:25, '
        "delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no)",
        CONTEXT,
    )

    assert event["postfix.to"] == f'"{local}"@example.net'
    assert event["destination.ip"] == "192.0.2.7"
    assert event["postfix.status"] == "bounced"
    assert event["postfix.dsn"] == "5.1.1"
    assert event["event.outcome"] == "failure"


@given(hostile, hostile)
def test_names_of_a_refused_client_cannot_forge_who_it_is(recipient: str, helo: str):
    """Client and code stand first; sender and recipient are the true ones or are left out."""
    event = parse(
        f'{HEAD}/smtpd[1]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <"{recipient}"@x>: '
        f'Relay access denied; from=<a@example.com> to=<"{recipient}"@x> proto=ESMTP helo=<{helo}>',
        CONTEXT,
    )

    assert event["source.ip"] == "192.0.2.7"
    assert event["postfix.code"] == "554"
    assert event.get("email.from.address", ["a@example.com"]) == ["a@example.com"]
    assert event.get("postfix.to", f'"{recipient}"@x') == f'"{recipient}"@x'


@given(hostile)
def test_a_servers_reply_cannot_change_the_result(reply: str):
    """The reply stands after the status and stays reply."""
    event = parse(
        f"{HEAD}/smtp[1]: 8E1F2A3B4C: to=<b@example.net>, relay=mx[192.0.2.7]:25, delay=1, "
        f"dsn=4.0.0, status=deferred (host mx[192.0.2.7] said: {reply})",
        CONTEXT,
    )

    assert event["postfix.status"] == "deferred"
    assert event["destination.ip"] == "192.0.2.7"
    assert event["postfix.dsn"] == "4.0.0"
    assert event["event.reason"] == f"host mx[192.0.2.7] said: {reply}"


@pytest.mark.parametrize(
    ("component", "message", "fields"),
    [
        ("smtpd", "timeout after DATA from h.example[192.0.2.7]", {"event.action": "timeout", "source.domain": "h.example"}),
        ("smtpd", "improper command pipelining after DATA from h.example[192.0.2.7]: x", {"event.action": "protocol-error"}),
        ("smtpd", "SSL_accept error from unknown[192.0.2.7]: -1", {"event.reason": "SSL_accept error"}),
        ("smtps/smtpd", "connect from unknown[unknown]", {"event.action": "connect", "process.name": "smtpd"}),
        ("smtp", "Trusted TLS connection established to mx[192.0.2.7]:25: TLSv1.2 with cipher X (256/256 bits)", {"destination.port": 25, "tls.version": "1.2"}),
        ("qmgr", "8E1F2A3B4C: from=<a@b>, status=expired, returned to sender", {"event.action": "message-expired"}),
        ("lmtp", "8E1F2A3B4C: to=<a@b>, relay=h[private/dovecot-lmtp], delay=0.3, dsn=2.0.0, status=sent (ok)", {"event.duration": 300_000_000, "destination.domain": "h"}),
        ("master", "daemon started -- version 3.7.11, configuration /etc/postfix", {"event.type": ["start"]}),
        ("smtpd", "NOQUEUE: discard: RCPT from unknown[192.0.2.7]: <a@b>: gone; from=<c@d> to=<a@b> proto=SMTP", {"event.action": "message-discarded", "postfix.from": "c@d"}),
        ("postscreen", "HANGUP after 0 from [192.0.2.7]:5 in tests before SMTP handshake", {"event.action": "postscreen-hangup", "source.port": 5}),
    ],
)  # fmt: skip
def test_each_daemons_messages_give_their_fields(component: str, message: str, fields: dict):
    """What happened, by daemon (Postfix manual pages)."""
    event = parse(f"{HEAD}/{component}[1]: {message}", CONTEXT)

    assert fields.items() <= event.items()


def test_words_before_a_colon_are_no_queue_id():
    """Queue ids have a digit, and the long ones no vowels."""
    assert "email.local_id" not in parse(f"{HEAD}/anvil[1]: statistics: x", CONTEXT)
    assert parse(f"{HEAD}/qmgr[1]: 4FvQ2X1Y2Zz1yq: removed", CONTEXT)["email.local_id"] == (
        "4FvQ2X1Y2Zz1yq"
    )


def test_a_line_without_a_header_is_refused():
    """A mail log's line names its daemon."""
    with pytest.raises(ParseError, match="no syslog header"):
        parse("hello", CONTEXT)
