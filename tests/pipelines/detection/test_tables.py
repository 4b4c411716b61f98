"""Tables give the matches of their events."""

import gzip
from itertools import islice

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.tables import match_table
from tocsin.schemas.arrow import to_table
from tocsin.schemas.validation import conform

RULES = """\
title: A
id: a
logsource: {category: test}
detection: {s: {F|contains: [x, y]}, f: {G: [1, z]}, condition: s and not f}
---
title: B
id: b
logsource: {category: test, product: one}
detection: {s: {F|re: '^x.?y$'}, n: {G: null}, condition: s or n}
---
title: C
id: c
logsource: {category: test}
detection: {words: [needle, 'a*b'], s: {F|fieldref: G}, condition: words or s}
---
title: E
id: e
logsource: {product: two}
detection: {words: ['xy', '.0.1'], f: {K: null}, condition: words and not f}
---
title: D
id: d
logsource: {product: one}
detection: {s: {L|cidr: 10.0.0.0/8, H: true}, condition: 1 of s}
"""

texts = st.sampled_from(
    ["", "x", "y", "xy", "XzY", "z", "1", "needle", "A needle\n", "a-b", "10.0.0.1", "é"]
)
COLUMNS = {
    "F": (pa.string(), texts),
    "G": (pa.string(), texts),
    "K": (pa.large_string(), texts | texts.map(lambda text: 300 * "-" + text)),
    "N": (pa.int64(), st.integers(-2, 2)),
    "H": (pa.bool_(), st.booleans()),
    "R": (pa.float64(), st.sampled_from([0.5, 10.0])),
    "L": (pa.list_(pa.string()), st.lists(texts, max_size=2)),
    "logsource.category": (pa.string(), st.sampled_from(["test", "other"])),
    "logsource.product": (pa.string(), st.sampled_from(["one", "two"])),
}
rows = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in COLUMNS.items()})


def told(found):
    return [(index, rule.info.id) for index, rule in found]


NORMAL = """\
title: A
id: a
logsource: {product: windows, category: process_creation}
detection: {s: {Image|endswith: [x, y]}, f: {ProcessId: [1, z]}, condition: s and not f}
---
title: B
id: b
logsource: {product: windows}
detection: {s: {ProcessId: null}, n: {MemberName|exists: true}, condition: s or n}
---
title: C
id: c
logsource: {product: windows, service: security}
detection: {words: [needle, '"quoted"'], s: {Image|fieldref: User}, condition: words or s}
---
title: D
id: d
taxonomy: ecs
logsource: {product: ecs}
detection: {s: {user.name: null}, f: {user.name|exists: false}, condition: s and not f}
"""

anything = texts | st.none() | st.integers(-2, 2**70) | st.booleans() | st.sampled_from([0.5, 1.0])
anything |= st.lists(texts | st.none() | st.integers(0, 2), max_size=2)
FIELDS = {
    "winlog.channel": st.sampled_from(["Security", "Microsoft-Windows-Sysmon/Operational"]),
    "winlog.event_id": st.sampled_from([1, 4688, "1"]),
    "winlog.event_data.Image": texts,
    "winlog.event_data.NewProcessName": anything,
    "winlog.event_data.ProcessId": anything,
    "winlog.event_data.User": anything,
    "winlog.event_data.MemberName": anything,
    "winlog.event_data.Other": anything | st.just('say "quoted"\n'),
    "user.name": st.none() | texts,
    "message": st.none() | texts,
    "event.original": texts | st.just('{"a": "needle"}'),
}


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    """Rules over normalised events."""
    folder = tmp_path_factory.mktemp("normal")
    (folder / "rules.yml").write_text(NORMAL)
    rules = load_rules([folder])
    assert len(rules.detections) == 4
    return compile_rules(rules)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Five rules of all that a table has to tell apart."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yml").write_text(RULES)
    rules = load_rules([folder], native=True)
    assert len(rules.detections) == 5
    return compile_rules(rules)


@settings(max_examples=300)
@given(st.lists(rows, max_size=12), st.integers(0, 12))
def test_rows_are_events_without_their_nulls(detector, batch, cut):
    """Of columns of every type, in one chunk or two, as dictionaries or plain."""
    schema = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
    parts = [pa.Table.from_pylist(part, schema) for part in (batch[:cut], batch[cut:])]
    table = pa.concat_tables(parts)
    events = [{name: value for name, value in row.items() if value is not None} for row in batch]

    expected = told(detector.match(events))
    assert told(match_table(detector, table)) == expected
    at = table.column_names.index("F")
    encoded = table.set_column(at, "F", table.column("F").dictionary_encode())
    assert told(match_table(detector, encoded)) == expected


