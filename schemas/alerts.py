"""Alerts as they travel to a sink: one stored document, its id and its index."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Alert:
    """What an analyst sees: a nested ECS `document`, stored under `id` in `index`.

    The document holds no provenance (DELIVERY §1.6); hosts stamp that when they first write it.
    `revisable` tells correlation and suppression alerts, which are revised under the same id,
    from those of single events, which are written once.
    """

    id: str
    index: str
    document: Mapping[str, Any]
    revisable: bool = False
