"""Events as Arrow tables: typed, and the same events when they come back."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.arrow import REMAINDER, SCHEMA, to_events, to_table
from tocsin.schemas.fields import EVENT_FIELDS, VENDOR_ROOTS, Field
from tocsin.schemas.times import format_time

EVENT = {
    "@timestamp": "2026-11-24T11:52:50.123456Z",
    "event.category": ["network", "session"],
    "event.type": [],
    "event.risk_score": 47.0,
    "source.ip": "192.0.2.1",
    "source.port": 51234,
    "tls.established": False,
    "user.name": None,
    "labels.site": "library",
    "winlog.event_data.TargetUserName": "Ánna",
    "winlog.event_data.Data": ["a", None, {"b": 1}],
    "winlog.event_id": 4625,
    "winlog.record_id": "17",
    "fortinet.firewall.sessionid": 8,
}

SCALARS = {
    "boolean": st.booleans(),
    "date": st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
        lambda moment: format_time(moment.replace(tzinfo=UTC))
    ),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "ip": st.ip_addresses().map(str),
    "keyword": st.text(),
    "long": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(),
    "flattened": st.dictionaries(st.text(), st.integers(0, 9) | st.text(), max_size=2),
}

VENDOR_VALUES = (
    st.none()
    | st.text()
    | st.integers(-(2**63), 2**64 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.text() | st.none(), max_size=2)
)


def _values(field: Field) -> st.SearchStrategy[Any]:
    scalars = SCALARS[field.type]
    return st.none() | (st.lists(scalars | st.none(), max_size=3) if field.array else scalars)


EVENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            **{
                name: _values(EVENT_FIELDS[name])
                for name in (
                    "@timestamp",
                    "event.category",
                    "event.risk_score",
                    "labels",
                    "message",
                    "related.ip",
                    "source.ip",
                    "source.port",
                    "tls.established",
                )
            },
            **dict.fromkeys(
                ("winlog.event_data.Data", "winlog.event_id", "postfix.nrcpt"), VENDOR_VALUES
            ),
        },
    ),
    max_size=5,
)


def test_columns_are_typed() -> None:
    """Times are microseconds UTC, numbers numbers, lists lists; the rest is JSON."""
    assert SCHEMA.field("@timestamp").type == pa.timestamp("us", "UTC")
    assert SCHEMA.field("source.port").type == pa.int64()
    assert SCHEMA.field("event.category").type == pa.list_(pa.string())
    assert SCHEMA.field(REMAINDER).type == pa.string()
    assert SCHEMA.field("winlog.event_id").type == pa.int64()
    assert SCHEMA.field("winlog.event_data.Image").type == pa.string()
    assert "labels" not in SCHEMA.names


def test_no_column_is_named_twice() -> None:
    """Vendor fields that have a column are none of our own fields, and each is listed once."""
    assert len(set(SCHEMA.names)) == len(SCHEMA.names)
    assert EVENT_FIELDS.keys() | {REMAINDER} == {
        *(name for name in SCHEMA.names if name.partition(".")[0] not in VENDOR_ROOTS),
        *(name for name, field in EVENT_FIELDS.items() if field.type == "flattened"),
    }


def test_an_event_fills_its_columns_and_the_remainder() -> None:
    """What has no column, or is not of its type, and explicit nulls stand in the remainder's JSON."""
    table = to_table([EVENT])

    assert table.column("@timestamp").to_pylist() == [
        datetime(2026, 11, 24, 11, 52, 50, 123456, tzinfo=UTC)
    ]
    assert table.column("source.port").to_pylist() == [51234]
    assert table.column("winlog.event_data.TargetUserName").to_pylist() == ["Ánna"]
    assert table.column("winlog.event_id").to_pylist() == [4625]
    assert table.column("winlog.record_id").to_pylist() == [None]
    (rest,) = table.column(REMAINDER).to_pylist()
    assert orjson.loads(rest) == {
        "user.name": None,
        "labels.site": "library",
        "winlog.event_data.Data": ["a", None, {"b": 1}],
        "winlog.record_id": "17",
        "fortinet.firewall.sessionid": 8,
    }


def test_the_schema_does_not_depend_on_the_events() -> None:
    """Batches of one file fit one another, whatever is in them."""
    assert to_table([]).schema == SCHEMA
    assert to_table([{}]).schema == SCHEMA
    assert to_table([EVENT]).schema == SCHEMA


def test_events_come_back_through_parquet(tmp_path) -> None:
    """The archive's format keeps everything: types, nulls, empty lists, absence."""
    events = [EVENT, {}, {"source.ip": "::1"}]

    pq.write_table(to_table(events), tmp_path / "events.parquet", compression="zstd")

    assert to_events(pq.read_table(tmp_path / "events.parquet")) == events


def test_a_choice_of_columns_gives_those_fields() -> None:
    """Readers that need few fields read few."""
    assert to_events(to_table([EVENT]).select(["source.ip", "source.port"])) == [
        {"source.ip": "192.0.2.1", "source.port": 51234}
    ]


def test_tables_of_several_chunks_come_back_in_order() -> None:
    """Joined tables keep their chunks apart inside."""
    table = pa.concat_tables([to_table([EVENT, {}]), to_table([EVENT])])

    assert to_events(table) == [EVENT, {}, EVENT]
    assert to_events(table.slice(1)) == [{}, EVENT]


def test_an_event_that_was_not_made_to_fit_is_refused() -> None:
    """Types are checked where a column is built."""
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        to_table([{"source.port": "http"}])


@given(EVENTS)
def test_tables_hold_events_without_loss(events: list[dict[str, Any]]) -> None:
    """There and back again, exactly, types included: 1, 1.0 and true are three values."""
    found = to_events(to_table(events))

    assert found == events
    assert [sorted(map(repr, each.items())) for each in found] == [
        sorted(map(repr, each.items())) for each in events
    ]
