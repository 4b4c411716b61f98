"""What the command prints: documents to standard output, everything else to standard error.

Text from records is hostile: control and direction characters are shown, never sent (an escape
sequence in a log line acts on the terminal of whoever looks at it).
"""

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from tocsin.pipelines.correlation.plan import CorrelationPlan

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe(text: str) -> str:
    """`text` with every control and direction character as a visible escape."""
    return _UNSAFE.sub(
        lambda char: char[0].encode("unicode_escape", "surrogatepass").decode(), text
    )


def error(message: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"tocsin: {safe(message)}\n")


def note(message: str) -> None:
    """One line on standard error that is no error: a count, a place where results are."""
    sys.stderr.write(f"{safe(message)}\n")


def note_uncounted(uncounted: Mapping[tuple[str, str], int], plan: "CorrelationPlan") -> None:
    """A line for each thing that a correlation could not count, by (what, RULE ID)."""
    from tocsin.pipelines.correlation.feeds import REASONS  # noqa: PLC0415

    for (what, rule), amount in sorted(uncounted.items()):
        info = plan.infos.get(rule)
        note(f"{info.title if info else rule}: {amount:,} {REASONS[what]}")


def document(value: Mapping[str, Any]) -> None:
    """One JSON document on a line of standard output."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
