"""Rules kept on disk: the same as read, and never taken from what is damaged, old or foreign."""

import os
import subprocess
import sys
import time
from hashlib import blake2b

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection import drafts
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.store import stored_rules

RULES = """\
title: All kinds
id: kinds
logsource: {product: windows, category: process_creation}
tocsin: {owner: [me, you]}
detection:
  s:
    Image|endswith: ['\\cmd.exe', 'p?sh*.exe']
    User: null
    Id: [1, true, 1.5]
    CommandLine|re|i: 'a+b'
    ParentImage|fieldref: Image
    Ip|cidr: [10.0.0.0/8, 'fe80::/10']
    Count|gte: 5
  k: [word, '*wild*card*']
  condition: 1 of s* and not k
---
title: Many
id: many
correlation: {type: event_count, rules: [kinds], group-by: [User], timespan: 5m, condition: {gte: 3}}
---
title: Bad
id: bad
logsource: {product: windows}
detection: {s: {A|nosuch: x}, condition: s}
"""


@pytest.fixture
def folder(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "rules.yml").write_text(RULES)
    return rules


@pytest.fixture
def cache(tmp_path):
    made = tmp_path / "cache"
    made.mkdir(mode=0o700)
    return made


def whole(rules):
    """Everything of a rule set, also what its equality leaves out."""
    detections = [
        (each, each.gate, each.condition, each.fields, each.exceptions, each.info.tocsin)
        for each in rules.detections
    ]
    correlations = [
        (each, each.body, each.body.line_of("correlation"), each.body["correlation"]["rules"].lines)
        for each in rules.correlations
    ]
    return rules, detections, correlations


def test_kept_rules_are_those_that_were_read(folder, cache):
    """With lines, refusals and correlations, and regular expressions that still work."""
    expected = load_rules([folder], native=True)
    first = stored_rules([folder], cache, native=True)
    (entry,) = cache.iterdir()
    second = stored_rules([folder], cache, native=True)

    assert whole(first) == whole(second) == whole(expected)
    assert len(second.refusals) == 1
    assert list(cache.iterdir()) == [entry]


def test_any_change_of_what_is_read_is_seen(folder, cache):
    """A rule, a placeholder, the names of fields; the last two are other entries."""
    stored_rules([folder], cache)
    stored_rules([folder], cache, native=True)
    stored_rules([folder], cache, placeholders={"x": ["y"]})
    (folder / "rules.yml").write_text(RULES.replace("Many", "More"))
    changed = stored_rules([folder], cache)

    assert changed.correlations[0].info.title == "More"
    assert len(list(cache.iterdir())) == 3


def test_only_changed_files_are_read(folder, cache, monkeypatch):
    """The others stand in the entry, whatever a filter makes of them."""
    for number in range(5):
        (folder / f"{number}.yml").write_text(rule(f"r{number}"))
    stored_rules([folder], cache)
    read = []
    documents = drafts.read_documents
    monkeypatch.setattr(drafts, "read_documents", lambda data: read.append(data) or documents(data))

    (folder / "3.yml").write_text(rule("r3", "other"))
    stored_rules([folder], cache)
    (folder / "filter.yml").write_text(filtering("f", "any"))
    filtered = stored_rules([folder], cache)
    stored_rules([folder], cache)

    assert [data.decode() for data in read] == [rule("r3", "other"), filtering("f", "any")]
    assert whole(filtered) == whole(load_rules([folder]))


def rule(identity, value="x"):
    return (
        f"title: T\nid: {identity}\nlogsource: {{category: process_creation, product: windows}}\n"
        f"detection: {{s: {{Image|contains: '{value}'}}, condition: s}}\n"
    )


def filtering(identity, rules, expires=None):
    exception = f"tocsin: {{owner: o, reason: r, expires: '{expires}'}}\n" if expires else ""
    return (
        f"title: F\nid: {identity}\nlogsource: {{category: process_creation}}\n{exception}"
        f"filter: {{rules: {rules}, s: {{User: x}}, condition: not s}}\n"
    )


IDS = st.sampled_from(["a", "b", "c"])
CONTENTS = st.one_of(
    st.builds(rule, IDS, st.sampled_from(["x", "%p%", "y*z?"])),
    st.builds(lambda one, two: f"{one}---\n{two}", st.builds(rule, IDS), st.builds(rule, IDS)),
    st.builds(filtering, IDS, st.sampled_from(["any", "[a]", "[b, c]", "5"])),
    st.builds(filtering, IDS, st.just("any"), st.sampled_from(["2026-12-31", "never"])),
    st.sampled_from(
        [
            RULES,
            "",
            "a: [",
            "action: global\nlevel: high\n---\n" + rule("a"),
            rule("a").replace("Image|contains: 'x'", "Image|expand: '%p%'"),
            rule("a") + "tocsin: {n: 123456789012345678901234567890}\n",
            rule("b") + "level: none\n",
            rule("c").replace("product: windows", "product: ecs, category: process")
            + "taxonomy: ecs\n",
        ]
    ),
)
NAMES = st.sampled_from(["1.yml", "2.yaml", "d/3.yml", "d/e/4.yml", "5.txt"])
EDITS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("remove"), NAMES, st.none()),
    st.tuples(st.just("rename"), NAMES, NAMES),
)


