"""How often a question is likely to be answered with yes: a guess that orders what is asked first.

Nothing but speed depends on it.
"""

from tocsin.pipelines.detection.forms import Atom
from tocsin.pipelines.detection.ir import (
    Contains,
    EndsWith,
    Equals,
    InNetwork,
    Is,
    Like,
    Matches,
    Predicate,
    StartsWith,
)


def rarity_of(atom: Atom) -> float:
    """The likelihood that the atom is true of an event."""
    return sum(_likelihood(predicate) for predicate in atom.predicates)


def _likelihood(predicate: Predicate) -> float:
    """Longer texts are rarer, though program names and directories not as much as they are long."""
    match predicate:
        case Equals(text):
            return 0.5 if not text else 0.03
        case Contains(text):
            return max(0.0001, 0.6 ** len(text))
        case EndsWith(text):
            return max(0.03, 0.7 ** len(text))
        case StartsWith(text):
            return max(0.1, 0.8 ** len(text))
        case Like(segments):
            return max(0.001, 0.6 ** sum(len(part) for segment in segments for part in segment))
        case Matches() | InNetwork():
            return 0.05
        case Is():
            return 0.3
    return 0.6
