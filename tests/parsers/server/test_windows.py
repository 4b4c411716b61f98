"""Windows events: what golden lines cannot show."""

import gzip
import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server import windows_channels
from tocsin.parsers.server.windows import parse
from tocsin.parsers.server.windows_plans import Plan
from tocsin.parsers.server.windows_values import arguments, hashes, registry_data, registry_path
from tocsin.pipelines.connectors.evtx import read_evtx
from tocsin.schemas.fields import FIELDS

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
CORPORA = os.environ.get("TOCSIN_CORPORA")
needs_corpora = pytest.mark.skipif(CORPORA is None, reason="TOCSIN_CORPORA names no folder")

SYSTEM = (
    "<System><Provider Name='Acme'/><EventID>7</EventID><Channel>Acme/Admin</Channel>"
    "<TimeCreated SystemTime='2026-11-24T10:52:50Z'/></System>"
)

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)


PLANS: list[Plan] = [
    chosen
    for tables in (windows_channels._CHANNELS, windows_channels._PROVIDERS)
    for table in tables.values()
    for chosen in table.values()
]


def test_every_plan_classifies_in_the_words_of_ecs():
    """Kinds, categories, types and outcomes are values that ECS allows."""
    for chosen in PLANS:
        assert chosen.kind in FIELDS["event.kind"].allowed
        assert set(chosen.category) <= set(FIELDS["event.category"].allowed)
        assert set(chosen.type) <= set(FIELDS["event.type"].allowed)
        assert chosen.outcome in {None, "success", "failure"}


@given(st.dictionaries(names.map("X".__add__), scalars, max_size=8))
def test_the_events_own_data_keeps_every_value_as_it_is(own: dict):
    """Nulls, empties, numbers and text come out of a flat event and of EventData unchanged."""
    flat = {"Channel": "Acme/Admin", "EventID": 7, **own}
    tree = {"Event": {"System": {"Channel": "Acme/Admin", "EventID": 7}, "EventData": own}}

    for document in (flat, tree):
        event = parse(orjson.dumps(document).decode(), CONTEXT)
        assert {
            key.removeprefix("winlog.event_data."): value
            for key, value in event.items()
            if key.startswith("winlog.event_data.")
        } == own


SYSTEM_FIELDS = {
    "Computer": "winlog.computer_name",
    "EventRecordID": "winlog.record_id",
    "Provider_Name": "winlog.provider_name",
    "Task": "winlog.task",
    "Message": "message",
}
ALIASES = {
    "SourceName": "winlog.provider_name",
    "Hostname": "winlog.computer_name",
    "ComputerName": "winlog.computer_name",
    "RecordNumber": "winlog.record_id",
}
keys = st.sampled_from([*SYSTEM_FIELDS, *ALIASES, "EventId", "a..b", "c.d", ""]) | names
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(names, scalars, max_size=2)
numbers = st.integers(0, 70_000)


@given(
    st.dictionaries(keys, values, max_size=12),
    st.dictionaries(names.map("X".__add__), scalars, max_size=3),
    numbers | numbers.map(str),
    st.data(),
)
def test_flat_events_read_as_name_by_name(
    fields: dict, own: dict, number: int | str, data: st.DataObject
):
    """Whatever names were met before, in whichever order, each value is where its name belongs."""
    document = {"Channel": "Acme/Admin", "EventID": number, "EventData": own, **fields}
    document = dict(data.draw(st.permutations(list(document.items()))))
    expected = {
        "@timestamp": "2026-11-24T12:00:00.000000Z",
        "event.code": str(number),
        "event.dataset": "windows.acme_admin",
        "event.kind": "event",
        "event.module": "windows",
        "winlog.channel": "Acme/Admin",
        "winlog.event_id": int(number),
    }
    for key, value in fields.items():
        name = {"a..b": "a__b", "": "_"}.get(key, key)
        expected[SYSTEM_FIELDS.get(key, f"winlog.event_data.{name}")] = value
    expected |= {f"winlog.event_data.{key}": value for key, value in own.items()}
    for alias, field in ALIASES.items():
        if alias in fields:
            expected.setdefault(field, fields[alias])
    for field, copy in (
        ("winlog.provider_name", "event.provider"),
        ("winlog.computer_name", "host.name"),
    ):
        if expected.get(field) and isinstance(expected[field], str):
            expected[copy] = expected[field]

    assert parse(orjson.dumps(document).decode(), CONTEXT) == expected


