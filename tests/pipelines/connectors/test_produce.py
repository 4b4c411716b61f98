"""Files on their way into a topic: merged by time, spread over partitions, places kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors import files, produce
from tocsin.schemas.records import Record


def time_of(record: Record) -> int | None:
    """The number at the start of a line, as a line's time."""
    head = record.value.split(b" ")[0]
    return int(head) if head.isdigit() else None


def log(folder: Path, name: str, *lines: str) -> files.LogFile:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return files.inspect(path, received=0)


def merged(*logs: files.LogFile) -> list[str]:
    problems: list[str] = []
    lines = [record.value.decode() for record in produce.merge(logs, time_of, problems)]
    assert problems == []
    return lines


def test_files_are_merged_by_time(tmp_path: Path) -> None:
    """Records of three files come in the order of their times; equal times in that of files."""
    first = log(tmp_path, "a", "1 a", "4 a", "9 a")
    second = log(tmp_path, "b", "2 b", "4 b", "5 b")
    third = log(tmp_path, "c", "7 c")

    assert merged(first, second, third) == ["1 a", "2 b", "4 a", "4 b", "5 b", "7 c", "9 a"]


def test_a_file_keeps_its_own_order(tmp_path: Path) -> None:
    """A clock that steps back, or a line without a time, moves no line before its predecessor."""
    first = log(tmp_path, "a", "5 a", "3 a", "no time", "6 a")
    second = log(tmp_path, "b", "4 b", "6 b")

    assert merged(first, second) == ["4 b", "5 a", "3 a", "no time", "6 a", "6 b"]


def test_a_damaged_file_is_told_and_harms_no_other(tmp_path: Path) -> None:
    """What is readable is merged; what is not is named."""
    broken = tmp_path / "broken.gz"
    broken.write_bytes(b"\x1f\x8b\x08\x00garbage")
    whole = log(tmp_path, "a", "1 a", "2 a")
    problems: list[str] = []

    records = list(produce.merge([files.inspect(broken, 0), whole], time_of, problems))

    assert [record.value for record in records] == [b"1 a", b"2 a"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{broken}: ")


def test_blocks_go_to_the_partitions_in_turn() -> None:
    """Consecutive records stay together in blocks of 512, each with its place and record time."""
    records = [Record(b"%d" % n, f"file/{'a' * 26}/{n}", 7) for n in range(1_600)]

    sent = list(produce.spread(records, "logs", 3))

    assert [part.partition for part in sent] == [0] * 512 + [1] * 512 + [2] * 512 + [0] * 64
    assert sent[1_599].value == b"1599"
    assert sent[1_599].headers == [
        ("tocsin-place", b"file/aaaaaaaaaaaaaaaaaaaaaaaaaa/1599"),
        ("tocsin-received", b"7"),
    ]


@given(
    contents=st.lists(st.lists(st.integers(0, 30) | st.none(), max_size=12), min_size=1, max_size=5)
)
def test_merging_loses_and_reorders_nothing_within_a_file(
    contents: list[list[int | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the times: each file's lines all come, in order, and highest times never step back."""
    folder = tmp_path_factory.mktemp("merge")
    logs = [
        log(
            folder,
            str(n),
            *(f"{'-' if time is None else time} {n}.{at}" for at, time in enumerate(times)),
        )
        for n, times in enumerate(contents)
    ]

    lines = merged(*logs)

    for n, times in enumerate(contents):
        own = [line for line in lines if line.split(" ")[1].startswith(f"{n}.")]
        expected = [f"{'-' if t is None else t} {n}.{at}" for at, t in enumerate(times)]
        assert own == expected
    highest = dict.fromkeys(range(len(contents)), 0)
    order = []
    for line in lines:
        time, name = line.split(" ")
        number = int(name.split(".")[0])
        highest[number] = max(highest[number], int(time) if time != "-" else 0)
        order.append(highest[number])
    assert order == sorted(order)
