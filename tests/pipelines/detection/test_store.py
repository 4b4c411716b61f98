"""Rules kept on disk: the same as read, and never taken from what is damaged, old or foreign."""

from hashlib import blake2b

import orjson
import pytest

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


def test_any_change_of_what_is_read_is_another_entry(folder, cache):
    """A rule, a placeholder, the names of fields."""
    stored_rules([folder], cache)
    stored_rules([folder], cache, native=True)
    stored_rules([folder], cache, placeholders={"x": ["y"]})
    (folder / "rules.yml").write_text(RULES.replace("Many", "More"))
    changed = stored_rules([folder], cache)

    assert changed.correlations[0].info.title == "More"
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"kinds", b"other"),
        lambda _: b"",
        lambda _: b"\xff\x00\n[]",
        lambda _: signed(b"[]"),
        lambda _: signed(b'[["RuleSet",["()"]],[["os.system","ls"]]]'),
        lambda _: signed(b"[1,[]]"),
        lambda _: signed(b"[" * 5000),
        lambda _: signed(orjson.dumps([["@", 7], []])),
    ],
)
def test_a_damaged_or_foreign_entry_is_read_anew(folder, cache, spoil):
    """Whatever stands in its place."""
    expected = stored_rules([folder], cache)
    (entry,) = cache.iterdir()
    entry.write_bytes(spoil(entry.read_bytes()))

    assert whole(stored_rules([folder], cache)) == whole(expected)
    assert len(entry.read_bytes()) > 1000


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
