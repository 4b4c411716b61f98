"""The semantics of correlations as a brute-force program: what SEMANTICS §3-5 says, and no more.

Slow and plain on purpose: every window is a fresh scan over all matches, everything is a list, and
nothing is shared with the engine but the canonical form of values. It is the judge of the engine.
"""

from fractions import Fraction
from itertools import product
from math import floor

from tocsin.schemas.identity import period_alert_id
from tocsin.schemas.values import canonical, to_decimal

UNITS = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
OPERATORS = {
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
}
NUMERIC = ("value_sum", "value_avg", "value_percentile", "value_median")


def span(text):
    """Microseconds of a time span."""
    return int(text[:-1]) * UNITS[text[-1]]


def elements(fields, targets):
    """The elements of the first target that is present (§3.2)."""
    value = next((fields[name] for name in targets if name in fields), None)
    return value if isinstance(value, list) else [value]


def distinct(values):
    """Canonical values, each once, without nulls and objects."""
    scalars = [value for value in values if isinstance(value, (str, int, float))]
    return list(dict.fromkeys(canonical(value) for value in scalars))


def double(number):
    """An exact number, rounded once (§4.4)."""
    return float(number)


class Reference:
    """The alerts of correlation `documents` over any matches.

    `documents` are mappings as in a rule's file, with `id`, `correlation` and `tocsin`;
    `targets(rule, field)` are the event fields of a detection's Sigma field.
    """

    def __init__(self, documents, targets=lambda _, field: (field,)):
        self.documents = {document["id"]: document for document in documents}
        self.targets = targets

    def alerts(self, matches):
        """Alerts by (organisation, rule, group, period start); each is a dict."""
        found = {}
        for rule in self.documents:
            found |= self.alerts_of(rule, matches)
        return found

    def alerts_of(self, rule, matches):
        """The alerts of one correlation, judged from all that it counts (§5.1)."""
        document = self.documents[rule]
        body = document["correlation"]
        length = span(document.get("tocsin", {}).get("period") or "1h")
        if "period" not in document.get("tocsin", {}):
            length = max(length, span(body["timespan"]))
        found = {}
        for (organization, group), members in self.groups(rule, matches).items():
            holds = [
                one for one in map(self.judge(rule, members), times(rule, body, members)) if one
            ]
            for start in {time - time % length for time, _, _ in holds}:
                inside = [one for one in holds if one[0] - one[0] % length == start]
                found[organization, rule, group, start] = self.alert(body, inside)
        return found

    def groups(self, rule, matches):
        """The counted matches (time, rule, event id, values) by organisation and group (§3)."""
        body = self.documents[rule]["correlation"]
        members = {}
        for name in self.names(body):
            for organization, event_id, time, fields in self.matches_of(name, matches):
                columns = [
                    distinct(elements(fields, t)) for t in self.fields(body, name, "group-by")
                ]
                values = self.values(body, name, fields)
                if values is None:
                    continue
                for group in list(product(*columns))[:16]:
                    listed = members.setdefault((organization, group), [])
                    if (time, name, event_id) not in [one[:3] for one in listed]:
                        listed.append((time, name, event_id, values))
        return members

    def names(self, body):
        """The referenced rules, duplicates dropped (§3.1)."""
        condition = body.get("condition")
        words = (
            condition.replace("(", " ").replace(")", " ").split()
            if isinstance(condition, str)
            else []
        )
        named = [word for word in words if word not in ("and", "or", "not")]
        return list(dict.fromkeys(body.get("rules", named)))

    def matches_of(self, name, matches):
        """Matches of a detection, or one for each alert of an inner correlation (§5.6)."""
        if name not in self.documents:
            return {
                (m.organization, m.event_id, m.time): (m.organization, m.event_id, m.time, m.fields)
                for m in matches
                if m.rule == name
            }.values()
        by = self.documents[name]["correlation"].get("group-by", [])
        inner = []
        for (organization, _, group, start), alert in self.alerts_of(name, matches).items():
            fields = dict(zip(by, group, strict=True))
            event_id = period_alert_id(organization, name, fields, start)
            inner.append((organization, event_id, alert["time"], fields))
        return inner

    def fields(self, body, name, key):
        """The event fields of each name in group-by or the compared field, for one rule (§3.2)."""
        written = body.get("group-by", []) if key == "group-by" else body["condition"]["field"]
        aliases = body.get("aliases", {})
        own = [
            aliases[one][name] if one in aliases else one
            for one in ([written] if isinstance(written, str) else written)
        ]
        return [(one,) if name in self.documents else self.targets(name, one) for one in own]

    def values(self, body, name, fields):
        """What a match brings to the compared field; None where that is missing (§3.4)."""
        if not body["type"].startswith("value_"):
            return ()
        columns = [elements(fields, targets) for targets in self.fields(body, name, "field")]
        if body["type"] in NUMERIC:
            numbers = [to_decimal(value) for value in columns[0]]
            return tuple(Fraction(number) for number in numbers if number is not None) or None
        return tuple(product(*map(distinct, columns))) or None

    def judge(self, rule, members):
        """A function of a judged time: (time, value, window) where the condition holds, else None."""
        body = self.documents[rule]["correlation"]
        timespan, forward = span(body["timespan"]), looks_forward(body)

        def at(time):
            start, end = (time, time + timespan) if forward else (time - timespan, time)
            window = [one for one in members if start <= one[0] <= end]
            value, holds = self.verdict(body, window)
            return (time, value, window) if holds else None

        return at

    def verdict(self, body, window):
        """The compared value of a window, and whether the condition holds (§4.4-4.6)."""
        names, condition = self.names(body), body.get("condition")
        if isinstance(condition, str) and body["type"] == "temporal":
            present = {name: name in {one[1] for one in window} for name in names}
            return None, eval(condition, {}, present)
        if isinstance(condition, str):
            wanted = [name for name in names if name in condition.split()]
            return None, longest(wanted, window) == len(wanted)
        value = compared(body, names, window)
        comparisons = {key: condition[key] for key in condition or {} if key in OPERATORS} or {
            "gte": len(names)
        }
        return value, all(OPERATORS[key](value, limit) for key, limit in comparisons.items())

    def alert(self, body, holds):
        """The alert of one period from its holds (§5.2)."""
        holds.sort(key=lambda one: one[0])
        union = {one[:3] for _, _, window in holds for one in window}
        events = sorted({(time, event_id) for time, _, event_id in union})
        values = [value for _, value, _ in holds]
        condition = body.get("condition") or {}
        operators = (
            [key for key in condition if key in OPERATORS] if isinstance(condition, dict) else []
        )
        value = values[0]
        if (
            body["type"].startswith("temporal")
            or len(operators) > 1
            or operators[0] in ("gt", "gte")
        ):
            value = max(values) if value is not None else None
        elif operators[0] in ("lt", "lte"):
            value = min(values)
        return {
            "time": holds[0][0],
            "start": events[0][0],
            "end": events[-1][0],
            "count": len({event_id for _, event_id in events}),
            "value": value,
            "first": [event_id for _, event_id in events[:50]],
            "last": [event_id for _, event_id in events[50:][-50:]],
        }


