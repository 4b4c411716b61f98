"""Web servers and proxies: what holds of every request, beside the golden ones."""

from datetime import UTC, datetime

import pytest

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server import apache, nginx, squid

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
STAMP = "[24/Nov/2026:11:52:50 +0000]"


@pytest.mark.parametrize("parse", [apache.parse, nginx.parse, squid.parse])
@pytest.mark.parametrize(
    "text",
    ["", "hello", f'"GET /" {STAMP} "', f'{STAMP} "GET / HTTP/1.1" 200 1', '{"message": "hello"}',
     "{", "[1, 2]", "Nov 24 11:00:00 web1 sshd[1]: hello"],
)  # fmt: skip
def test_what_is_no_log_of_the_server_is_refused(parse, text):
    """Neither an access line, nor an error line, nor one in an envelope."""
    with pytest.raises(ParseError, match="expected"):
        parse(text, CONTEXT)


@pytest.mark.parametrize(
    ("head", "address", "host"),
    [
        ("192.0.2.1 - -", "192.0.2.1", None),
        ("www.example 192.0.2.1 - -", "192.0.2.1", "www.example"),
        ("6.6.6.6 192.0.2.1 - -", "192.0.2.1", "6.6.6.6"),
        ("6.6.6.6, 192.0.2.1 - -", "192.0.2.1", None),
        ("192.0.2.1 - 6.6.6.6 - -", "192.0.2.1", None),
        ("2001:db8::1 - -", "2001:db8::1", None),
    ],
)
def test_the_source_is_the_peer_of_the_connection(head, address, host):
    """A host name, a list of proxies or a user that looks like an address does not replace it."""
    event = nginx.parse(f'{head} {STAMP} "GET / HTTP/1.1" 200 1 "-" "-"', CONTEXT)

    assert event["source.ip"] == address
    assert event.get("url.domain") == host


def test_both_servers_give_one_request_the_same_ecs_fields():
    """A rule for web servers need not know which one wrote the line."""
    line = f'192.0.2.1 - ada {STAMP} "GET /a?b=c HTTP/1.1" 404 153 "http://r/" "curl/8"'

    of_nginx, of_apache = (
        {
            key: value
            for key, value in parse(line, CONTEXT).items()
            if not key.startswith(("nginx.", "apache.", "event.module", "event.dataset"))
        }
        for parse in (nginx.parse, apache.parse)
    )

    assert of_nginx == of_apache


def test_nulls_and_lists_of_a_json_log_are_kept():
    """A rule that asks for null finds it."""
    event = nginx.parse(
        '{"remote_addr":"192.0.2.1","status":200,"msec":1795521170.5,"upstream":null,"tries":[1,2]}',
        CONTEXT,
    )

    assert event["nginx.access.upstream"] is None
    assert event["nginx.access.tries"] == [1, 2]
    assert event["@timestamp"] == "2026-11-24T11:52:50.500000Z"
