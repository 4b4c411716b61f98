"""How fast correlations are, and what a group takes: figures, never a gate.

Run it by `python tests/benchmarks/correlation.py`. Matches come in order of time with a little
disorder, in batches of 4,096, with a watermark after each, as from a live stream. Time is processor
time of one process; memory is what the interpreter has asked for, by `tracemalloc`, in a separate
run, as tracing slows everything down. Making the matches is not counted.
"""

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tocsin.pipelines.correlation import CorrelationPlan, Correlator, Limits, compile_correlations
from tocsin.pipelines.detection.rules import CorrelationDocument, RuleInfo
from tocsin.schemas.matches import Match
from tocsin.schemas.times import MINUTE, SECOND

BATCH = 4_096
LATENESS = 30 * SECOND
LIMITS = Limits(total=10_000_000)


class _Detection:
    def __init__(self, name: str) -> None:
        self.info = _info(name)

    def field_targets(self, field: str) -> tuple[str, ...]:
        return (field,)


class _Rules:
    def __init__(self, correlation: dict[str, object]) -> None:
        self.detections = [_Detection(name) for name in "abc"]
        self.correlations = [CorrelationDocument(_info("rule"), {"correlation": correlation})]


def _info(name: str) -> RuleInfo:
    return RuleInfo(id=name, title=name, path=f"{name}.yml", line=1, digest=name, name=name)


def _plan(**correlation: object) -> CorrelationPlan:
    body = {key.replace("_", "-"): value for key, value in correlation.items()}
    plan = compile_correlations(_Rules(body), lateness=LATENESS)
    assert not plan.refusals
    return plan


def event_count() -> tuple[CorrelationPlan, Iterator[Match]]:
    """`event_count` over 100,000 groups, whose threshold a few of them reach."""
    plan = _plan(
        type="event_count",
        rules=["a"],
        group_by=["source.ip"],
        timespan="5m",
        condition={"gte": 20},
    )
    return plan, _matches("a", groups=100_000, values=1, rate=2_000)


def value_count() -> tuple[CorrelationPlan, Iterator[Match]]:
    """`value_count` with 2,000 distinct values in every window."""
    plan = _plan(
        type="value_count",
        rules=["a"],
        group_by=["source.ip"],
        timespan="5m",
        condition={"gte": 5_000, "field": "destination.port"},
    )
    return plan, _matches("a", groups=10, values=2_000, rate=1_000)


def temporal() -> tuple[CorrelationPlan, Iterator[Match]]:
    """`temporal` of three rules, of which two are rare, over 100,000 groups."""
    plan = _plan(type="temporal", rules=["a", "b", "c"], group_by=["source.ip"], timespan="5m")
    return plan, _matches("a" * 90 + "b" * 9 + "c", groups=100_000, values=1, rate=1_000)


def often() -> tuple[CorrelationPlan, Iterator[Match]]:
    """`temporal` of three rules that holds most of the time in each of 10,000 groups."""
    plan = _plan(type="temporal", rules=["a", "b", "c"], group_by=["source.ip"], timespan="5m")
    return plan, _matches("abc", groups=10_000, values=1, rate=1_000)


def lone_groups(count: int) -> tuple[CorrelationPlan, Iterator[Match]]:
    """`event_count` where each group has one match."""
    plan, _ = event_count()
    return plan, (
        Match("city", "a", _event_id(i), i * 100, {"source.ip": _address(i)}) for i in range(count)
    )


def _event_id(number: int) -> str:
    return f"{number:026x}"


def _address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _matches(rules: str, *, groups: int, values: int, rate: int) -> Iterator[Match]:
    """Matches of one of `rules` without end, `rate` a second of event time, up to a second out of order."""
    rng = Random(1)
    addresses = [_address(number) for number in range(groups)]
    number = 0
    while True:
        at = number * SECOND // rate - rng.randrange(SECOND)
        fields = {"source.ip": rng.choice(addresses), "destination.port": rng.randrange(values)}
        yield Match("city", rng.choice(rules), _event_id(number), at, fields)
        number += 1


def _batches(matches: Iterator[Match], count: int) -> list[list[Match]]:
    return [[next(matches) for _ in range(BATCH)] for _ in range(count // BATCH)]


def _run(correlator: Correlator, batches: Sequence[Sequence[Match]]) -> int:
    alerts = 0
    for batch in batches:
        correlator.insert(batch)
        alerts += len(correlator.advance(batch[-1].time - LATENESS))
    return alerts + len(correlator.advance(batches[-1][-1].time + SECOND))


def throughput(case: Callable[[], tuple[CorrelationPlan, Iterator[Match]]], count: int) -> str:
    """Matches a second of processor time, insertion and judging together."""
    plan, matches = case()
    batches = _batches(matches, count)
    correlator = Correlator(plan, limits=LIMITS)
    gc.collect()
    gc.freeze()
    begin = time.process_time()
    alerts = _run(correlator, batches)
    took = time.process_time() - begin
    size = correlator.sizes()["rule"]
    done = len(batches) * BATCH
    return (
        f"{case.__name__:12} {done / took:>9,.0f} matches/s"
        f"  ({done:,} matches, {size.groups:,} groups, {alerts:,} alerts told)"
    )


def floor(count: int) -> str:
    """What counting the same matches in a dict takes: how fast this machine is just now."""
    _, matches = event_count()
    batches = _batches(matches, count)
    counts: dict[tuple[str, str, str], int] = {}
    begin = time.process_time()
    for batch in batches:
        for match in batch:
            key = (match.organization, match.rule, match.fields["source.ip"])
            counts[key] = counts.get(key, 0) + 1
    took = time.process_time() - begin
    return f"{'a dict':12} {len(batches) * BATCH / took:>9,.0f} matches/s  (the floor)"


def memory(count: int) -> str:
    """Bytes a group of one match, all that the correlator holds counted."""
    plan, matches = lone_groups(count)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    correlator = Correlator(plan, limits=LIMITS)
    for _ in range(0, count, BATCH):
        # Matches are made here and dropped here: only what the correlator keeps stays.
        batch = [match for match, _ in zip(matches, range(BATCH), strict=False)]
        correlator.insert(batch)
        correlator.advance(batch[-1].time - MINUTE)
        del batch
    correlator.advance(count * 100 + SECOND)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    groups = correlator.sizes()["rule"].groups
    return f"{groups:,} groups: {held / 1e6:,.0f} MB, {held / groups:,.0f} bytes a group"


def main(arguments: Sequence[str]) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    sys.stdout.write(f"Python {sys.version.split()[0]}, one process, {BATCH} matches a batch\n")
    sys.stdout.write(f"{floor(options.matches)}\n")
    for case in (event_count, value_count, temporal, often):
        sys.stdout.write(f"{throughput(case, options.matches)}\n")
    sys.stdout.write(f"{memory(options.groups)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