@settings(
    max_examples=1_000 if os.environ.get("TOCSIN_LONG") else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(EDITS, min_size=1, max_size=10), st.booleans(), st.sampled_from([None, ["v"]]))
def test_stored_rules_are_those_of_the_files_after_any_edits(
    tmp_path_factory, edits, native, values
):
    """Files and filters that are written, removed and renamed, one after the other."""
    folder = tmp_path_factory.mktemp("edited")
    rules, cache = folder / "rules", folder / "cache"
    rules.mkdir()
    options = {"native": native, "placeholders": values and {"p": values}}
    for kind, name, other in edits:
        place = rules / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind == "write":
            place.write_text(other)
        elif place.exists():
            if kind == "rename":
                (rules / other).parent.mkdir(parents=True, exist_ok=True)
                place.rename(rules / other)
            else:
                place.unlink()

        expected = whole(load_rules([rules], **options))
        assert whole(stored_rules([rules], cache, **options)) == expected
        assert whole(stored_rules([rules], cache, **options)) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names that are no UTF-8")
def test_what_json_cannot_say_is_read_each_time(folder, cache):
    """A file whose name is no UTF-8."""
    (folder / os.fsdecode(b"\xff.yml")).write_text(rule("odd"))
    stored_rules([folder], cache)

    found = stored_rules([folder], cache)

    assert "odd" in [each.info.id for each in found.detections]
    assert whole(found) == whole(load_rules([folder]))


def test_starts_at_one_time_do_not_disturb_one_another(folder, cache):
    """All get the same rules, and a whole entry stays."""
    script = (
        "import sys; from pathlib import Path;"
        "from tocsin.pipelines.detection.store import stored_rules;"
        "print(len(stored_rules([sys.argv[1]], Path(sys.argv[2])).detections))"
    )
    command = [sys.executable, "-c", script, folder, cache]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    assert [process.communicate(timeout=60)[0] for process in started] == ["1\n"] * 4
    (entry,) = cache.iterdir()
    digest, _, body = entry.read_bytes().partition(b"\n")
    assert digest == signed(body).partition(b"\n")[0]


def test_unfinished_files_are_removed_in_time(folder, cache):
    """What a killed process left, and not what another is at."""
    old, new = cache / "old.part", cache / "new.part"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7_200,) * 2)

    stored_rules([folder], cache)

    assert sorted(each.suffix for each in cache.iterdir()) == [".part", ".rules"]
    assert new.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"kinds", b"other"),
        lambda _: b"",
        lambda _: b"\xff\x00\n[]",
        lambda _: signed(b"[]"),
        lambda _: signed(b'[["RuleSet",["()"]],[["os.system","ls"]]]'),
        lambda _: signed(b"[" * 5000),
        lambda data: foreign(data, [["os.system", "ls"]]),
        lambda data: foreign(data, [["Not", 1]]),
        lambda data: foreign(data, ["text"]),
        lambda data: foreign(data, 7),
        lambda data: foreign(data, [["Draft", "a"]]),
    ],
)
def test_a_damaged_or_foreign_entry_is_read_anew(folder, cache, spoil):
    """Whatever stands in its place."""
    expected = stored_rules([folder], cache)
    (entry,) = cache.iterdir()
    entry.write_bytes(spoil(entry.read_bytes()))

    assert whole(stored_rules([folder], cache)) == whole(expected)
    assert len(entry.read_bytes()) > 1000


def foreign(data, drafts):
    """The entry with something else in place of all drafts."""
    return signed(orjson.dumps(dict.fromkeys(orjson.loads(data.partition(b"\n")[2]), drafts)))


def signed(body):
    return blake2b(body, digest_size=32).hexdigest().encode() + b"\n" + body


def test_a_folder_that_others_may_write_to_is_not_used(folder, cache):
    """Nor one that cannot be made."""
    cache.chmod(0o777)
    stored_rules([folder], cache)
    assert list(cache.iterdir()) == []

    assert stored_rules([folder], folder / "rules.yml" / "below").detections


def test_old_entries_make_room(folder, cache):
    """Sixteen are kept."""
    for number in range(20):
        stored_rules([folder], cache, placeholders={"n": [str(number)]})

    assert len(list(cache.iterdir())) == 16