def test_forwarders_names_fill_in_for_the_schemas_and_stay_themselves():
    """`Hostname` names the computer only where `Computer` does not; neither is lost."""
    event = parse('{"Channel":"A","EventID":1,"Computer":"a","Hostname":"b"}', CONTEXT)

    assert event["winlog.computer_name"] == "a"
    assert event["host.name"] == "a"
    assert event["winlog.event_data.Hostname"] == "b"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (
            '"UtcTime":"2026-11-24 10:00:00.001","TimeCreated":"2026-11-24T11:00:00Z"',
            "2026-11-24T10:00:00.001000Z",
        ),
        ('"TimeCreated":"2026-11-24 10:00:00.5"', "2026-11-24T10:00:00.500000Z"),
        ('"TimeCreated":"2026-11-24T10:00:00.63Z"', "2026-11-24T10:00:00.630000Z"),
        ('"TimeCreated":"2026-11-24T10:00:00.1234567+02:00"', "2026-11-24T08:00:00.123456Z"),
        ('"TimeCreated":1795514400', "2026-11-24T10:00:00.000000Z"),
        ('"EventTime":"2026-11-24 10:00:00"', "2026-11-24T09:00:00.000000Z"),
        ('"UtcTime":"never"', "2026-11-24T12:00:00.000000Z"),
    ],
)
def test_event_time_is_the_best_of_the_sources_times(times: str, expected: str):
    """UtcTime before TimeCreated, both UTC; EventTime is local; else the record time."""
    assert parse(f'{{"Channel":"A","EventID":1,{times}}}', CONTEXT)["@timestamp"] == expected


def test_event_ids_mean_nothing_outside_their_channel():
    """Event 4624 of another channel is no logon."""
    event = parse('{"Channel":"Acme/Admin","EventID":4624,"TargetUserName":"ada"}', CONTEXT)

    assert event["event.code"] == "4624"
    assert "event.action" not in event
    assert "user.name" not in event


def test_what_is_no_address_or_port_is_left_to_the_event_data():
    """ECS fields of a type hold only that type."""
    event = parse(
        '{"Channel":"Security","EventID":4624,"IpAddress":"LOCAL","IpPort":"70000"}', CONTEXT
    )

    assert "source.ip" not in event
    assert "source.port" not in event
    assert event["winlog.event_data.IpAddress"] == "LOCAL"


def test_xml_with_a_document_type_is_refused():
    """There are no entities to expand, so a billion laughs stay one line long."""
    bomb = (
        "<?xml version='1.0'?><!DOCTYPE e [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"
        f"<Event>{SYSTEM}<EventData><Data Name='x'>&b;</Data></EventData></Event>"
    )

    with pytest.raises(ParseError, match=r"line 1: a document type declaration"):
        parse(bomb, CONTEXT)


def test_characters_that_xml_forbids_are_replaced():
    """Windows writes control characters, raw or by number; the event is read nevertheless."""
    event = parse(
        f"<Event>{SYSTEM}<EventData><Data Name='x'>a\x01b&#x1;c</Data></EventData></Event>", CONTEXT
    )

    assert event["winlog.event_data.x"] == "a\ufffdb\ufffdc"


def test_text_within_xml_data_stays_text():
    """Markup in CDATA or escaped is a value, never an element."""
    event = parse(
        f"<Event>{SYSTEM}<EventData><Data Name='x'><![CDATA[<!DOCTYPE a>]]></Data>"
        "<Data Name='y'>&lt;EventID&gt;1&lt;/EventID&gt;</Data></EventData></Event>",
        CONTEXT,
    )

    assert event["winlog.event_data.x"] == "<!DOCTYPE a>"
    assert event["winlog.event_data.y"] == "<EventID>1</EventID>"
    assert event["event.code"] == "7"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "expected a JSON object or <Event> XML"),
        ('{"a":1}', "no Windows event"),
        ('{"EventID":1', "JSON line 1"),
        ("[1]", "no Windows event: expected a JSON object"),
        ("<Event><System>", "XML line 1, column"),
        ('{"EventID":1,"x":' + "[" * 70 + "]" * 70 + "}", "nested deeper than 64"),
        ("<Event>" + "<a>" * 70 + "</a>" * 70 + "</Event>", "nested deeper than 64"),
    ],
)
def test_refusals_say_where_and_what_was_expected(text: str, reason: str):
    """What is no Windows event is refused with the reason."""
    with pytest.raises(ParseError, match=reason):
        parse(text, CONTEXT)


def test_names_that_could_not_nest_are_changed():
    """A name with an empty part between dots gets underscores."""
    event = parse('{"Channel":"A","EventID":1,"a..b":1,"":2,"c.d":3}', CONTEXT)

    assert event["winlog.event_data.a__b"] == 1
    assert event["winlog.event_data._"] == 2
    assert event["winlog.event_data.c.d"] == 3


