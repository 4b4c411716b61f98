"""The internet as the city sees it: the sites its people visit, and those who knock at its doors.

Addresses are of 198.18.0.0/15; what a name resolves to is fixed, so that one site has one address
in every log.
"""

from dataclasses import dataclass

from tocsin.pipelines.demo.dice import Dice


@dataclass(frozen=True, slots=True)
class WebSite:
    """A site out there: its name, address and country, and FortiGuard's category of it."""

    name: str
    address: str
    country: str
    category: int
    description: str
    blocked: bool = False


COUNTRIES = (
    "United States", "Germany", "Netherlands", "France", "United Kingdom", "Ireland", "Spain",
    "Sweden", "Poland", "Brazil", "China", "India", "Viet Nam", "Russian Federation", "Korea",
)  # fmt: skip

_KINDS = (
    (52, "Information Technology", ("updates", "cdn", "cloud", "support", "docs", "login", "api")),
    (36, "News and Media", ("news", "gazette", "weather", "radio")),
    (51, "Government and Legal Organizations", ("ministry", "register", "tenders", "tax", "law")),
    (41, "Search Engines and Portals", ("search", "portal", "maps")),
    (31, "Finance and Banking", ("bank", "payments", "invoices")),
    (49, "Business", ("supplies", "printers", "travel", "jobs", "courier", "meeting", "forms")),
    (30, "Education", ("school", "courses", "library", "university")),
    (42, "Shopping", ("shop", "books", "tools")),
)
_BLOCKED = ((11, "Gambling", "casino"), (8, "Hacking", "cracks"), (26, "Malicious Websites", "win"))


def _sites() -> tuple[WebSite, ...]:
    sites: list[WebSite] = []
    for ending in ("example", "north.example", "city.example"):
        for category, description, names in _KINDS:
            for name in names:
                number = len(sites)
                address = f"198.18.{10 + number % 40}.{20 + number}"
                country = COUNTRIES[number % 9]
                sites.append(WebSite(f"{name}.{ending}", address, country, category, description))
    return tuple(sites)


SITES = _sites()
BLOCKED_SITES = tuple(
    WebSite(f"{name}.example", f"198.18.99.{number}", "United States", category, text, blocked=True)
    for number, (category, text, name) in enumerate(_BLOCKED, start=10)
)

KNOCKED_PORTS = (
    (23, "TELNET"), (22, "SSH"), (3389, "RDP"), (445, "SMB"), (8080, "tcp/8080"), (5900, "VNC"),
    (2323, "tcp/2323"), (6379, "tcp/6379"), (8443, "tcp/8443"), (1433, "MS-SQL"), (5060, "SIP"),
    (81, "tcp/81"), (3306, "MYSQL"), (9200, "tcp/9200"), (110, "POP3"), (5555, "tcp/5555"),
)  # fmt: skip
"""What scanners of the internet look for, with the names that FortiOS has for these ports."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A host of the internet that scans: at times, a few ports, from one address."""

    address: str
    country: str


def strangers(dice: Dice, count: int) -> tuple[Stranger, ...]:
    """`count` hosts that knock today."""
    return tuple(
        Stranger(
            f"198.19.{dice.below(256)}.{dice.between(1, 254)}",
            COUNTRIES[dice.between(0, len(COUNTRIES) - 1)],
        )
        for _ in range(count)
    )
