"""`tocsin parse`: one document a record, in order, as COMMANDS fixes it."""

import gzip
import io
import sys
from pathlib import Path

import orjson
import pytest

from tocsin.pipelines.cli.main import run

GOOD = "Nov 24 10:00:00 gw sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2"
BAD = "{ not an event"


def parsed(capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def windows(record: int) -> str:
    return f'{{"Channel":"Security","EventID":4624,"EventRecordID":{record}}}'


def test_each_line_is_answered_in_order(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Blank lines are skipped; what cannot be parsed is a pipeline_error, and status is 0."""
    file = tmp_path / "events.json"
    file.write_text(f"{windows(1)}\n\n{BAD}\n{windows(2)}\n")

    assert run(["parse", "windows", str(file), "--organization", "city"]) == 0

    documents = parsed(capfdbinary)
    kinds = [document["event"]["kind"] for document in documents]
    assert kinds == ["event", "pipeline_error", "event"]
    assert documents[1]["error"]["message"]
    assert documents[2]["winlog"]["record_id"] in (2, "2")
    assert {document["organization"]["name"] for document in documents} == {"city"}


def test_with_records_each_json_string_is_one_record(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A record may hold line feeds, be blank or broken: exactly one document comes out."""
    file = tmp_path / "records.json"
    records = [GOOD, "", "two\nlines", GOOD]
    file.write_bytes(b"\n".join(orjson.dumps(record) for record in records))

    assert run(["parse", "linux", str(file), "--records"]) == 0

    documents = parsed(capfdbinary)
    assert len(documents) == 4
    assert documents[1]["event"]["kind"] == "pipeline_error"
    assert documents[1]["error"]["message"] == "the record is blank"
    assert documents[2]["event"]["original"] == "two\nlines"


def test_zone_and_record_time_are_the_caller_s(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A time without year and zone is read with both."""
    file = tmp_path / "auth.log"
    file.write_text(GOOD)
    words = ["--timezone", "Europe/Madrid", "--received", "2023-11-24T12:00:00Z"]

    assert run(["parse", "linux", str(file), *words]) == 0

    assert parsed(capfdbinary)[0]["@timestamp"] == "2023-11-24T09:00:00.000000Z"


def test_compressed_files_and_standard_input_are_read(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`.gz` and `-` give the same documents as the plain file, but for the place."""
    packed = tmp_path / "auth.log.gz"
    packed.write_bytes(gzip.compress(GOOD.encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))

    assert run(["parse", "linux", str(packed)]) == 0
    assert run(["parse", "linux", "-"]) == 0

    one, other = parsed(capfdbinary)
    assert one["source"] == other["source"]


def test_what_stands_before_damage_is_answered(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every line before the break is a document; then the file is named, with status 1."""
    sound = gzip.compress(f"{GOOD}\n".encode() * 10)
    broken = tmp_path / "auth.log.gz"
    broken.write_bytes(sound + sound[:15])

    assert run(["parse", "linux", str(broken)]) == 1

    told = capfd.readouterr()
    assert len(told.out.splitlines()) == 10
    assert told.err == f"tocsin: {broken}: the gzip stream is cut short\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["fortigat", "x"], 2, "'fortigat' is none of apache, "),
        (["linux", "x", "--timezone", "Mars"], 2, "expected an IANA time zone"),
        (["linux", "x", "--received", "noon"], 2, "expected ISO 8601"),
        (["linux", "gone.log"], 1, "gone.log: No such file or directory"),
    ],
)
def test_what_is_wrong_is_told_in_one_message(
    words: list[str], status: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The message has the word that is wrong and what was expected; no traceback."""
    assert run(["parse", *words]) == status

    told = capfd.readouterr().err
    assert message in " ".join(told.replace("│", " ").split())
    assert "Traceback" not in told


def test_the_parsers_are_listed_with_their_group(capfd: pytest.CaptureFixture[str]) -> None:
    """One line a parser."""
    assert run(["parsers"]) == 0
    assert "fortigate\tfirewall\n" in capfd.readouterr().out