def test_a_command_line_splits_at_blanks_outside_quotes():
    """Quotes group and vanish; one that nothing closes holds all the rest."""
    assert arguments('a "b c" d"e f"g "h') == ["a", "b c", "de fg", "h"]


@given(st.text(st.sampled_from('"" ab\t\u3000'), max_size=30))
def test_a_command_line_splits_as_character_by_character(line: str):
    """A quote opens or closes, even an empty argument; a blank outside ends one."""
    found: list[str] = []
    argument, quoted = None, False
    for character in line:
        if character == '"':
            argument, quoted = argument or "", not quoted
        elif quoted or not character.isspace():
            argument = (argument or "") + character
        elif argument is not None:
            found.append(argument)
            argument = None
    if argument is not None:
        found.append(argument)

    assert arguments(line) == found


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        ("MD5=ABCDEF0123456789ABCDEF0123456789", {"md5": "abcdef0123456789abcdef0123456789"}),
        (f"SHA1={'0' * 40}", {}),
        ("MD5=ABC,SHA1=", {}),
        (f"MD5={'g' * 32},IMPHASH={'1' * 32}", {"imphash": "1" * 32}),
        (f"MD5={'1' * 32}\n", {}),
    ],
)
def test_digests_are_hexadecimal_and_not_all_zeros(digests: str, expected: dict):
    """Lower case with the algorithm's name; what is no digest is left out."""
    assert dict(hashes(digests)) == expected


def test_events_share_no_list():
    """Whoever adds a category to one event leaves the next as it was."""
    line = '{"Channel":"Security","EventID":4624}'
    parse(line, CONTEXT)["event.category"].append("host")

    assert parse(line, CONTEXT)["event.category"] == ["authentication"]


@pytest.mark.parametrize("levels", [64, 65])
def test_depth_counts_every_object_and_list(levels: int):
    """64 levels are read, one more is refused, whichever way they are made."""
    inner = levels - 1
    for opening, scalar, closing in (("[", "1", "]"), ('{"a":', "1", "}"), ("[", "", "]")):
        text = f'{{"EventID":1,"x":{opening * inner}{scalar}{closing * inner}}}'
        if levels > 64:
            with pytest.raises(ParseError, match="deeper than 64"):
                parse(text, CONTEXT)
        else:
            assert "winlog.event_data.x" in parse(text, CONTEXT)


def test_registry_paths_name_hive_and_key():
    """Hives are abbreviated whichever way they are written; other paths are none."""
    assert registry_path("HKEY_USERS\\S-1\\Run") == ("HKU", "S-1\\Run", "Run")
    assert registry_path("\\REGISTRY\\A\\{x}\\y") is None


def test_registry_data_is_what_sysmon_rendered():
    """Numbers come back as decimal text; a QWORD is two halves."""
    assert registry_data("QWORD (0x00000001-0x00000002)") == ("REG_QWORD", ["4294967298"])
    assert registry_data("Binary Data") == ("REG_BINARY", [])
    assert registry_data("plain") == ("REG_SZ", ["plain"])


def test_what_is_no_evtx_file_is_refused():
    """The error names the reason before any record is asked for."""
    with pytest.raises(ValueError, match="not an EVTX file"):
        list(read_evtx(b"hello"))


@needs_corpora
@pytest.mark.slow
def test_evtx_files_are_read_event_by_event():
    """Every event of the public EVTX files is read and classified."""
    files = sorted(Path(CORPORA or "").glob("sigmahq/regression_data/**/*.evtx"))
    assert files

    for path in files:
        records = list(read_evtx(path))
        assert records
        for record in records:
            assert isinstance(record, str)
            event = parse(record, CONTEXT)
            assert event["winlog.channel"]
            assert event["event.action"]
        assert list(read_evtx(path.read_bytes())) == records


@needs_corpora
def test_native_fields_keep_their_values_in_real_events():
    """For 2,000 recorded events every field can be read back where the field maps look for it."""
    with gzip.open(Path(CORPORA or "") / "otrf" / "windows_200k.jsonl.gz") as lines:
        for line in islice(lines, 2000):
            native = orjson.loads(line)
            event = parse(line.decode(), CONTEXT)
            for name in ("Image", "TargetObject", "ScriptBlockText", "SubjectUserName", "Hostname"):
                if name in native:
                    assert event[f"winlog.event_data.{name}"] == native[name]
            assert event["winlog.channel"] == native["Channel"]
            assert event["winlog.event_id"] == native["EventID"]
