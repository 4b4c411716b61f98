"""Loading rules: what becomes a rule, what is refused, and where it is said to stand."""

import os

import pytest

from tocsin.pipelines.detection import reference
from tocsin.pipelines.detection.load import load_rules

RULE = """\
title: Shell started
id: 6a1f9d0e-0000-4000-8000-000000000001
logsource:
  category: process_creation
  product: windows
detection:
  selection:
    Image|endswith: '\\cmd.exe'
  condition: selection
"""


def ids(rules):
    return [rule.info.id for rule in rules.detections]


def test_metadata_is_kept_for_alerts(load):
    """An alert says what its rule says of itself."""
    rules = load(
        RULE
        + "name: shell\nlevel: high\nstatus: test\nauthor: A\ndescription: D\n"
        + "tags: [attack.t1059]\nreferences: [https://example.org]\nfalsepositives: [admins]\n"
        + "related: [{id: other, type: derived}]\ntocsin: {period: 1h}\n"
    )

    info = rules.detections[0].info
    assert info.id == "6a1f9d0e-0000-4000-8000-000000000001"
    assert (info.title, info.name, info.level) == ("Shell started", "shell", "high")
    assert (info.status, info.author, info.description) == ("test", "A", "D")
    assert info.tags == ("attack.t1059",)
    assert info.references == ("https://example.org",)
    assert info.false_positives == ("admins",)
    assert info.related == (("other", "derived"),)
    assert info.tocsin == {"period": "1h"}
    assert (info.path, info.line) == ("rule.yml", 1)


def test_1_5_the_rule_id_is_id_else_name_else_path(load):
    """SEMANTICS §1.5: the path is that below the rules directory."""
    body = RULE.replace("id: 6a1f9d0e-0000-4000-8000-000000000001\n", "")
    rules = load({"a/with.yml": RULE, "b/named.yml": body + "name: shell\n", "c/plain.yml": body})

    assert ids(rules) == ["6a1f9d0e-0000-4000-8000-000000000001", "shell", "c/plain.yml"]


def test_directories_are_read_to_their_depth_in_order(load):
    """Files of both endings, others and hidden folders left alone."""
    rule = RULE.replace("id: 6a1f9d0e-0000-4000-8000-000000000001\n", "")
    rules = load(
        {"b.yaml": rule, "a/x.yml": rule, "a/notes.txt": "x", ".git/y.yml": rule, "c.yml": rule}
    )

    assert ids(rules) == ["a/x.yml", "b.yaml", "c.yml"]


def test_a_file_may_be_named_itself(load, tmp_path):
    """Its path below the directory is its name, whatever its ending."""
    (tmp_path / "one.rule").write_text(RULE)

    assert load_rules([tmp_path / "one.rule"]).detections[0].info.path == "one.rule"


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    """It is the user's, not a rule's."""
    with pytest.raises(FileNotFoundError):
        load_rules([tmp_path / "nowhere"])


def test_a_directory_without_rules_is_a_refusal(load, tmp_path):
    """A mistyped one does not pass for rules that are all right; tests alone are no rules."""
    load({"rule.yml": RULE, "empty/rule.test.yml": "tests: []\n"})

    rules = load_rules([tmp_path / "rules" / "empty", tmp_path / "rules"])

    assert len(rules.detections) == 1
    assert [str(refusal) for refusal in rules.refusals] == [
        f"{tmp_path}/rules/empty: no rule files (*.yml, *.yaml) below this directory"
    ]


def test_a_file_that_cannot_be_read_is_a_refusal(load, tmp_path):
    """The others go on."""
    load({"b.yml": RULE})
    (tmp_path / "rules" / "a.yml").symlink_to(tmp_path / "nowhere")

    rules = load_rules([tmp_path / "rules"])

    assert len(rules.detections) == 1
    assert "cannot be read: No such file" in rules.refusals[0].reason


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("Image|endswith", "Image|endwith", 8, "`Image|endwith`: unknown modifier `endwith`"),
        ("condition: selection", "condition: select", 9, "no search identifier `select`"),
        ("condition: selection\n", "condition: selection\nlevel: urgent\n", 10, "unknown level"),
        ("product: windows", "product: 5", 5, "`product` is text"),
        ("logsource:", "logsources:", 1, "`logsource` is missing"),
        ("detection:", "detections:", 1, "no `detection`"),
        ("title: Shell", "taxonomy: splunk\ntitle: Shell", 1, "unknown taxonomy `splunk`"),
        ("title: Shell", "tocsin: 5\ntitle: Shell", 1, "`tocsin` is a mapping"),
        ("title: Shell", "title: [Shell", 2, "not YAML"),
        ("    Image", "    Other: &a x\n    Image", 8, "anchors and aliases"),
        ("    Image", "    Other: !!python/name:os.system x\n    Image", 8, "tags are not read"),
        ("    Image", "    <<: {a: b}\n    Image", 8, "merge keys"),
        ("    Image", "    Image|endswith: x\n    Image", 9, "a second time (first in line 8)"),
        ("    Image", "    ? [a]\n    : b\n    Image", 8, "keys are plain text"),
    ],
)
def test_a_refusal_names_path_line_and_reason(load, tmp_path, old, new, line, reason):
    """The line is that of the offending key or value."""
    rules = load({"bad.yml": RULE.replace(old, new, 1), "good.yml": RULE})

    (refusal,) = rules.refusals
    assert refusal.path == str(tmp_path / "rules" / "bad.yml")
    assert refusal.line == line
    assert reason in refusal.reason
    assert str(refusal).startswith(f"{refusal.path}:{line}: ")
    assert len(rules.detections) == 1


