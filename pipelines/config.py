"""The configuration file, `tocsin.toml`: read once at start, checked whole, frozen after that.

Every key is a field of a dataclass below, with its reader, its meaning and its default; the
reference in `docs/configuration.md` is generated from them. Secrets are never keys: they come
from files that a key names or from the environment.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson

from tocsin.schemas.indices import is_name
from tocsin.schemas.records import Source
from tocsin.schemas.times import DAY, HOUR, MINUTE, SECOND

T = TypeVar("T")
Reader = Callable[[object], Any]


class ConfigError(ValueError):
    """A configuration that cannot be used; each of `problems` names path, key and expectation."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def text(value: object) -> str:
    """A non-empty string."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("expected a non-empty string")


def flag(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise ValueError("expected true or false")


def count(value: object) -> int:
    """A whole number of at least 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("expected a whole number of at least 1")


def amount(value: object) -> int:
    """A whole number of at least 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("expected a whole number of at least 0")


def texts(value: object) -> tuple[str, ...]:
    """A list of strings."""
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return tuple(value)
    raise ValueError('expected a list of strings, such as ["a", "b"]')


def value_lists(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A table of lists of strings."""
    if isinstance(value, dict):
        return tuple((name, texts(members)) for name, members in value.items())
    raise ValueError('expected a table of lists, such as {admins = ["ann", "bob"]}')


def organization(value: object) -> str:
    """A name that may stand in an index name."""
    if isinstance(value, str) and is_name(value):
        return value
    raise ValueError("expected lower-case letters, digits, - and _, at most 63 of them")


