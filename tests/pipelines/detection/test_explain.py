"""Explanations: the reference's verdict, and what it rests on."""

from tocsin.pipelines.detection.explain import MatchedItem, explain, lines, matched_items

RULE = r"""
title: Shell of an office program
id: shell
logsource: {category: test}
detection:
  selection:
    Image|endswith: ['\cmd.exe', '\pwsh.exe']
    Parent|contains: office
    User: null
  filter_helper:
    CommandLine|contains: helper
  keywords:
    - evil
  condition: (selection or keywords) and not 1 of filter_*
"""

EVENT = {
    "logsource.category": "test",
    "Image": ["C:\\x.exe", "C:\\CMD.EXE"],
    "Parent": "Office",
    "CommandLine": "cmd /c Helper",
}


def test_each_node_says_whether_it_holds_and_why(load):
    """One line each, indented by depth, with the field's value and the rule's line."""
    (rule,) = load(RULE, native=True).detections

    assert list(lines(explain(rule, EVENT))) == [
        "no   Shell of an office program",
        "yes    logsource",
        "yes      logsource.category `test`: logsource.category is `test`  (line 4)",
        "no     all of",
        "yes      any of",
        "yes        selection",
        "yes          all of",
        "yes            any of",
        r"yes              Image|endswith `\cmd.exe`: Image is `['C:\\x.exe', 'C:\\CMD.EXE']`"
        "  (line 7)",
        r"no               Image|endswith `\pwsh.exe`: Image is `['C:\\x.exe', 'C:\\CMD.EXE']`"
        "  (line 7)",
        "yes            Parent|contains `office`: Parent is `Office`  (line 8)",
        "yes            User `null`: User missing  (line 9)",
        "no         keywords",
        "no           keyword `evil`: nowhere in the source's text  (line 13)",
        "no       not",
        "yes        filter_helper",
        "yes          CommandLine|contains `helper`: CommandLine is `cmd /c Helper`  (line 11)",
    ]


def test_a_match_names_the_items_that_made_it(load):
    """Selection, key, field, the element that satisfied, and the pattern; nothing negated."""
    (rule,) = load(RULE, native=True).detections
    event = EVENT | {"CommandLine": "cmd /c evil"}

    assert matched_items(rule, event) == (
        MatchedItem("selection", "Image|endswith", "\\cmd.exe", "Image", "C:\\CMD.EXE", 7),
        MatchedItem("selection", "Parent|contains", "office", "Parent", "Office", 8),
        MatchedItem("selection", "User", "null", "User", None, 9),
        MatchedItem("keywords", "", "evil", "CommandLine", "cmd /c evil", 13),
    )


def test_a_reference_shows_both_fields(load):
    """And says which is missing."""
    (rule,) = load(
        "title: t\nlogsource: {category: test}\ndetection: {s: {A|fieldref: B}, condition: s}\n",
        native=True,
    ).detections

    def last(event):
        return list(lines(explain(rule, event)))[-1].strip()

    assert last({"A": "x", "B": "y"}) == "no       A|fieldref `B`: A is `x`, B is `y`  (line 3)"
    assert last({"A": "x"}) == "no       A|fieldref `B`: A is `x`, B is missing  (line 3)"
    assert last({}) == "no       A|fieldref `B`: A missing  (line 3)"


def test_hostile_values_stay_on_their_line(load):
    """Control characters are escaped and long values cut: explanations are for terminals."""
    (rule,) = load(
        'title: "t\\e[31m"\nlogsource: {category: test}\ndetection: {s: {A: x}, condition: s}\n',
        native=True,
    ).detections

    told = list(lines(explain(rule, {"A": "\x1b[2J\n\u202e" + "a" * 100_000})))

    assert all(line.isprintable() and len(line) < 400 for line in told)
    assert "A is `\\x1b[2J\\n\\u202eaaa" in told[-1]