def test_a_value_in_a_list_is_named_by_its_own_line(load):
    """Rules have lists of thousands of values."""
    rules = load(
        RULE.replace("Image|endswith: '\\cmd.exe'", "F|cidr:\n    - 10.0.0.0/8\n    - 10.x")
    )

    assert rules.refusals[0].line == 10


def test_documents_of_a_file_stand_for_themselves(load):
    """A refused one takes no other with it; empty ones are nothing."""
    second = RULE.replace("0001", "0002")
    broken = RULE.replace("0001", "0003").replace("endswith", "nonsense")
    rules = load("---\n" + RULE + "---\n---\n" + broken + "---\n" + second)

    assert ids(rules) == [
        "6a1f9d0e-0000-4000-8000-000000000001",
        "6a1f9d0e-0000-4000-8000-000000000002",
    ]
    assert [refusal.line for refusal in rules.refusals] == [20]


def test_documents_before_a_syntax_error_are_kept(load):
    """After it nothing of the file can be read."""
    rules = load(RULE + "---\ntitle: [\n---\n" + RULE)

    assert len(rules.detections) == 1
    assert "not YAML" in rules.refusals[0].reason


def test_a_second_rule_of_one_id_is_refused(load):
    """The first stays, and the refusal says where it stands."""
    rules = load({"a.yml": RULE, "b.yml": RULE})

    assert [rule.info.path for rule in rules.detections] == ["a.yml"]
    assert "is taken by" in rules.refusals[0].reason
    assert rules.refusals[0].reason.endswith("a.yml:1")
    assert rules.refusals[0].line == 2


def test_a_refused_rule_does_not_take_its_id(load):
    """Another rule of that id runs."""
    rules = load({"a.yml": RULE.replace("endswith", "nonsense"), "b.yml": RULE})

    assert [rule.info.path for rule in rules.detections] == ["b.yml"]
    assert len(rules.refusals) == 1


def test_global_keys_are_merged_into_the_rules_that_follow(load):
    """Up to a reset; mappings are merged key by key."""
    rules = load(
        "action: global\nlevel: high\nlogsource: {product: windows}\n---\n"
        "title: A\nid: a\nlogsource: {service: system}\n"
        "detection: {s: {EventID: 1}, condition: s}\n---\n"
        "action: reset\n---\n"
        "title: B\nid: b\nlogsource: {product: linux}\n"
        "detection: {s: {F: 1}, condition: s}\n"
    )

    a, b = rules.detections
    assert (a.logsource.product, a.logsource.service, a.info.level) == ("windows", "system", "high")
    assert (b.logsource.product, b.info.level) == ("linux", "medium")


def test_repeat_adds_to_the_rule_before(load):
    """Every repeat is a rule of its own."""
    rules = load(
        "title: A\nid: a\nlogsource: {category: test}\n"
        "detection: {s: {F: x}, condition: s}\n---\n"
        "action: repeat\nid: b\ndetection: {s: {F: y}}\n",
        native=True,
    )

    assert ids(rules) == ["a", "b"]
    assert reference.holds(rules.detections[1].condition, {"F": "y"})
    assert not reference.holds(rules.detections[1].condition, {"F": "x"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("action: repeat\ntitle: A\n", "no rule before it"),
        ("action: whatever\ntitle: A\n", "unknown action"),
    ],
)
def test_other_actions_are_refused(load, text, reason):
    """They would otherwise be lost without a word."""
    assert reason in load(text).refusals[0].reason


def test_correlations_are_handed_on_as_written(load):
    """With the lines of their keys; global keys are not merged into them."""
    rules = load(
        "title: Many\nname: many\ncorrelation:\n  type: event_count\n  rules: [a]\n"
        "  timespan: 5m\n  condition:\n    gte: 10\n"
    )

    (document,) = rules.correlations
    assert document.info.id == "many"
    assert document.body["correlation"]["condition"] == {"gte": 10}
    assert document.body["correlation"]["condition"].line_of("gte") == 8


