"""Sigma correlation rules over sets of matches, in event time.

Rules are compiled into a `CorrelationPlan`; a `Correlator` takes matches and the watermark and
gives `GroupAlert`s. Everything here is pure: no clock, no files, no network.
"""

from tocsin.pipelines.correlation.alerts import EvidenceEvent, GroupAlert
from tocsin.pipelines.correlation.correlator import Correlator, Limits, Size
from tocsin.pipelines.correlation.late import LateGroup
from tocsin.pipelines.correlation.partitions import Partitioner, Share
from tocsin.pipelines.correlation.plan import CorrelationPlan, compile_correlations
from tocsin.pipelines.correlation.ranges import HistoryRange
from tocsin.pipelines.correlation.rules import CorrelationRule, CorrelationType
from tocsin.pipelines.correlation.snapshots import SnapshotError

__all__ = [
    "CorrelationPlan",
    "CorrelationRule",
    "CorrelationType",
    "Correlator",
    "EvidenceEvent",
    "GroupAlert",
    "HistoryRange",
    "LateGroup",
    "Limits",
    "Partitioner",
    "Share",
    "Size",
    "SnapshotError",
    "compile_correlations",
]
