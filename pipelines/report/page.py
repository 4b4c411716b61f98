"""The report: one self-contained HTML page, the same bytes for the same summary.

It loads nothing and runs nothing (its own policy forbids both), names no path and no clock, and
can be read without colours, with a screen reader and on paper.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from tocsin.pipelines.alerts.documents import entity
from tocsin.pipelines.report.chart import chart
from tocsin.pipelines.report.markup import Content, element, fill, serialize
from tocsin.pipelines.report.style import STYLE
from tocsin.pipelines.report.summary import (
    LEVELS,
    TOTALS,
    Document,
    Step,
    Summary,
    by_entity,
    by_rule,
    by_tactic,
    level_of,
    shown,
    timeline,
    told,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST_TEXT = 400
"""Characters of a value that are shown: a command line may have sixty thousand."""

_MOST_EVIDENCE = 10
"""Contributing events that an alert lists; its document has more."""


def write_report(path: Path, summary: Summary) -> None:
    """Write the report of `summary` to `path`. Raises OSError."""
    path.write_bytes(serialize(page(summary)))


def page(summary: Summary) -> Element:
    """The whole document of `summary`."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", summary.title),
        element("style", STYLE),
    )
    main = element(
        "main",
        _time_section(summary),
        _story_section(summary) if summary.story else None,
        _entities_section(summary),
        _rules_section(summary),
        _alerts_section(summary),
        _sources_section(summary),
        id="main",
    )
    body = element("body", _header(summary), main, element("footer", "Written by Tocsin."))
    return element("html", head, body, lang="en")


def _header(summary: Summary) -> Element:
    levels = ", ".join(f"{count:,} {level}" for level, count in summary.levels.items())
    times = [alert["@timestamp"] for alert in summary.alerts]
    reach = f"from {_time(min(times))} to {_time(max(times))} UTC" if times else "no alerts"
    tiles = element("dl", class_="tiles")
    figures = {**summary.totals, "alerts": len(summary.alerts)}
    for name, figure in figures.items():
        tiles.append(
            element("div", element("dt", name.replace("_", " ")), element("dd", f"{figure:,}"))
        )
    return element(
        "header",
        element("a", "Skip to the findings", href="#main", class_="skip"),
        element("h1", summary.title),
        element("p", f"Alerts: {levels or 'none'}; {reach}.", class_="soft"),
        tiles,
    )


def _section(title: str, *content: Content) -> Element:
    return element("section", element("h2", title), *content)


def _table(columns: Mapping[str, str | None], rows: Iterable[Element], caption: str) -> Element:
    """A table; `columns` gives each heading the class of its cells."""
    heads = (element("th", name, scope="col", class_=kind) for name, kind in columns.items())
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
    )
    return element("div", table, class_="scroll")


def _time_section(summary: Summary) -> Element:
    over_time = timeline(summary.alerts)
    rows = (
        element(
            "tr",
            element("td", _time(bar.start), class_="time"),
            *(element("td", str(bar.counts.get(level, 0)), class_="number") for level in LEVELS),
        )
        for bar in over_time.bars
        if bar.total
    )
    columns: dict[str, str | None] = {"from": None, **dict.fromkeys(LEVELS, "number")}
    numbers = element(
        "details",
        element("summary", "The same as a table"),
        _table(columns, rows, "Alerts by time and level; times without alerts are left out."),
    )
    legend = element("p", class_="soft")
    for level in summary.levels:
        fill(legend, [_level(level), " "])
    return _section("Alerts over time", chart(over_time), legend, numbers)


def _story_section(summary: Summary) -> Element:
    steps = [_step(step, summary.alerts) for step in summary.story]
    return _section(
        "The attack, step by step",
        element("p", "What happened is known here, as the day was made up.", class_="soft"),
        element("ol", *steps, class_="story"),
    )


def _step(step: Step, alerts: Sequence[Document]) -> Element:
    found = element("ul")
    for rule, its in told(step, alerts).items():
        if its:
            link = element("a", rule, href=f"#{_anchor(its[0])}")
            note = f", {len(its)} alerts" if len(its) > 1 else ""
            found.append(element("li", "✓ ", link, note))
        else:
            found.append(element("li", f"✗ {rule}: no alert", class_="critical"))
    heading = element(
        "p", element("strong", step.start), f" · {step.entity} ", _soft(f"({step.group})")
    )
    return element("li", heading, element("p", step.what), found)


def _entities_section(summary: Summary) -> Element | None:
    tallies = by_entity(summary.alerts)
    if not tallies:
        return None
    rows = (
        element(
            "tr",
            element("td", _level(tally.level)),
            element(
                "td", element("strong", _cut(tally.name)), " ", _soft(tally.kind), class_="name"
            ),
            element("td", f"{tally.count:,}", class_="number"),
            element("td", f"{tally.risk:,.0f}", class_="number"),
            element("td", _cut(", ".join(tally.rules))),
        )
        for tally in tallies
    )
    columns = {"level": None, "entity": None, "alerts": "number", "risk": "number", "rules": None}
    caption = "Hosts, users and source addresses with the highest sums of their alerts' risks."
    return _section("Where to look first", _table(columns, rows, caption))


