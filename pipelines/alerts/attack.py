"""ATT&CK in alerts: Sigma tags as ECS `threat.*` fields."""

import re
from collections.abc import Iterable

from tocsin.schemas.events import Event

TACTICS = {
    "reconnaissance": ("TA0043", "Reconnaissance"),
    "resource-development": ("TA0042", "Resource Development"),
    "initial-access": ("TA0001", "Initial Access"),
    "execution": ("TA0002", "Execution"),
    "persistence": ("TA0003", "Persistence"),
    "privilege-escalation": ("TA0004", "Privilege Escalation"),
    "stealth": ("TA0005", "Stealth"),
    "defense-evasion": ("TA0005", "Defense Evasion"),
    "defense-impairment": ("TA0112", "Defense Impairment"),
    "credential-access": ("TA0006", "Credential Access"),
    "discovery": ("TA0007", "Discovery"),
    "lateral-movement": ("TA0008", "Lateral Movement"),
    "collection": ("TA0009", "Collection"),
    "command-and-control": ("TA0011", "Command and Control"),
    "exfiltration": ("TA0010", "Exfiltration"),
    "impact": ("TA0040", "Impact"),
}
"""Tactics of ATT&CK for Enterprise by their Sigma tag, as attack.mitre.org numbers them."""

_TECHNIQUE = re.compile(r"t[0-9]{4}", re.ASCII)
_SUBTECHNIQUE = re.compile(r"t[0-9]{4}\.[0-9]{3}", re.ASCII)


def threat_fields(tags: Iterable[str]) -> Event:
    """The `threat.*` fields of a rule's `tags`, in their order; none where none is of ATT&CK."""
    tactics: dict[str, str] = {}
    techniques: dict[str, None] = {}
    subtechniques: dict[str, None] = {}
    for tag in tags:
        namespace, _, name = tag.lower().partition(".")
        if namespace != "attack":
            continue
        name = name.replace("_", "-")
        if name in TACTICS:
            number, title = TACTICS[name]
            tactics[number] = title
        elif _TECHNIQUE.fullmatch(name):
            techniques[name.upper()] = None
        elif _SUBTECHNIQUE.fullmatch(name):
            techniques[name[:5].upper()] = None
            subtechniques[name.upper()] = None
    found: Event = {
        "threat.tactic.id": list(tactics),
        "threat.tactic.name": list(tactics.values()),
        "threat.technique.id": list(techniques),
        "threat.technique.subtechnique.id": list(subtechniques),
    }
    fields = {name: values for name, values in found.items() if values}
    return {"threat.framework": "MITRE ATT&CK", **fields} if fields else {}
