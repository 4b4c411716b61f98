"""How fast detection is, with all public Windows rules: figures, never a gate.

Run it by `python tests/benchmarks/detection.py`; it needs TOCSIN_CORPORA. Rates are events a second
of processor time of one process, beside the floor, `orjson.loads` of the same lines in the same run,
and beside rsigma where its binary is on the path (user time less that of a run without events).
"first" makes the plans and starts with empty caches; "cold" is the best of three runs with plans
made and caches emptied; "warm" has seen all values before. Loading rules is not counted.
"""

import gc
import gzip
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context
from tocsin.pipelines.detection.detector import Detector, compile_rules
from tocsin.pipelines.detection.ir import (
    And,
    AtLeast,
    Contains,
    EndsWith,
    Item,
    Keyword,
    Node,
    Not,
    Or,
    Selection,
    StartsWith,
    leaves,
)
from tocsin.pipelines.detection.load import load_rules
from tocsin.pipelines.detection.rules import DetectionRule, RuleSet
from tocsin.pipelines.parquet_matches import match_parquet
from tocsin.pipelines.rule_matches import BATCH, match_file, match_lines
from tocsin.schemas.events import Event

FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting")
CATEGORIES = {
    1: "process_creation", 2: "file_change", 3: "network_connection", 5: "process_termination",
    6: "driver_load", 7: "image_load", 8: "create_remote_thread", 9: "raw_access_thread",
    10: "process_access", 11: "file_event", 12: "registry_add", 13: "registry_set",
    14: "registry_rename", 15: "create_stream_hash", 17: "pipe_created", 18: "pipe_created",
    19: "wmi_event", 20: "wmi_event", 21: "wmi_event", 22: "dns_query", 23: "file_delete",
}  # fmt: skip
SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
SERVICES = {
    SYSMON: "sysmon", POWERSHELL: "powershell", "Windows PowerShell": "powershell-classic",
    "Security": "security", "System": "system", "Application": "application",
    "Microsoft-Windows-WMI-Activity/Operational": "wmi",
}  # fmt: skip

Run = Callable[[], int]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def seconds(run: Run) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def floor(lines: list[bytes]) -> float:
    """Seconds to read the lines as JSON and nothing else, the best of three."""
    return min(seconds(lambda: sum(1 for line in lines if orjson.loads(line))) for _ in range(3))


def rates(name: str, lines: list[bytes], detector: Detector, run: Run) -> float:
    """Print the rates of `run` over `lines`; the cold one."""
    count, least = len(lines), floor(lines)
    first = seconds(run)
    cold = []
    for _ in range(3):
        detector.matcher.memory.empty()
        cold.append(seconds(run))
    best, warm = min(cold), seconds(run)
    say(
        f"{name:28} first {count / first:9,.0f}  cold {count / best:9,.0f}  "
        f"warm {count / warm:9,.0f}  floor {count / least:9,.0f}  cold/floor {least / best:.2f}"
    )
    return count / best


def native(lines: list[bytes], detector: Detector) -> Run:
    """JSON line to match on native fields."""

    def run() -> int:
        batches = (lines[at : at + BATCH] for at in range(0, len(lines), BATCH))
        return sum(len(match_lines(batch, detector, native=True).matches) for batch in batches)

    return run


def normalized(lines: list[bytes], detector: Detector) -> Run:
    """JSON line through the parser to a match on ECS fields."""
    parse, context = PARSERS["windows"].parse, Context(datetime(2026, 11, 24, tzinfo=UTC))

    def event(line: bytes) -> Event:
        text = line.decode()
        parsed = parse(text, context)
        parsed["event.original"] = text
        return parsed

    def run() -> int:
        batches = (lines[at : at + BATCH] for at in range(0, len(lines), BATCH))
        return sum(len(detector.match(list(map(event, batch)), batch)) for batch in batches)

    return run


def distinct(lines: list[bytes]) -> Iterator[bytes]:
    """Each process creation ten times, with no value of the long fields twice."""
    random = Random(7)

    def digits(count: int) -> str:
        return f"{random.getrandbits(4 * count):0{count}x}"

    for line in lines * 10:
        event = orjson.loads(line)
        for name in ("CommandLine", "ParentCommandLine", "CurrentDirectory"):
            if name in event:
                event[name] = f"{event[name]} {digits(8)}"
        for name in ("Image", "ParentImage"):
            folder, _, file = event.get(name, "").rpartition("\\")
            if file and random.random() < 0.5:
                event[name] = f"{folder}\\{digits(6)}\\{file}"
        if "Hashes" in event:
            event["Hashes"] = f"SHA1={digits(40)},MD5={digits(32)},IMPHASH={digits(32)}"
        yield orjson.dumps(event) + b"\n"