def looks_forward(body):
    """The one direction of a correlation (§4.2)."""
    condition = body.get("condition") or {}
    if isinstance(condition, str):
        return "not" in condition.replace("(", " ").split()
    return any(key in condition for key in ("lt", "lte", "neq"))


def times(rule, body, members):
    """The times at which the condition is judged (§4.3)."""
    counted = sorted({one[0] for one in members})
    if not looks_forward(body):
        return counted
    if isinstance(body["condition"], str):
        named = unnegated(body["condition"])
        return sorted({one[0] for one in members if one[1] in named})
    timespan = span(body["timespan"])
    return [
        time for time in counted if not any(time - timespan <= other < time for other in counted)
    ]


def unnegated(condition):
    """The names that a condition has an even number of `not` above (§4.3)."""
    named, signs, sign = set(), [False], False
    for word in condition.replace("(", " ( ").replace(")", " ) ").split():
        if word == "not":
            sign = not sign
        elif word == "(":
            signs.append(signs[-1] != sign)
            sign = False
        elif word == ")":
            signs.pop()
        elif word not in ("and", "or"):
            if signs[-1] == sign:
                named.add(word)
            sign = False
    return named


def longest(names, window):
    """The longest sequence of rules in the order of `names` at non-decreasing times (§4.6)."""
    best = {}
    for time in sorted({one[0] for one in window}):
        here = {one[1] for one in window if one[0] == time}
        for index, name in enumerate(names):
            if name in here:
                best[index] = 1 + max((best[other] for other in best if other < index), default=0)
    return max(best.values(), default=0)


def compared(body, names, window):
    """The value that thresholds are compared with (§4.4, §4.6)."""
    values = [value for one in window for value in one[3]]
    match body["type"]:
        case "event_count":
            return len({one[2] for one in window})
        case "value_count":
            return len(set(values))
        case "value_sum":
            return double(sum(values))
        case "value_avg":
            return double(sum(values) / len(values))
        case "value_percentile" | "value_median":
            values.sort()
            rank = Fraction(str(body["condition"].get("percentile", 50))) / 100 * (len(values) - 1)
            low, high = values[floor(rank)], values[min(floor(rank) + 1, len(values) - 1)]
            return double(low + (rank - floor(rank)) * (high - low))
        case "temporal":
            return len({one[1] for one in window})
        case "temporal_ordered":
            return longest(names, window)
