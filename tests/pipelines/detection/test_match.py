"""The fast engine gives the answers of the reference, whatever the rules, events and batches."""

import gzip
import json
import os
import subprocess
import sys
from decimal import Decimal
from functools import reduce
from ipaddress import ip_network
from itertools import islice
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.pipelines.detection import (
    cache,
    expressions,
    ir,
    literals,
    match,
    patterns,
    proposals,
    questions,
    reference,
)
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.gates import gate_node
from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Compare,
    Contains,
    EndsWith,
    Exists,
    InNetwork,
    Is,
    Item,
    Keyword,
    Matches,
    Not,
    Null,
    Or,
    Origin,
    Reference,
    Selection,
    StartsWith,
    TimePart,
)
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.regex import compile_regex
from tocsin.pipelines.detection.rules import DetectionRule, RuleInfo, RuleSet
from tocsin.schemas.sigma import FieldMap, LogSource
from tocsin.schemas.values import fold

LONG = bool(os.environ.get("TOCSIN_LONG"))
NOWHERE = Origin("selection", "", "", 1)

FIELDS = ["A", "B", "C.d", "Gate"]
WORDS = [
    "", "a", "ab", "abc", "\\cmd.exe", "C:\\Windows\\", "-enc", "/enc", "\u2013enc -x", "a-b-c-d", "é", "É",
    "\u212a", "\u0130x", "ΑΣ", "ß", "1", "1.0", "1.10", "-0", "04625", "4625", "true", "null", "10.0.0.1",
    "::ffff:10.0.0.1", "fe80::1%eth0", "2026-11-24T10:00:00Z", "\x02ab", "ab\x03", "\n", "a\nb", "\x00", '"', "/",
    "\\u0061", "mimikatz", "MimiKatz", "x" * 300, "ab" * 2100,
]  # fmt: skip
GATES = [
    ({},),
    ({"Gate": ("ab", 1)},),
    ({"Gate": ()},),
    ({"Gate": ("4625",), "B": ("a", "1")}, {"Gate": ("abc",)}),
]
REGEXES = [
    ("", ""), ("ab", ""), ("AB", "i"), ("^ab", ""), ("ab$", ""), ("a.b", ""), ("a.b", "s"), ("^b", "m"), ("k", "i"),
    (r"\d+", ""), (r"(?:abc|cmd)\.?exe", "i"), (r"[^a]bc", ""), (r"(mimi)?katz", ""), (r"(abc){2,}", ""), (r"\bab\b", ""),
    (r"[xX]", ""), (r"x", "i"), (r"(?i)X", ""), (r"(abc|)x{300}", ""), (r"É", "i"), (r"(?i)mimi.?ka", ""), (r"x+", ""), ("abab", ""), (r"(?:ab)+b?a", ""),
]  # fmt: skip

words = st.one_of(
    st.sampled_from(WORDS),
    st.text(alphabet="ab*?\\-/1.\u2013éK\u212a\n ", max_size=8),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map("".join),
)
scalars = st.one_of(
    words,
    words,
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 1.0, -0.0, 1.5, 4625, 4625.0, 2**53, 2.0**53, 2**63, 2.0**63, 1e300]),
)
values = st.one_of(
    scalars,
    scalars,
    st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(["p", "q"]), scalars, max_size=2),
)
events = st.dictionaries(
    st.sampled_from([*FIELDS, "logsource.category", "event.id"]), values, max_size=5
)
flags = st.fixed_dictionaries({"cased": st.booleans(), "windash": st.booleans()})


@st.composite
def texts(draw):
    """A predicate as the loader makes it of a Sigma string."""
    options = draw(flags)
    parts = patterns.parse(draw(words))
    around = draw(st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]))
    parts = (*[patterns.Wildcard.ANY] * around[0], *parts, *[patterns.Wildcard.ANY] * around[1])
    return patterns.predicate(parts, **options)


@st.composite
def plain_texts(draw):
    kind = draw(st.sampled_from([Contains, StartsWith, EndsWith]))
    return kind(fold(draw(st.sampled_from(WORDS))))