def web(count: int) -> Iterator[bytes]:
    """Requests of a web server and a proxy, two in a thousand of them attacks."""
    random = Random(11)
    attacks = (
        "/../../etc/passwd",
        "/x?id=1+UNION+SELECT+1",
        "/${jndi:ldap://x}",
        "/shell.php?cmd=id",
    )
    pages = [f"/page/{number}" for number in range(2000)]
    agents = [f"Mozilla/5.0 (X11; rv:{number}.0) Firefox/{number}.0" for number in range(60)]
    for _ in range(count):
        path = random.choice(pages)
        if random.random() < 0.36:
            path += f"?session={random.getrandbits(64):x}"
        if random.random() < 0.002:
            path = random.choice(attacks)
        category = random.choice(("webserver", "proxy"))
        event = {
            "logsource": {"category": category}, "category": category, "cs-method": "GET",
            "cs-uri": path, "c-uri": path, "cs-uri-stem": path.partition("?")[0],
            "cs-uri-query": path, "c-useragent": random.choice(agents), "cs-host": "www.example",
            "sc-status": random.choice((200, 200, 304, 404)), "cs-referer": "-",
            "c-ip": f"192.0.2.{random.randrange(256)}", "cs-bytes": random.randrange(5000),
        }  # fmt: skip
        yield orjson.dumps(event) + b"\n"


def annotated(line: bytes) -> bytes:
    """A Windows event with the log source that rsigma routes by."""
    event = orjson.loads(line)
    channel, number = event.get("Channel"), event.get("EventID")
    event["product"] = "windows"
    if channel in SERVICES:
        event["service"] = SERVICES[channel]
    if channel == SYSMON and number in CATEGORIES:
        event["category"] = CATEGORIES[number]
    elif channel == POWERSHELL and number in (4103, 4104):
        event["category"] = "ps_script" if number == 4104 else "ps_module"
    elif channel == "Security" and number == 4688:
        event["category"] = "process_creation"
    return orjson.dumps(event) + b"\n"


def rsigma(rules: Path, lines: list[bytes], folder: Path) -> float | None:
    """Events a second of rsigma, or None where it is not on the path."""
    binary = shutil.which("rsigma")
    if binary is None:
        return None
    events, nothing = folder / "events.jsonl", folder / "nothing.jsonl"
    events.write_bytes(b"".join(lines))
    nothing.touch()

    def user(path: Path) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        words = [binary, "engine", "eval", "-r", rules, "--logsource-routing", "--quiet"]
        words += ["--output-format", "ndjson", "-e", f"@{path}"]
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    net = min(user(events) for _ in range(2)) - min(user(nothing) for _ in range(2))
    return len(lines) / net


def beside(ours: float, theirs: float | None) -> None:
    if theirs is not None:
        say(f"{'':28} rsigma {theirs:9,.0f}  ours is {ours / theirs:.2f} times that")


def altered(rule: DetectionRule) -> DetectionRule:
    """A copy of the rule that looks for other texts, and excludes what the rule does.

    With other exclusions the copies would exclude nothing, and fire eight times as often as rules.
    """
    info = replace(rule.info, id=f"{rule.info.id}-copy")
    return replace(rule, info=info, condition=_altered(rule.condition))


def _altered(node: Node) -> Node:
    match node:
        case And(children) | Or(children):
            return type(node)(tuple(map(_altered, children)))
        case AtLeast(count, children):
            return AtLeast(count, tuple(map(_altered, children)))
        case Not():
            return node
        case Selection(name, child):
            return Selection(name, _altered(child))
        case Item(_, Contains(text) | StartsWith(text)) | Keyword(Contains(text)) if text:
            return replace(node, predicate=replace(node.predicate, text=f"{text}q"))
        case Item(_, EndsWith(text)) if text:
            return replace(node, predicate=replace(node.predicate, text=f"q{text}"))
    return node


def columns(lines: list[bytes], rules: RuleSet, path: Path) -> float:
    """Parquet to match, reading included: events a second with all rules, the best of three.

    Values are texts, as one column has one type. Keyword rules read all text there is; without them
    only the columns that rules look at are read, so both are told.
    """
    events = [
        {
            name: each if isinstance(each, str) else orjson.dumps(each).decode()
            for name, each in found
        }
        for found in (orjson.loads(line).items() for line in lines)
    ]
    names = sorted(set().union(*events))
    table = pa.table({name: [event.get(name) for event in events] for name in names})
    pq.write_table(table, path, compression="zstd", row_group_size=50_000)
    plain = RuleSet(tuple(rule for rule in rules.detections if not has_keywords(rule)))
    rate = 0.0
    for title, chosen in (("without keyword rules", plain), ("all rules", rules)):
        detector = compile_rules(chosen)

        def run(detector: Detector = detector) -> int:
            return sum(1 for _ in match_parquet(path, detector))

        first, cold = seconds(run), []
        for _ in range(3):
            detector.matcher.memory.empty()
            cold.append(seconds(run))
        rate = len(lines) / min(cold)
        say(
            f"{f'Parquet, {title}':28} first {len(lines) / first:9,.0f}  cold {rate:9,.0f}  "
            f"warm {len(lines) / seconds(run):9,.0f}  {len(names)} columns"
        )
    return rate


