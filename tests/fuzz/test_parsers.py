"""Parsers are total: any text is an event or a ParseError, in linear time, and fits for JSON."""

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.decoding import decode
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_micros, parse_time

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
GOLDEN = Path(__file__).parents[1] / "parsers" / "golden"
LINES = {
    name: [
        line
        for path in sorted((GOLDEN / name).glob("*.log"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for name in PARSERS
}
PARSED = sorted(name for name in PARSERS if LINES[name])
PIECES = [
    '"',
    "\\",
    "=",
    " ",
    "[",
    "]",
    "{",
    "}",
    "<13>",
    ", client: ",
    ' key="',
    "\0",
    "\u2028",
    "é",
]
LARGE = 60_000


def answer(name: str, text: str) -> Event | None:
    """The event of `text`, checked for what holds of every event, or None for a ParseError."""
    try:
        event = PARSERS[name].parse(text, CONTEXT)
    except ParseError:
        return None
    orjson.dumps(event)
    assert format_micros(parse_time(event["@timestamp"])) == event["@timestamp"]
    assert all(isinstance(key, str) and all(key.split(".")) for key in event)
    assert isinstance(event.get("event.category", []), list)
    assert isinstance(event.get("event.type", []), list)
    return event


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(text=st.text())
def test_any_text_is_an_event_or_a_parse_error(name: str, text: str):
    """No text raises anything else."""
    answer(name, text)


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(data=st.binary())
def test_any_bytes_are_an_event_or_a_parse_error(name: str, data: bytes):
    """Decoding gives parsers nothing that they stumble over."""
    answer(name, decode(data))


@pytest.mark.parametrize("name", PARSED)
@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_damaged_lines_are_events_or_parse_errors(name: str, seed: int):
    """Genuine lines with pieces cut out, repeated, swapped or put in keep to the law."""
    dice = random.Random(seed)
    line = dice.choice(LINES[name])
    for _ in range(dice.randint(1, 6)):
        start, end = sorted(dice.randrange(len(line) + 1) for _ in range(2))
        piece = dice.choice([*PIECES, line[start:end]])
        line = (
            line[:start] + dice.choice([piece, piece * 2, ""]) + line[dice.choice([start, end]) :]
        )
    answer(name, line)


@pytest.mark.parametrize("name", PARSED)
def test_every_beginning_of_a_line_is_an_event_or_a_parse_error(name: str):
    """A line cut anywhere keeps to the law."""
    for line in LINES[name][:4]:
        for end in range(len(line)):
            answer(name, line[:end])


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSED)
def test_time_grows_no_faster_than_the_line(name: str):
    """Four times a hostile repetition takes about four times as long, wherever it stands."""
    heads = ["", *{line[: len(line) * part // 3] for line in LINES[name][:6] for part in (1, 2, 3)}]
    for head in sorted(heads):
        for piece in [*PIECES, "a=", 'a="', '" ', ' "', "[1", "a: ", "a, ", ": ", " [", '\\"']:
            small = seconds(name, head + piece * (LARGE // len(piece)))
            hostile = head + piece * (4 * LARGE // len(piece))
            most = max(0.25, 12 * small)
            # A busy machine makes any one measurement long, but not four.
            assert any(seconds(name, hostile) < most for _ in range(4)), (head, piece)


def seconds(name: str, text: str) -> float:
    """Processor time that one parse of `text` takes."""
    started = time.process_time()
    with suppress(ParseError):
        PARSERS[name].parse(text, CONTEXT)
    return time.process_time() - started


ATTACK = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["srcip=6.6.6.6", "SRC=6.6.6.6", "action=pass", " ", '"', "\\", ",", ", client: 6.6.6.6",
         ", server: x", '] "', " [24/Nov/2026:10:00:00 +0000]", "GET / HTTP/1.1", "- -", "200 0",
         "type=event", "[", "]", "remote_addr=6.6.6.6", "<13>Nov 24 10:00:00 evil root: "]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(ATTACK, ATTACK)
def test_what_a_client_sends_sets_only_its_own_fields_of_a_fortigate(url: str, agent: str):
    """A URL and a user agent, their quotes escaped as FortiOS does, change nothing else."""
    quoted = [text.replace("\\", "/").replace('"', '\\"') for text in (url, agent)]
    line = (
        f'logid="0316013056" type="utm" subtype="webfilter" level="warning" eventtime=1795521170 '
        f'srcip=192.0.2.1 url="{quoted[0]}" agent="{quoted[1]}" action="blocked" dstip=192.0.2.2'
    )

    event = PARSERS["fortigate"].parse(line, CONTEXT)

    assert event["@timestamp"] == "2026-11-24T11:52:50.000000Z"
    assert event["source.ip"] == "192.0.2.1"
    assert event["destination.ip"] == "192.0.2.2"
    assert event["event.type"] == ["denied"]
    assert event["fortinet.firewall.type"] == "utm"
    assert {key for key in event if key.startswith("fortinet.")} == {
        f"fortinet.firewall.{key}"
        for key in ("logid", "type", "subtype", "level", "eventtime", "srcip", "url", "agent",
                    "action", "dstip")
    }  # fmt: skip


def escape(text: str) -> str:
    """`text` as nginx's default escaping writes it into an access log."""
    return "".join(
        char if " " <= char <= "~" and char not in '"\\' else "".join(f"\\x{b:02X}" for b in char.encode())
        for char in text
    )  # fmt: skip


@given(ATTACK, ATTACK, ATTACK, ATTACK)
def test_what_a_client_sends_sets_only_its_own_fields_of_an_access_log(
    user, request, referrer, agent
):
    """Address, time and status of an access line are nginx's, whatever the client sent."""
    line = (
        f"192.0.2.1 - {escape(user) or '-'} [24/Nov/2026:11:52:50 +0000] "
        f'"{escape(request)}" 403 153 "{escape(referrer)}" "{escape(agent)}"'
    )

    event = PARSERS["nginx"].parse(line, CONTEXT)

    assert event["@timestamp"] == "2026-11-24T11:52:50.000000Z"
    assert event["source.ip"] == "192.0.2.1"
    assert event["http.response.status_code"] == 403
    assert event["nginx.access.request"] == escape(request)
    assert event["nginx.access.http_user_agent"] == escape(agent)
    assert "tags" not in event


@given(ATTACK, ATTACK, ATTACK)
def test_an_error_logs_client_is_the_true_one_or_none(path, request, referrer):
    """Path, request and referrer stand raw in error logs: they may hide the client, not forge it."""
    line = (
        f'2026/11/24 11:52:50 [error] 1#2: *3 open() "/srv/{path}" failed (2: No such file), '
        f'client: 192.0.2.1, server: www, request: "GET /{request} HTTP/1.1", host: "h", '
        f'referrer: "{referrer}"'
    )

    event = PARSERS["nginx"].parse(line, CONTEXT)

    assert event["event.dataset"] == "nginx.error"
    assert event.get("source.ip", "192.0.2.1") == "192.0.2.1"
    assert event.get("nginx.error.server", "www") == "www"
    assert event.get("nginx.error.host", "h") == "h"