regexes = st.sampled_from(REGEXES).map(lambda each: Matches(compile_regex(*each)))
targets = st.sampled_from(
    [("A",), ("B",), ("C.d",), ("Gate",), ("A", "B"), ("B", "A", "Gate"), ("None", "A")]
)
operators = st.sampled_from(["lt", "lte", "gt", "gte", "eq"])
predicates = st.one_of(
    texts(),
    texts(),
    plain_texts(),
    regexes,
    st.booleans().map(Is),
    st.just(Null()),
    st.booleans().map(Exists),
    st.sampled_from(["10.0.0.0/8", "10.0.0.1/32", "fe80::/10", "0.0.0.0/0"]).map(
        lambda text: InNetwork(ip_network(text))
    ),
    st.builds(Compare, operators, st.sampled_from([Decimal(0), Decimal("1.1"), Decimal(4625)])),
    st.builds(TimePart, st.sampled_from(["hour", "week"]), operators, st.just(Decimal(10))),
    st.builds(
        Reference, targets, st.sampled_from(["equals", "contains", "startswith"]), st.booleans()
    ),
)
leaves = st.one_of(
    st.builds(Item, targets, predicates, st.just(NOWHERE)),
    st.builds(Item, targets, predicates, st.just(NOWHERE)),
    st.builds(Keyword, st.one_of(texts(), regexes), st.just(True), st.just(NOWHERE)),
)


def branches(children):
    several = st.lists(children, max_size=4).map(tuple)
    return st.one_of(
        several.map(And),
        several.map(Or),
        st.builds(AtLeast, st.integers(1, 3), several),
        children.map(Not),
        children.map(lambda child: Selection("s", child)),
    )


conditions = st.recursive(leaves, branches, max_leaves=8)


@st.composite
def rules(draw):
    gate = draw(st.sampled_from(GATES))
    number = draw(st.integers(0, 10**9))
    info = RuleInfo(f"rule-{number}", "generated", "rule.yml", 1, str(number))
    condition = draw(conditions)
    return DetectionRule(info, LogSource(), FieldMap(gate), True, gate_node(gate, 1), condition)


rule_sets = st.lists(rules(), min_size=1, max_size=4, unique_by=lambda rule: rule.info.id)


def told(found):
    return [(index, rule.info.id) for index, rule in found]


def judged(ruleset, events):
    """What the reference says, in the order of matches."""
    by_gate = {}
    for rule in sorted(ruleset.detections, key=lambda rule: rule.info.id):
        by_gate.setdefault(repr(rule.fields.gate), []).append(rule)
    found = []
    for index, event in enumerate(events):
        matching = [
            rule.info.id
            for sharing in by_gate.values()
            if reference.holds(sharing[0].gate, event)
            for rule in sharing
            if reference.matches(rule, event)
        ]
        found += [(index, rule) for rule in sorted(matching)]
    return found


@settings(max_examples=20_000 if LONG else 300)
@given(rule_sets, st.lists(events, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_generated_rules_on_generated_events(generated, batch, random):
    """As the reference, in one batch, event by event, in any order, with and without memory."""
    ruleset = RuleSet(tuple(generated))
    expected = judged(ruleset, batch)

    detector = compile_rules(ruleset)
    assert told(detector.match(batch)) == expected
    assert told(detector.match(batch)) == expected
    forgetful = compile_rules(ruleset, memory=0)
    single = [
        (i, rule.info.id) for i, each in enumerate(batch) for _, rule in forgetful.match([each])
    ]
    assert single == expected
    order = random.sample(range(len(batch)), len(batch))
    shuffled = told(compile_rules(ruleset).match([batch[index] for index in order]))
    assert sorted((order[index], rule) for index, rule in shuffled) == expected


@settings(max_examples=10_000 if LONG else 150)
@given(rule_sets, st.lists(events, min_size=1, max_size=4))
def test_lines_do_not_change_what_keywords_see(generated, batch):
    """With the JSON text that an event was read from at hand, however it writes characters."""
    ruleset = RuleSet(tuple(generated))
    plain = [orjson.dumps(event) for event in batch]
    escaped = [json.dumps(event).encode() for event in batch]
    detector = compile_rules(ruleset)

    for lines in (plain, escaped):
        read = [orjson.loads(line) for line in lines]
        assert told(detector.match(read, lines)) == judged(ruleset, read)


@settings(max_examples=5_000 if LONG else 100)
@given(rule_sets, st.lists(events, min_size=1, max_size=4))
def test_what_pays_only_for_many_texts_changes_nothing(generated, batch):
    """Hyperscan for long texts and for expressions without a literal, here from the first text on."""
    ruleset = RuleSet(tuple(generated))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expressions, "PAYS", 0)
        patch.setattr(literals, "CHUNK", 4)
        patch.setattr(literals, "MAX_PIECES", 1)

        assert told(compile_rules(ruleset).match(batch)) == judged(ruleset, batch)


@settings(max_examples=5_000 if LONG else 100)
@given(rule_sets, st.lists(events, min_size=1, max_size=4))
def test_texts_in_pieces_are_searched_as_a_whole(generated, batch):
    """Literals that stand across the cuts are found."""
    ruleset = RuleSet(tuple(generated))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literals, "CHUNK", 3)

        assert told(compile_rules(ruleset).match(batch)) == judged(ruleset, batch)


