"""Flat Windows events: what is remembered of their keys and values never shows."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.server import windows_channels, windows_flat
from tocsin.parsers.server.windows import parse
from tocsin.parsers.server.windows_plans import MAX_NARROWED, MAX_REMEMBERED, Plan, Remembered

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
SYSMON = "Microsoft-Windows-Sysmon/Operational"
PLANS: list[Plan] = [
    chosen
    for tables in (windows_channels._CHANNELS, windows_channels._PROVIDERS)
    for table in tables.values()
    for chosen in table.values()
]
GROUPS = {id(group): group for chosen in PLANS for group in chosen.groups}.values()

alike = st.sampled_from([1, True, 1.0, "1", "01", 0, False, "-", "", None, [1], {"a": 1}, "C:\\x"])
"""Values that are one to Python, or nothing to a plan, and yet not the same."""
documents = st.fixed_dictionaries(
    {"EventID": st.sampled_from([10, 10.0, "10", 1, True, 1.0, "1", None, [10], "x"])},
    optional={
        "Channel": st.sampled_from([SYSMON, "Security", "", None, 1, True, ["a"]]),
        "Provider_Name": st.sampled_from(["Microsoft-Windows-Sysmon", None, 1, [], "Acme"]),
        "SourceName": st.sampled_from(["Microsoft-Windows-Sysmon", None, True]),
        "Hostname": alike,
        "Computer": alike,
        "Image": alike,
        "ProcessId": alike,
        "SourceProcessId": alike,
        "SourceImage": alike,
        "RuleName": alike,
        "UtcTime": st.sampled_from(["2026-11-24 10:52:50.123", "-", None, 7]),
        "@timestamp": st.sampled_from(["2026-11-24T10:52:51Z", "soon", 1]),
        "a..b": alike,
    },
)


def forget() -> None:
    windows_flat._layouts.clear()
    for group in every_group():
        group.known.clear()
        group.narrowed.clear()


def every_group() -> list[Remembered]:
    return [each for group in GROUPS for each in (group, *group.narrowed.values())]


def outcome(document: dict[str, Any]) -> Any:
    try:
        return orjson.dumps(parse(orjson.dumps(document).decode(), CONTEXT), option=_SORTED)
    except ParseError as error:
        return str(error)


_SORTED = orjson.OPT_SORT_KEYS


@given(st.lists(documents, min_size=2, max_size=8))
def test_an_event_is_parsed_alike_whatever_came_before(history: list[dict[str, Any]]):
    """Types that Python takes for one key are told apart, in keys, event ids and values."""
    forget()
    after_others = [outcome(document) for document in history]
    for document, found in zip(history, after_others, strict=True):
        forget()
        assert outcome(document) == found


def test_remembered_steps_write_scalars_only():
    """Events share what is remembered, so nothing of it may change."""
    assert len(GROUPS) >= 4
    texts = ("C:\\Windows\\x.dll", "SHA256=" + "0a" * 32, "true", "7", "ACME\\eve", "{0}")
    for group in GROUPS:
        for text in texts:
            written = group.fields(dict.fromkeys(group.names, text))
            assert all(isinstance(value, str | int | bool) for value in written.values())


def test_what_is_remembered_is_bounded():
    """Ever new processes, long paths and ever new keys do not fill the memory."""
    forget()
    for number in range(MAX_REMEMBERED + 100):
        event = {"Channel": SYSMON, "EventID": 11, "ProcessId": str(number), f"key{number}": "v"}
        assert parse(orjson.dumps(event).decode(), CONTEXT)["process.pid"] == number
    long = {"Channel": SYSMON, "EventID": 11, "Image": "C:\\" + "x" * 5000, "k" * 9000: "v"}
    assert parse(orjson.dumps(long).decode(), CONTEXT)["process.name"] == "x" * 5000
    wide = {"Channel": SYSMON, "EventID": 11, **{f"k{number}": 1 for number in range(300)}}
    assert parse(orjson.dumps(wide).decode(), CONTEXT)["winlog.event_data.k299"] == 1

    assert len(windows_flat._layouts) <= windows_flat.MAX_LAYOUTS
    for keys, *_ in windows_flat._layouts:
        assert len(keys) <= 256
        assert sum(map(len, keys)) <= 8192
    for group in every_group():
        assert len(group.narrowed) <= MAX_NARROWED
        assert len(group.known) <= MAX_REMEMBERED
        for values in group.known:
            assert sum(len(value) for value in values if value) <= 1024


def test_layouts_do_not_keep_ever_more_groups():
    """Other keys with ever other values of a process come to layouts, but to few groups."""
    forget()
    names = ("RuleName", "ProcessGuid", "ProcessId", "Image", "User")
    for number in range(128):
        chosen = {name: "x" for place, name in enumerate(names) if number >> place & 1}
        event = {"Channel": SYSMON, "EventID": 11, **chosen, f"key{number}": "v"}
        parsed = parse(orjson.dumps(event).decode(), CONTEXT)
        assert parsed.get("process.executable") == chosen.get("Image")
        assert parsed.get("user.name") == chosen.get("User")

    plans = [layout.plan for layout in windows_flat._layouts.values()]
    groups = {id(group) for plan in plans for group in plan.groups}
    assert len(plans) == 128
    assert len(groups) <= MAX_NARROWED + 1


@pytest.mark.parametrize(
    ("document", "field", "expected"),
    [
        ({"Hostname": "a", "ComputerName": "b"}, "winlog.computer_name", "a"),
        ({"Computer": "c", "Hostname": "a"}, "winlog.computer_name", "c"),
        ({"Computer": None, "Hostname": "a"}, "winlog.computer_name", None),
        ({"RecordNumber": 7}, "winlog.record_id", 7),
    ],
)
def test_forwarders_names_fill_what_the_schemas_name_did_not(document, field, expected):
    """The first alias counts, and none where the schema's own name is there, be it null."""
    event = parse(orjson.dumps({"Channel": "A", "EventID": 1, **document}).decode(), CONTEXT)
    assert event[field] == expected
