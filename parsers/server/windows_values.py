"""Values of Windows events, converted to what ECS fields hold; None where a value is not one.

Logs repeat values, so what costs is cached, within bounds.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from tocsin.schemas.remembering import remembering

_CACHED = 8192

_INTEGER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|-?[0-9]{1,19}", re.ASCII)
_HASH = re.compile(r"(?:^|,)\s*([a-z0-9]+)\s*=(?!0+(?:,|\Z))([0-9a-f]{32,128})(?=,|\Z)", re.ASCII)
"""A hash that is not zero all over, as it is where Sysmon could not work it out."""
_NUMBER_DATA = re.compile(
    r"([DQ])WORD \((0x[0-9a-fA-F]{1,8})(?:-(0x[0-9a-fA-F]{1,8}))?\)", re.ASCII
)


class Path(NamedTuple):
    """A path of Windows (or UNC) and the parts that ECS names."""

    path: str
    name: str
    directory: str | None
    extension: str | None


class RegistryPath(NamedTuple):
    """A registry path: hive in its short form, key below it, and the last component."""

    hive: str
    key: str
    last: str


def utc_text(text: str) -> str | None:
    """Fixed-width UTC text of an ISO `text`; without a zone it is UTC, as Windows writes times."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    size = len(text)
    millis = size == 23 or (size == 24 and text[23] == "Z")
    if millis and text[19] == "." and text[4] == text[7] == "-" and text[20:23].isdecimal():
        # Sysmon's `2020-06-10 02:50:54.631` and its like: checked above, so cut and paste will do.
        return f"{text[:10]}T{text[11:23]}000Z"
    if moment.tzinfo is not None and moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            return None
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


@remembering(_CACHED)
def integer(text: str) -> int | None:
    """The number that decimal or `0x` hexadecimal `text` stands for, within 64 bits."""
    if _INTEGER.fullmatch(text) is None:
        return None
    return int(text, 16 if text[:2] in {"0x", "0X"} else 10)


@remembering(_CACHED)
def address(text: str) -> str | None:
    """The IP address in `text` without zone; an IPv4-mapped one as IPv4."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


@remembering(_CACHED)
def split_path(path: str) -> Path:
    """`path` with its name, directory and extension; both slashes separate."""
    cut = max(path.rfind("\\"), path.rfind("/"))
    name = path[cut + 1 :]
    stem, dot, extension = name.rpartition(".")
    return Path(path, name, path[:cut] if cut > 0 else None, extension if dot and stem else None)


def base_name(path: str) -> str:
    """The last component of `path`."""
    return path.replace("/", "\\").rpartition("\\")[2]


def split_account(account: str) -> tuple[str | None, str]:
    r"""Domain and name of `DOMAIN\name`; a name without a domain has None."""
    domain, separator, name = account.partition("\\")
    return (domain or None, name) if separator else (None, account)


@remembering(_CACHED)
def hashes(text: str) -> tuple[tuple[str, str], ...]:
    """Algorithm (lower case) and digest (lower case) of each part of Sysmon's `SHA1=…,MD5=…`."""
    return tuple(_HASH.findall(text.lower()))


_HIVES: Mapping[str, str] = {
    "HKLM": "HKLM",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKU": "HKU",
    "HKEY_USERS": "HKU",
    "HKCR": "HKCR",
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKCU": "HKCU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKCC": "HKCC",
    "HKEY_CURRENT_CONFIG": "HKCC",
}
_KERNEL_HIVES = (("\\REGISTRY\\MACHINE\\", "HKLM"), ("\\REGISTRY\\USER\\", "HKU"))


@remembering(_CACHED)
def registry_path(path: str) -> RegistryPath | None:
    r"""Hive, key and last component of `HKLM\…` or the kernel's `\REGISTRY\MACHINE\…`."""
    head, _, rest = path.partition("\\")
    hive = _HIVES.get(head.upper())
    if hive is None:
        for prefix, kernel_hive in _KERNEL_HIVES:
            if path[: len(prefix)].upper() == prefix:
                hive, rest = kernel_hive, path[len(prefix) :]
    if hive is None or not rest:
        return None
    return RegistryPath(hive, rest, rest.rpartition("\\")[2])


def registry_data(text: str) -> tuple[str, list[str]]:
    """Type and strings of the `Details` in which Sysmon renders the data of a registry value."""
    if text == "Binary Data":
        return "REG_BINARY", []
    number = _NUMBER_DATA.fullmatch(text)
    if number is None:
        return "REG_SZ", [text]
    width, high, low = number.groups()
    value = int(high, 16) if low is None else int(high, 16) << 32 | int(low, 16)
    return f"REG_{width}WORD", [str(value)]


def arguments(command_line: str) -> list[str]:
    """The arguments of a Windows command line: split at blanks outside quotes, quotes dropped."""
    if '"' not in command_line:
        return command_line.split()
    found: list[str] = []
    pieces: list[str] = []  # of the argument that has not ended yet
    for place, text in enumerate(command_line.split('"')):
        if place % 2:  # between quotes
            pieces.append(text)
        elif text:
            words = text.split()
            if not text[0].isspace():
                pieces.append(words.pop(0))
            if pieces and (words or text[-1].isspace()):
                found.append("".join(pieces))
                pieces = []
            if words and not text[-1].isspace():
                pieces.append(words.pop())
            found += words
    if pieces:
        found.append("".join(pieces))
    return found


@remembering(1024)
def slug(channel: str) -> str:
    """What `event.dataset` says of a channel: `sysmon_operational`, `security`, `powershell`."""
    name = channel.lower()
    name = name.removeprefix("microsoft-windows-" if name.startswith("micro") else "windows ")
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")[:80] or "unknown"