def zone(value: object) -> ZoneInfo:
    """The name of a time zone in the IANA database."""
    try:
        return ZoneInfo(text(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("expected an IANA time zone, such as Europe/Madrid") from error


_SPANS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def duration(value: object) -> int:
    """Microseconds of a number with its unit, such as `30s`, `10m`, `2h` or `7d`."""
    if isinstance(value, str) and value[:-1].isascii() and value[:-1].isdigit():
        unit = _SPANS.get(value[-1])
        if unit is not None:
            return int(value[:-1]) * unit
    raise ValueError("expected a number and a unit of s, m, h or d, such as 10m")


def one_of(*names: str) -> Reader:
    """A reader of one of `names`."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        near = difflib.get_close_matches(str(value), names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"expected one of {', '.join(names)}{hint}")

    read.__doc__ = f"One of {', '.join(f'`{name}`' for name in names)}."
    return read


def option(read: Callable[[object], T], meaning: str, default: T) -> T:
    """A key: how it is read, what it means, and what holds where it is not given."""
    option: T = field(default=default, metadata={"read": read, "meaning": meaning})
    return option


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where records come from and where matches and dead letters go."""

    bootstrap_servers: tuple[str, ...] = option(texts, "Brokers to ask first.", ("127.0.0.1:9092",))
    group: str = option(text, "Consumer group of the workers.", "tocsin")
    matches_topic: str = option(text, "Topic of matches and progress marks.", "tocsin-matches")
    dead_letters_topic: str = option(text, "Topic of dead letters.", "tocsin-dead-letters")
    security_protocol: str = option(
        one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "How the brokers are spoken to.",
        "PLAINTEXT",
    )
    ssl_cafile: str = option(text, "File of the authorities that sign the brokers' names.", "")
    sasl_mechanism: str = option(
        one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "How to log in.", "SCRAM-SHA-512"
    )
    username: str = option(text, "User to log in as.", "")
    password_file: str = option(
        text, "File with the password; without it `TOCSIN_KAFKA_PASSWORD` holds it.", ""
    )

    def password(self) -> str | None:
        """The password from its file or the environment; raises OSError for a missing file."""
        return _secret(self.password_file, "TOCSIN_KAFKA_PASSWORD")


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """Where events, alerts and dead letters are indexed."""

    hosts: tuple[str, ...] = option(
        texts, "Addresses of the nodes, with scheme and port.", ("http://127.0.0.1:9200",)
    )
    username: str = option(text, "User to log in as.", "")
    password_file: str = option(
        text, "File with the password; without it `TOCSIN_ELASTICSEARCH_PASSWORD` holds it.", ""
    )
    ca_certs: str = option(text, "File of the authorities that sign the nodes' names.", "")
    replicas: int = option(
        amount, "Copies of each shard, 0 on a single node; `tocsin deploy` asks for them.", 1
    )

    def password(self) -> str | None:
        """The password from its file or the environment; raises OSError for a missing file."""
        return _secret(self.password_file, "TOCSIN_ELASTICSEARCH_PASSWORD")


@dataclass(frozen=True, slots=True)
class Rules:
    """Which detection and correlation rules run."""

    directories: tuple[str, ...] = option(
        texts, "Files and directories of rules; without any, the rules that Tocsin ships.", ()
    )
    exclude: tuple[str, ...] = option(texts, "Ids of rules that do not run.", ())
    placeholders: tuple[tuple[str, tuple[str, ...]], ...] = option(
        value_lists, "Values of the placeholders `%name%`; a rule with another one is refused.", ()
    )


@dataclass(frozen=True, slots=True)
class Correlation:
    """How correlations wait, and how much they hold."""

    lateness: int = option(duration, "How late a record may be and still count live.", MINUTE)
    silence: int = option(
        duration, "How long a silent partition may hold the watermark.", 10 * MINUTE
    )
    group_matches: int = option(count, "Matches held for one group of one rule.", 200_000)
    total_matches: int = option(count, "Matches held for all rules.", 5_000_000)


@dataclass(frozen=True, slots=True)
class Limits:
    """What keeps memory bounded."""

    batch_records: int = option(count, "Records that are processed together.", 4096)
    record_bytes: int = option(count, "A longer record is a dead letter.", 1 << 20)
    dead_letter_bytes: int = option(count, "A dead letter's bytes are cut to this.", 512 << 10)


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """One source of records; the file names one `[[source]]` for each."""

    name: str = option(text, "What the source is called in counters and messages.", "")
    topic: str = option(text, "Kafka topic that the records come from.", "")
    parser: str = option(text, "Format of the records, a name that `tocsin parsers` lists.", "")
    organization: str = option(organization, "Organisation that the records belong to.", "default")
    timezone: ZoneInfo = option(zone, "Zone of times that name none.", ZoneInfo("UTC"))
    history: bool = option(flag, "Old records, which never hold the live watermark.", default=False)
    place: str = option(
        one_of("offset", "header"),
        "Whether a record's place is its offset or in its headers.",
        "offset",
    )
    generation: str = option(
        text, "Told apart where a cluster without topic ids recreates the topic.", ""
    )


REQUIRED = ("name", "topic", "parser")
"""The keys of a source that have no default."""

TABLES: Mapping[str, type] = {
    "kafka": Kafka,
    "elasticsearch": Elasticsearch,
    "rules": Rules,
    "correlation": Correlation,
    "limits": Limits,
}


@dataclass(frozen=True, slots=True)
class Config:
    """All of `tocsin.toml`; what it does not say has its default."""

    sources: tuple[Source, ...] = ()
    kafka: Kafka = field(default_factory=Kafka)
    elasticsearch: Elasticsearch = field(default_factory=Elasticsearch)
    rules: Rules = field(default_factory=Rules)
    correlation: Correlation = field(default_factory=Correlation)
    limits: Limits = field(default_factory=Limits)


def load_config(path: Path, parsers: Mapping[str, object]) -> Config:
    """The configuration in `path`; `parsers` holds the names that a source's parser may have.

    Raises ConfigError with every problem there is, OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            tables = tomllib.load(file)
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path}: expected text in UTF-8 ({error})"]) from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([f"{path}: {error}"]) from error
    problems: list[str] = []
    read: dict[str, Any] = {}
    for name, table in tables.items():
        if name == "source":
            read["sources"] = _read_sources(table, parsers, problems)
        elif name in TABLES:
            read[name] = _read_table(TABLES[name], table, name, problems)
        else:
            problems.append(_unknown(name, [*TABLES, "source"], "table"))
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    return Config(**read)


def _read_sources(
    entries: Any, parsers: Mapping[str, object], problems: list[str]
) -> tuple[Source, ...]:
    if not isinstance(entries, list):
        problems.append("source: expected [[source]] with two brackets")
        return ()
    sources = []
    seen: set[str] = set()
    for position, entry in enumerate(entries, 1):
        where = f"source {position}"
        keys = _read_table(SourceKeys, entry, where, problems)
        if keys is None:
            continue
        problems += [f"{where}: {key} is missing" for key in REQUIRED if key not in entry]
        if keys.parser and keys.parser not in parsers:
            problems.append(f"{where}.parser: {_unknown(keys.parser, list(parsers), 'parser')}")
        if keys.name in seen:
            problems.append(f"{where}.name: {keys.name} is the name of another source")
        seen.add(keys.name)
        sources.append(Source(**{key.name: getattr(keys, key.name) for key in fields(SourceKeys)}))
    return tuple(sources)


def _read_table(kind: type[T], table: object, where: str, problems: list[str]) -> T | None:
    """`kind` read from `table`; what is wrong goes to `problems`, its default stands in."""
    if not isinstance(table, dict):
        problems.append(f"{where}: expected a table of keys")
        return None
    known: dict[str, Field[Any]] = {key.name: key for key in fields(kind)}  # type: ignore[arg-type]
    read: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            problems.append(f"{where}.{_unknown(name, list(known), 'key')}")
            continue
        try:
            read[name] = known[name].metadata["read"](value)
        except ValueError as error:
            problems.append(f"{where}.{name}: {error}, not {value!r}")
    return kind(**read)


def _unknown(name: str, known: list[str], kind: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
    return f"{name}: no such {kind}{hint}"


def _secret(path: str, variable: str) -> str | None:
    return Path(path).read_text().strip() if path else os.environ.get(variable)


def reference() -> str:
    """`docs/configuration.md`: every table and key with its meaning and default."""
    return "\n".join(_reference_lines()) + "\n"


def _reference_lines() -> Iterator[str]:
    yield "# The configuration file"
    yield ""
    yield "Generated by `tocsin.pipelines.config`; every key has a default but those marked."
    for name, kind in (("[source]", SourceKeys), *TABLES.items()):
        yield ""
        yield f"## `[{name}]`"
        yield ""
        yield (kind.__doc__ or "").partition("\n")[0]
        yield ""
        yield "| key | value | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for key in fields(kind):
            required = kind is SourceKeys and key.name in REQUIRED
            default = "required" if required else _toml(key.default)
            value = (key.metadata["read"].__doc__ or "").rstrip(".")
            yield f"| `{key.name}` | {value} | {default} | {key.metadata['meaning']} |"


def _toml(value: object) -> str:
    if value in ("", (), MISSING):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{orjson.dumps(value).decode()}`"
    if isinstance(value, int) and value >= SECOND and value % MINUTE == 0:
        return f"`{value // MINUTE}m`"
    return f"`{value}`"