def has_keywords(rule: DetectionRule) -> bool:
    return any(isinstance(leaf, Keyword) for leaf in leaves(rule.condition))


def processes(path: Path, detector: Detector) -> None:
    """Wall time of the same file with one process and with two."""
    times = []
    for workers in (1, 2):
        detector.matcher.memory.empty()
        start = time.perf_counter()
        found = sum(1 for _ in match_file(path, detector, [], native=True, workers=workers))
        times.append(time.perf_counter() - start)
    say(f"{'two processes':28} {times[0] / times[1]:.2f} times one, by the clock, {found} matches")


def memory(rules: Path, events: Path) -> None:
    """The most that a whole run takes, its program and all rules included (Linux tells)."""
    words = [Path(sys.executable).with_name("tocsin"), "rules", "run", "--rules", rules]
    words += ["--events", events, "--native", "--quiet"]
    most = 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        status = Path(f"/proc/{run.pid}/status")
        while run.poll() is None and status.exists():
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            most = max(most, int(found[1]) if found else 0)
            time.sleep(0.05)
    say(f"{'memory of a run':28} {most / 1024:.0f} MiB")


def windows_only(rules: RuleSet) -> RuleSet:
    chosen = (rule for rule in rules.detections if rule.logsource.product == "windows")
    return RuleSet(tuple(chosen))


def copy_rules(sources: list[Path], target: Path, word: str) -> Path:
    """A folder with those rule files that hold `word`, which is what rsigma is to load."""
    target.mkdir()
    files = (path for source in sources for path in sorted(source.rglob("*.yml")))
    for number, path in enumerate(files):
        if word in path.read_text(encoding="utf-8"):
            shutil.copy(path, target / f"{number}.yml")
    return target


def main() -> None:
    """Print all figures."""
    corpora = os.environ.get("TOCSIN_CORPORA")
    if not corpora:
        say("TOCSIN_CORPORA is not set")
        return
    sources = [Path(corpora, "sigmahq", name) for name in FOLDERS]
    with gzip.open(Path(corpora, "otrf", "windows_200k.jsonl.gz")) as stream:
        real = stream.readlines()
    with gzip.open(Path(corpora, "otrf", "process_creations.jsonl.gz")) as stream:
        creations = list(distinct(stream.readlines()))
    start = time.process_time()
    every = load_rules(sources, native=True)
    say(f"{'rules from YAML':28} {time.process_time() - start:.1f} s for {len(every.detections)}")
    rules = windows_only(every)
    gc.freeze()
    gc.disable()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lane = folder / "real.jsonl"
        lane.write_bytes(b"".join(real))
        copied = copy_rules(sources, folder / "windows", "product: windows")
        detector = compile_rules(rules)
        normalizing = compile_rules(windows_only(load_rules(sources)))
        for title, lines in (("real", real), ("all-distinct", creations)):
            theirs = rsigma(copied, [annotated(line) for line in lines], folder)
            beside(rates(f"{title}, native", lines, detector, native(lines, detector)), theirs)
            run = normalized(lines, normalizing)
            beside(rates(f"{title}, ECS", lines, normalizing, run), theirs)
            if lines is real:
                beside(columns(real, rules, folder / "real.parquet"), theirs)
        processes(lane, detector)
        memory(copied, lane)
    requests = list(web(100_000))
    wanted = ("webserver", "proxy")
    chosen = tuple(rule for rule in every.detections if rule.logsource.category in wanted)
    detector = compile_rules(RuleSet(chosen))
    with tempfile.TemporaryDirectory() as name:
        copied = Path(name, "web")
        copied.mkdir()
        for category in wanted:
            copy_rules(sources, copied / category, f"category: {category}")
        ours = rates("web and proxy, native", requests, detector, native(requests, detector))
        beside(ours, rsigma(copied, requests, Path(name)))
    doubled = RuleSet((*rules.detections, *map(altered, rules.detections)))
    for title, lines in (("real", real), ("all-distinct", creations)):
        for times, chosen_rules in (("once", rules), ("doubled", doubled)):
            detector = compile_rules(chosen_rules)
            rates(f"{title}, rules {times}", lines, detector, native(lines, detector))


if __name__ == "__main__":
    main()