@settings(max_examples=5_000 if LONG else 100)
@given(rule_sets, st.lists(events, min_size=1, max_size=6))
def test_a_census_changes_nothing(generated, batch):
    """Whichever clauses candidates are watched by, and however often that is thought over."""
    ruleset = RuleSet(tuple(generated))
    expected = judged(ruleset, batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match, "DUE", (1, 4, 9, 16))
        patch.setattr(proposals, "NOTED", 1)
        patch.setattr(proposals, "COUNTED", 2)
        patch.setattr(proposals, "MAX_FOLDED", 1)
        patch.setattr(questions, "MAX_CONTAINED", 0)
        detector = compile_rules(ruleset)

        for _ in range(6):
            assert told(detector.match(batch)) == expected


@settings(max_examples=5_000 if LONG else 200)
@given(rule_sets, st.lists(events, min_size=1, max_size=6))
def test_texts_that_never_come_again_are_told_together_what_they_are(generated, batch):
    """Here no cache keeps any text after the first ones."""
    ruleset = RuleSet(tuple(generated))
    expected = judged(ruleset, batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "TRUSTED", 1)
        patch.setattr(cache, "TRIED", 1)
        patch.setattr(cache, "WORTH", 2)
        patch.setattr(match, "MANY", 1)
        patch.setattr(expressions, "PAYS", 0)
        detector = compile_rules(ruleset)

        for _ in range(4):
            assert told(detector.match(batch)) == expected


def test_candidates_are_watched_by_what_is_rare_in_truth(load):
    """A long text is thought to be rare; where every event has it, the short one is looked for."""
    text = """\
title: T
id: t
logsource: {category: test}
detection: {s: {A|contains: a long text of everybody, B|contains: xy}, condition: s}
"""
    detector = compile_rules(load(text, native=True))
    common = {"logsource.category": "test", "A": "a long text of everybody's", "B": "x"}
    (plan,) = {detector.matcher.plan_of(detector.matcher.classes.key(common))}

    assert plan.watched.names == ("A",)
    assert detector.match([common] * 1000) == []
    assert plan.watched.names == ("B",)
    assert told(detector.match([common, common | {"B": "xyz"}])) == [(1, "t")]


def test_selection_or_not_filter_matches_what_has_neither(load):
    """The complement of a filter holds on events that no witness finds."""
    text = """\
title: T
id: t
logsource: {category: test}
detection: {s: {A: x}, f: {B: y}, condition: s or not f}
"""
    base = {"logsource.category": "test"}
    detector = compile_rules(load(text, native=True))

    found = detector.match(
        [base, base | {"B": "y"}, base | {"A": "x", "B": "y"}, base | {"B": "z"}]
    )

    assert [index for index, _ in found] == [0, 2, 3]


def test_values_that_python_takes_for_one_another_are_kept_apart(load):
    """1, 1.0 and True are one key of a dict; null and missing are not the same."""
    text = """\
title: T
id: one
logsource: {category: test}
detection: {s: {A: 1}, condition: s}
---
title: T
id: "true"
logsource: {category: test}
detection: {s: {A: true}, condition: s}
---
title: T
id: zero
logsource: {category: test}
detection: {s: {A: [0, 9007199254740992]}, condition: s}
---
title: T
id: there
logsource: {category: test}
detection: {s: {A|exists: true}, n: {A: null}, condition: s and n}
"""
    detector = compile_rules(load(text, native=True))
    base = {"logsource.category": "test"}
    values = [1, True, 1.0, "1.0", False, 0, -0.0, 2**53, 2.0**53, None, 2.0**53 + 2]
    events = [base | {"A": value} for value in values]

    found = told(detector.match([*events, base]) + detector.match(events[::-1]))

    expected = [(0, "one"), (1, "true"), (2, "one"), (3, "one"), (5, "zero"), (6, "zero")]
    expected += [(7, "zero"), (8, "zero"), (9, "there")]
    last = len(values) - 1
    assert found[: len(expected)] == expected
    assert sorted((last - index, rule) for index, rule in found[len(expected) :]) == expected