def _rules_section(summary: Summary) -> Element:
    rows = (
        element(
            "tr",
            element("td", _level(tally.level)),
            element("td", tally.name, class_="name"),
            element("td", f"{tally.count:,}", class_="number"),
            element("td", _time(tally.first), class_="time"),
            element("td", _time(tally.last), class_="time"),
            element("td", ", ".join(tally.techniques)),
        )
        for tally in by_rule(summary.alerts)
    )
    columns = {
        "level": None,
        "rule": None,
        "alerts": "number",
        "first": None,
        "last": None,
        "ATT&CK": None,
    }
    tactics = ", ".join(f"{name} {count}" for name, count in by_tactic(summary.alerts).items())
    return _section(
        "Alerts by rule",
        element("p", f"By tactic of ATT&CK: {tactics or 'none'}.", class_="soft"),
        _table(columns, rows, "The gravest first."),
    )


def _alerts_section(summary: Summary) -> Element:
    listed = shown(summary.alerts)
    caption = "All alerts in order of time, UTC."
    if len(listed) < len(summary.alerts):
        caption = f"The gravest {len(listed):,} of {len(summary.alerts):,} alerts, by time, UTC."
    rows = (_alert_row(alert, summary.rules) for alert in listed)
    columns = dict.fromkeys(("time", "level", "rule", "entity", "reason"))
    return _section("Alerts", _table(columns, rows, caption))


def _alert_row(alert: Document, rules: Mapping[str, str]) -> Element:
    reason = alert.get("event", {}).get("reason", "")
    return element(
        "tr",
        element("td", _time(alert["@timestamp"]), class_="time"),
        element("td", _level(level_of(alert))),
        element("td", alert["rule"]["name"], class_="name"),
        element("td", _cut(entity(alert))),
        element("td", _cut(reason), _details(alert, rules)),
        id=_anchor(alert),
    )


def _details(alert: Document, rules: Mapping[str, str]) -> Element:
    """What lies behind an alert: the rule, the items that matched, the evidence of a group."""
    own = alert.get("tocsin", {})
    facts = element("dl")
    _fact(facts, "rule", alert["rule"].get("description"))
    for item in own.get("match", ()):
        shown_item = f"{item.get('field', 'keyword')} = {item.get('value')}"
        _fact(facts, item.get("selection", "match"), element("code", _cut(shown_item)))
    for name, value in own.get("group", {}).items():
        _fact(facts, name, element("code", "null" if value is None else _cut(str(value))))
    if "period" in own:
        period = own["period"]
        _fact(facts, "period", f"{_time(period['start'])} to {_time(period['end'])}")
    if "value" in own:
        _fact(facts, "value", _number(own["value"]))
    _evidence(facts, own.get("evidence"), rules)
    _fact(facts, "false positives", "; ".join(own.get("rule", {}).get("false_positives", ())))
    return element("details", element("summary", "Evidence"), facts)


def _evidence(facts: Element, evidence: Any, rules: Mapping[str, str]) -> None:
    if not evidence:
        return
    _fact(facts, "events", _number(evidence.get("total", 0)))
    events = [*evidence.get("first", ()), *evidence.get("last", ())]
    for event in events[:_MOST_EVIDENCE]:
        names = ", ".join(rules.get(rule, rule) for rule in event.get("rules", ()))
        _fact(facts, _time(event["time"]), f"{names} ", element("code", event["id"]))
    if len(events) > _MOST_EVIDENCE:
        _fact(facts, "…", "more in the alert's document")


def _fact(facts: Element, name: str, *content: Content) -> None:
    if any(part is not None and part != "" for part in content):
        fill(facts, [element("dt", name), element("dd", *content)])


def _sources_section(summary: Summary) -> Element:
    accounts = {name: account for name, account in summary.accounts.items() if account}
    rows = [_account_row(name, account) for name, account in accounts.items()]
    total = _account_row("all", summary.totals)
    total.set("class", "total")
    columns: dict[str, str | None] = {"source": None}
    columns |= {name.replace("_", " "): "number" for name in TOTALS}
    caption = "Each record became an event or a dead letter, or was filtered."
    return _section("Sources", _table(columns, [*rows, total], caption))


def _account_row(name: str, account: Mapping[str, int]) -> Element:
    figures = (element("td", f"{account.get(key, 0):,}", class_="number") for key in TOTALS)
    return element("tr", element("td", name), *figures)


def _level(level: str) -> Element:
    return element("span", level, class_=f"level {level}")


def _soft(text: str) -> Element:
    return element("span", text, class_="soft")


def _anchor(alert: Document) -> str:
    return f"alert-{alert['_id']}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _time(timestamp: str) -> str:
    return timestamp[:19].replace("T", " ")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) or value % 1 else f"{int(value):,}"