def test_the_digest_changes_with_what_changes_the_meaning(load, tmp_path):
    """Its own text, filters that apply and placeholders do; other rules and its place do not."""
    rule = RULE.replace("Image|endswith: '\\cmd.exe'", "Image|expand: '%shell%'")
    other = RULE.replace("0001", "0002").replace("Shell", "Other")
    shell = {"placeholders": {"shell": ["a"]}}

    def digest(files, **options):
        for path in (tmp_path / "rules").glob("**/*.yml"):
            path.unlink()
        return load(files, **options).detections[-1].info.digest

    plain = digest({"z.yml": rule}, **shell)
    assert digest({"z.yml": rule}, **shell) == plain
    assert digest({"a.yml": other, "y.yml": "---\n\n" + rule}, **shell) == plain
    assert digest({"z.yml": rule}, placeholders={"shell": ["b"]}) != plain
    assert digest({"z.yml": rule + "level: low\n"}, **shell) != plain
    assert digest({"f.yml": FILTER, "z.yml": rule}, **shell) != plain


FILTER = """\
title: Not by the helpers
name: helpers
logsource: {product: windows}
filter:
  rules: any
  selection:
    User: helper
  condition: not selection
"""


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("large", b"title: " + b"a" * (1 << 20), "larger than 1048576 bytes"),
        ("deep", b"[" * 900 + b"]" * 900, "nested deeper than 32 levels"),
        ("deeper", b"[" * 5000, "not YAML"),
        ("deep mapping", b"{a: " * 40 + b"1" + b"}" * 40, "nested deeper than 32 levels"),
        ("binary", bytes(range(256)), "not YAML"),
        ("latin", b"title: \xe9", "not YAML"),
        ("list", b"- a\n- b\n", "a rule is a mapping"),
        ("text", b"just text", "a rule is a mapping"),
        ("bomb", b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "anchors and aliases"),
        ("tabs", b"title: a\n\tb: c\n", "not YAML"),
    ],
)
def test_hostile_files_are_refused(load, name, data, reason):
    """Quickly, and by themselves."""
    rules = load({"bad.yml": data, "good.yml": RULE})

    assert len(rules.detections) == 1
    assert any(reason in refusal.reason for refusal in rules.refusals)


def test_a_condition_nested_without_end_is_refused(load):
    """Reading it takes no deeper stack than it allows."""
    text = "(" * 10_000 + "selection" + ")" * 10_000

    refusal = load(RULE.replace("condition: selection", f"condition: {text}")).refusals[0]

    assert "nested deeper than 64" in refusal.reason


def test_a_long_condition_is_read(load):
    """Ten thousand operands in one row, and as many negations, are no matter of depth."""
    text = " or ".join(["selection"] * 10_000) + " or " + "not " * 10_000 + "selection"

    assert not load(RULE.replace("condition: selection", f"condition: {text}")).refusals


def test_numbers_too_long_to_count_stay_text(load):
    """Reading them is not what a megabyte of digits should cost."""
    digits = "9" * 5000

    rules = load(
        RULE.replace("Image|endswith: '\\cmd.exe'", f"F: {digits}").replace("windows", "test"),
        native=True,
    )

    assert reference.holds(rules.detections[0].condition, {"F": digits})


def test_a_rule_may_be_in_any_utf_encoding_of_yaml(load):
    """YAML files begin with a byte order mark where they are not UTF-8."""
    assert load(RULE.encode("utf-16")).detections[0].info.title == "Shell started"


def test_tests_beside_rules_are_no_rules(load):
    """`x.test.yml` is what tests `x.yml`."""
    rules = load({"a.yml": RULE, "a.test.yml": "tests: []\n"})

    assert len(rules.detections) == 1
    assert not rules.refusals


def test_regular_expressions_without_number_are_refused(load):
    """Each is a program in memory."""
    values = ", ".join(f"'a{number}.{{900}}'" for number in range(300))

    refusal = load(RULE.replace("Image|endswith: '\\cmd.exe'", f"F|re: [{values}]")).refusals[0]

    assert refusal.reason == "300 regular expressions, at most 40 in a rule"


def test_a_file_in_two_paths_is_read_once(load, tmp_path):
    """As where a folder and one below it are both given."""
    load({"sub/a.yml": RULE})

    rules = load_rules([tmp_path / "rules", tmp_path / "rules" / "sub"])

    assert [rule.info.path for rule in rules.detections] == ["sub/a.yml"]
    assert not rules.refusals


def test_a_pipe_among_rules_is_passed_by(load, tmp_path):
    """Loading never waits for one who writes."""
    load({"a.yml": RULE})
    os.mkfifo(tmp_path / "rules" / "b.yml")

    assert len(load_rules([tmp_path / "rules"]).detections) == 1


def test_a_condition_that_multiplies_its_selections_is_refused(load):
    """A thousand values named a thousand times are a million comparisons."""
    values = ", ".join(f"'a{number}'" for number in range(1000))
    text = RULE.replace("Image|endswith: '\\cmd.exe'", f"F: [{values}]")

    refusal = load(
        text.replace(
            "condition: selection", "condition: " + "not selection or " * 999 + "selection"
        )
    ).refusals[0]

    assert refusal.reason == "condition: 1000000 values to compare, at most 100000"
    assert refusal.line == 9
