"""Options that several commands share, with the checks that give their errors a place."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tocsin.parsers import PARSERS
from tocsin.pipelines import config
from tocsin.schemas.records import Source
from tocsin.schemas.times import parse_time

timezone_option = Annotated[str, typer.Option(help="IANA zone of times that name none.")]
organization_option = Annotated[str, typer.Option(help="Organisation of the records.")]
rules_option = Annotated[
    list[Path] | None,
    typer.Option("--rules", help="Files and directories of rules; else the shipped ones."),
]
received_option = Annotated[
    str | None,
    typer.Option(help="When the records arrived (ISO 8601); else the file's own date."),
]


def cache_folder() -> Path | None:
    """Where rules are kept as they were read, by the XDG base directory specification.

    None for a user without a home, as services may be.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (given if given.is_absolute() else Path.home() / ".cache") / "tocsin"
    except RuntimeError:
        return None


def source_of(parser: str, timezone: str, organization: str, name: str | None = None) -> Source:
    """A source of `parser`'s records; raises BadParameter for a name that is none."""
    if parser not in PARSERS:
        known = ", ".join(sorted(PARSERS))
        raise typer.BadParameter(f"{parser!r} is none of {known}", param_hint="PARSER")
    try:
        zone = config.zone(timezone)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, not {timezone!r}", param_hint="--timezone") from error
    try:
        owner = config.organization(organization)
    except ValueError as error:
        raise typer.BadParameter(
            f"{error}, not {organization!r}", param_hint="--organization"
        ) from error
    return Source(name or parser, parser, owner, zone)


def moment(text: str | None, option: str) -> int | None:
    """The microseconds of an ISO 8601 time given to `option`, or None where it was not given."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"expected ISO 8601, such as 2026-03-01T08:00:00Z, not {text!r}", param_hint=option
        ) from error


config_option = Annotated[
    Path | None, typer.Option("--config", help="tocsin.toml; else every key has its default.")
]


def read_config(path: Path | None) -> config.Config:
    """The configuration at `path`, or the defaults; raises ConfigError, OSError."""
    return config.load_config(path, PARSERS) if path else config.Config()