def test_hash_seeds_do_not_matter(tmp_path):
    """The order of sets is nobody's answer."""
    (tmp_path / "rules.yml").write_text(
        "---\n".join(
            f"title: T\nid: r{n}\nlogsource: {{category: test}}\n"
            f"detection: {{s: {{A|contains: [a{n % 7}, b{n % 5}]}}, t: {{B: x}}, condition: s or t}}\n"
            for n in range(30)
        )
    )
    script = (
        "import sys; from tocsin.pipelines.detection.load import load_rules;"
        "from tocsin.pipelines.detection.detector import compile_rules;"
        "d = compile_rules(load_rules([sys.argv[1]], native=True));"
        "b = {'logsource.category': 'test'};"
        "e = [b | {'A': f'xa{i} yb{i % 3}'} for i in range(9)] + [b | {'B': 'x'}];"
        "print([(i, r.info.id) for i, r in d.match(e)])"
    )

    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(outputs) == 1
    assert outputs.pop().count(b"(9, ") == 30


def recorded(otrf, name, step):
    with gzip.open(otrf / name) as lines:
        return [orjson.loads(line) for line in islice(lines, 0, None, step)]


def distinct(event, number):
    """`event` with values that no other event has, in one of four beyond ASCII."""
    mark = "" if number % 4 else "é"
    changed = {
        name: f"{event[name]} {number:x}{mark}"
        for name in ("CommandLine", "ParentCommandLine", "CurrentDirectory")
        if name in event
    }
    return event | changed


@pytest.fixture(scope="module")
def native_rules(sigmahq):
    """All public rules over native events."""
    return load_rules(sigmahq, native=True)


def equal_to_reference(ruleset, batch):
    lines = [orjson.dumps(event) for event in batch]
    expected = judged(ruleset, batch)
    assert expected
    assert told(compile_rules(ruleset).match(batch, lines)) == expected
    assert told(compile_rules(ruleset, memory=1 << 14).match(batch)) == expected
    assert told(in_parts(compile_rules(ruleset), batch)) == expected


def in_parts(detector, events):
    """The matches of events that come in parts of 128, as from a file."""
    for start in range(0, len(events), 128):
        for index, rule in detector.match(events[start : start + 128]):
            yield start + index, rule


@pytest.mark.long
def test_recorded_windows_events(native_rules, sigmahq):
    """All public rules on real events: every hundredth, or all of them in a long run."""
    otrf = sigmahq[0].parents[1] / "otrf"
    equal_to_reference(native_rules, recorded(otrf, "windows_200k.jsonl.gz", 1 if LONG else 200))


@pytest.mark.long
def test_recorded_process_creations(native_rules, sigmahq):
    """All public rules on process creations as they are, and made all-distinct."""
    otrf = sigmahq[0].parents[1] / "otrf"
    creations = recorded(otrf, "process_creations.jsonl.gz", 1 if LONG else 40)
    equal_to_reference(native_rules, creations)
    many = creations * 4 if LONG else creations  # of which caches learn that nothing comes twice
    equal_to_reference(native_rules, [distinct(event, n) for n, event in enumerate(many)])


def strung(random, words):
    return reduce(lambda text, word: text + word, random.choices(words, k=random.randint(1, 5)), "")


@pytest.mark.long
def test_a_generated_web_and_proxy_lane(native_rules):
    """All web, proxy and firewall rules on lines made of what these rules look for."""
    random = Random(5)
    wanted = ("webserver", "proxy", "firewall", "dns")
    chosen = tuple(rule for rule in native_rules.detections if rule.logsource.category in wanted)
    words, names = ["/", "?", "%2e", "index.php", "GET", "200", " ", "..\\"], set()
    for rule in chosen:
        for leaf in ir.leaves(rule.condition):
            names.update(getattr(leaf, "targets", ()))
            words += [getattr(leaf.predicate, "text", "")]
    batch = [
        {"logsource.category": random.choice(wanted)}
        | {name: strung(random, words) for name in random.sample(sorted(names), 8)}
        for _ in range(20_000 if LONG else 1_000)
    ]

    equal_to_reference(RuleSet(chosen), batch)
