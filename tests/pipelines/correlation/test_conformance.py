"""Hand-written vectors, each of which names the sentence it checks (`conformance/README.md`).

Both the engine and the brute-force reference must give what the vectors say.
"""

from pathlib import Path

import pytest
import yaml

from tocsin.pipelines.correlation import Correlator
from tocsin.schemas.matches import Match
from tocsin.schemas.times import END_OF_TIME, SECOND

FOLDER = Path(__file__).parent / "conformance"
VECTORS = [
    pytest.param(vector, id=f"{path.stem}-{number:02}-{vector['checks'][:60]}")
    for path in sorted(FOLDER.glob("*.yml"))
    for number, vector in enumerate(yaml.safe_load(path.read_text()))
]
ACCEPTED = [vector for vector in VECTORS if "refused" not in vector.values[0]]
REFUSED = [vector for vector in VECTORS if "refused" in vector.values[0]]


def micros(seconds):
    """Microseconds of seconds as written."""
    return round(seconds * SECOND)


def documents(vector):
    """The correlation documents of a vector."""
    named = dict(vector.get("correlations", {}))
    if "correlation" in vector:
        named["rule"] = vector["correlation"]
    return [
        {
            "id": name,
            "correlation": body,
            "tocsin": vector.get("tocsin", {}),
            **vector.get("top", {}),
        }
        for name, body in named.items()
    ]


def matches(vector):
    """The matches of a vector's events."""
    found = []
    for number, event in enumerate(vector["events"], 1):
        fields = {
            key: value for key, value in event.items() if key not in ("at", "is", "id", "org")
        }
        for rule in event["is"]:
            event_id = event.get("id", f"e{number}")
            found.append(Match(event.get("org", "o"), rule, event_id, micros(event["at"]), fields))
    return found


def expected(vector):
    """The alerts that a vector tells, with what it leaves out."""
    return [
        {"org": "o", "rule": "rule", "group": {}, "period": 0, "value": None, **alert}
        for alert in vector["alerts"]
    ]


def told(alerts, wanted):
    """Alerts as vectors write them; events are left out where the vector does."""
    seconds = [
        {
            "org": alert.organization,
            "rule": alert.rule.id,
            "group": dict(alert.group),
            "at": alert.time / SECOND,
            "start": alert.event_start / SECOND,
            "end": alert.event_end / SECOND,
            "count": alert.count,
            "value": alert.value,
            "period": alert.period_start / SECOND,
            "events": [event.event_id for event in (*alert.first_events, *alert.last_events)],
        }
        for alert in alerts
    ]
    for one, vector in zip(seconds, wanted, strict=False):
        if "events" not in vector:
            del one["events"]
    return seconds


@pytest.mark.parametrize("vector", ACCEPTED)
def test_the_engine_gives_the_alerts_of_the_vector(vector, workshop):
    """Alerts are those that were worked out by hand, in order of time."""
    tocsin = vector.get("suppress", {})
    plan = workshop.plan(*documents(vector), tocsin=tocsin)
    correlator = Correlator(plan)

    correlator.insert(matches(vector))
    alerts = correlator.advance(END_OF_TIME)

    assert not plan.refusals
    assert told(alerts, expected(vector)) == expected(vector)


@pytest.mark.parametrize("vector", [one for one in ACCEPTED if "suppress" not in one.values[0]])
def test_the_reference_gives_the_alerts_of_the_vector(vector, workshop):
    """The judge of the engine is judged by hand as well."""
    plan = workshop.plan(*documents(vector))
    found = workshop.Reference(documents(vector)).alerts(matches(vector))

    summary = {
        (org, rule, tuple(group), start / SECOND): (
            alert["time"] / SECOND,
            alert["count"],
            alert["value"],
        )
        for (org, rule, group, start), alert in found.items()
        if rule not in plan.silent
    }
    assert summary == {
        (one["org"], one["rule"], tuple(one["group"].values()), one["period"]): (
            one["at"],
            one["count"],
            one["value"],
        )
        for one in expected(vector)
    }


@pytest.mark.parametrize("vector", REFUSED)
def test_a_rule_without_one_meaning_is_refused_with_its_place(vector, workshop):
    """The refusal names the file and says why; nothing of the rule runs."""
    plan = workshop.plan(*documents(vector))

    refusals = {refusal.path: refusal for refusal in plan.refusals}
    assert vector["refused"] in refusals["rule.yml"].reason
    assert "rule" not in plan.correlations


def test_there_are_at_least_150_vectors_and_each_names_a_sentence():
    """A vector without a sentence would check nothing that can be looked up."""
    assert len(VECTORS) >= 150
    assert all(
        vector.values[0]["checks"].startswith(("SEMANTICS ", "SIGMA ")) for vector in VECTORS
    )
