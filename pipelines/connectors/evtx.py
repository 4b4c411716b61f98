"""Windows' binary event logs (`.evtx`), one JSON text an event, for the `windows` parser."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import cast

from evtx import PyEvtxParser

MAGIC = b"ElfFile\0"
"""What an EVTX file begins with ([MS-EVEN6]; libyal, "Windows XML Event Log (EVTX) format")."""


def read_evtx(source: Path | bytes) -> Iterator[str | ValueError]:
    """JSON text of each event of an EVTX file, in the file's order.

    What cannot be read (a damaged chunk, a record cut off) yields a ValueError that says why, in
    its place; reading goes on after it. Raises ValueError for what is no EVTX file at all.
    """
    place = str(source) if isinstance(source, Path) else BytesIO(source)
    try:
        records = PyEvtxParser(place, 1).records_json()
    except (RuntimeError, OSError, ValueError) as error:
        name = source if isinstance(source, Path) else "bytes"
        raise ValueError(f"{name}: not an EVTX file: {error}") from error
    while True:
        try:
            record = next(records, None)
        except (RuntimeError, OSError, ValueError) as error:
            yield ValueError(f"EVTX record unreadable: {error}")
            continue
        if record is None:
            return
        yield cast("str", record["data"])
