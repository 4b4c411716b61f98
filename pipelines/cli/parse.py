"""`tocsin parse` and `tocsin parsers`: one record in, one document out."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from tocsin.parsers import PARSERS
from tocsin.pipelines.cli.options import moment, organization_option, source_of, timezone_option
from tocsin.pipelines.cli.terminal import document
from tocsin.pipelines.connectors.files import LINE_BYTES, ReadError, inspect, read_records
from tocsin.schemas.events import nest
from tocsin.schemas.records import Batch, DeadLetter, Record, file_place
from tocsin.schemas.times import to_micros

CHUNK = 1024
"""Records that are answered together: few, so that answers to a pipe come soon."""


def parse(
    parser: Annotated[
        str, typer.Argument(metavar="PARSER", help="Format; `tocsin parsers` lists them.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Records, `.gz` too; - is standard input.")
    ],
    records: Annotated[
        bool, typer.Option("--records", help="Each line is a JSON string of one whole record.")
    ] = False,
    timezone: timezone_option = "UTC",
    received: Annotated[
        str | None,
        typer.Option(help="When the records arrived (ISO 8601); else the file's date, now for -."),
    ] = None,
    organization: organization_option = "default",
) -> None:
    """Parse FILE and print one nested ECS document for each record, in order.

    A record that cannot be parsed is a document too, with event.kind pipeline_error.

    \b
    tocsin parse fortigate firewall.log
    zcat auth.log.gz | tocsin parse linux - --timezone Europe/Madrid
    tocsin parse windows Security.evtx | jq .event.code
    """
    from tocsin.pipelines import stages  # noqa: PLC0415

    source = source_of(parser, timezone, organization)
    arrived = moment(received, "--received")
    lines = _standard_input(arrived) if str(file) == "-" else read_records(inspect(file, arrived))
    for chunk in _chunks(_strings(lines) if records else lines):
        batch = Batch(source, chunk)
        for record, answer in zip(chunk, stages.answers(batch), strict=True):
            if isinstance(answer, DeadLetter):
                document(nest(stages.failure(answer)))
            elif answer is not None:
                document(nest(answer))
            elif records:
                letter = stages.dead_letter(record, source, "parse", "the record is blank")
                document(nest(stages.failure(letter)))
        sys.stdout.flush()


def parsers() -> None:
    """List the parsers and the source group of each."""
    for name, parser in sorted(PARSERS.items()):
        print(f"{name}\t{parser.group}")  # noqa: T201


def _standard_input(arrived: int | None) -> Iterator[Record]:
    """The lines of standard input; their places hold within this run only."""
    arrived = to_micros(datetime.now(UTC)) if arrived is None else arrived
    position = 0
    for line in sys.stdin.buffer:
        value = line.removesuffix(b"\n")[:LINE_BYTES].removesuffix(b"\r")
        yield Record(value, file_place("-", position), arrived)
        position += len(line)


def _chunks(records: Iterator[Record]) -> Iterator[tuple[Record, ...]]:
    """`records` in chunks; those that stand before damage come before its ReadError is raised."""
    chunk: list[Record] = []
    damage: ReadError | None = None
    try:
        for record in records:
            chunk.append(record)
            if len(chunk) == CHUNK:
                yield tuple(chunk)
                chunk = []
    except ReadError as error:
        damage = error
    if chunk:
        yield tuple(chunk)
    if damage is not None:
        raise damage


def _strings(lines: Iterator[Record]) -> Iterator[Record]:
    """The records that stand, as JSON strings, one on each of `lines`."""
    for line in lines:
        try:
            text = orjson.loads(line.value)
        except orjson.JSONDecodeError:
            text = None
        # What is no JSON string is still one record and gets its one answer.
        yield line._replace(value=text.encode()) if isinstance(text, str) else line