def test_a_remainder_that_is_no_object_is_refused(load):
    """The column has its name by whoever wrote the file."""
    rule = "title: T\nid: t\nlogsource: {product: ecs}\ntaxonomy: ecs\ndetection: {s: {a: x}, condition: s}\n"
    table = pa.table({"a": ["x", "x"], "remainder": [None, "[1]"]})

    with pytest.raises(pa.ArrowInvalid, match="`remainder`, row 1: expected a JSON object"):
        match_table(compile_rules(load(rule)), table)


def test_an_archive_is_matched_with_what_its_remainder_holds(load):
    """Vendor fields without a column stand there as JSON."""
    rule = "title: T\nid: t\nlogsource: {product: windows, service: security}\ndetection: {s: {MemberName: ann}, condition: s}\n"
    events = [
        {"winlog.channel": "Security", "winlog.event_data.MemberName": user}
        for user in ("bob", "Ann")
    ]
    table = to_table([conform(event) for event in events])

    assert told(match_table(compile_rules(load(rule)), table)) == [(1, "t")]


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.fixed_dictionaries({}, optional=FIELDS), max_size=8))
def test_events_are_their_archive(normal, batch):
    """Vendor fields of any type, nulls that are there, and keywords wherever they stand."""
    events = [conform(event) for event in batch]

    assert told(match_table(normal, to_table(events))) == told(normal.match(events))


def test_a_keyword_is_found_in_whatever_column_it_stands(load):
    """In texts that repeat, in long ones that are taken one by one, in lists, beyond ASCII."""
    rule = "title: T\nid: t\nlogsource: {category: test}\ndetection: {words: [needle], condition: words}\n"
    columns = {
        "logsource.category": ["test"] * 8,
        "short": ["x", "x", "NEEDLE", "x", None, "nee", "dle", "x"],
        "long": [*["x" * 40_000] * 4, "x" * 40_000 + "needle", None, "x", "y"],
        "list": [["x"], None, [], ["a", "a needle"], None, ["nee", "dle"], [None], ["x"]],
        "number": [1, 2, 3, 4, 5, 6, 7, 8],
        "folded": [*["x"] * 7, "needle".replace("l", "L") + "\u212a"],
    }

    found = told(match_table(compile_rules(load(rule, native=True)), pa.table(columns)))

    assert found == [(2, "t"), (3, "t"), (4, "t"), (7, "t")]


def test_a_null_of_a_dictionary_is_no_value(load):
    """Arrow may write a null as a code without value, or as a code of a value that is null."""
    rule = "title: T\nid: t\nlogsource: {category: test}\ndetection: {s: {F|exists: false}, condition: s}\n"
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["x", None]))
    table = pa.table({"logsource.category": ["test"] * 3, "F": column})

    found = match_table(compile_rules(load(rule, native=True)), table)

    assert told(found) == [(1, "t"), (2, "t")]


def test_a_column_that_events_have_no_values_of_is_refused(load):
    """Rather than matched by something that rules have no meaning for."""
    rule = "title: T\nid: t\nlogsource: {category: test}\ndetection: {s: {F: x}, condition: s}\n"
    table = pa.table({"logsource.category": ["test"], "F": [b"x"]})

    with pytest.raises(pa.ArrowTypeError, match="not binary"):
        match_table(compile_rules(load(rule, native=True)), table)


@pytest.mark.slow
def test_recorded_events_by_column(sigmahq):
    """All public rules on a column of text for each field."""
    otrf = sigmahq[0].parents[1] / "otrf"
    with gzip.open(otrf / "windows_200k.jsonl.gz") as lines:
        read = [orjson.loads(line) for line in islice(lines, 0, None, 40)]
    events = [
        {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in event.items()
        }
        for event in read
    ]
    names = sorted(set().union(*events))
    table = pa.table({name: [event.get(name) for event in events] for name in names})
    detector = compile_rules(load_rules(sigmahq, native=True))

    found = told(match_table(detector, table))

    assert found == told(detector.match(events))
    assert found
