"""Port Tarrow: a small city hall, four satellite organisations, their people and machines.

All names end in `.example`; the city's public addresses are of TEST-NET-1, the attackers' of
TEST-NET-3, those of the rest of the internet of 198.18.0.0/15 (RFC 2544), so nobody real is named.
"""

from dataclasses import dataclass

DOMAIN = "porttarrow.example"
NETBIOS = "PORTTARROW"
DOMAIN_SID = "S-1-5-21-1840263377-2710541983-3398120457"


@dataclass(frozen=True, slots=True)
class Site:
    """A place of the city: its code in host names, its network 10.N, its public address."""

    code: str
    name: str
    network: str
    public: str
    staff: int


CITY_HALL = Site("ch", "City hall", "10.10", "192.0.2.2", 62)
WATERWORKS = Site("ww", "Waterworks", "10.20", "192.0.2.66", 16)
LIBRARY = Site("lib", "Library", "10.30", "192.0.2.98", 12)
FIRE_BRIGADE = Site("fb", "Fire brigade", "10.40", "192.0.2.130", 14)
SCHOOL = Site("sch", "School", "10.50", "192.0.2.162", 20)
SITES = (CITY_HALL, WATERWORKS, LIBRARY, FIRE_BRIGADE, SCHOOL)
SATELLITES = SITES[1:]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone on the staff, with an account and a Windows workstation."""

    user: str
    name: str
    site: Site
    host: str
    address: str
    sid: str

    @property
    def mail(self) -> str:
        """The mail address."""
        return f"{self.user}@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Server:
    """A machine that serves; `public` is its address on the internet where it has one."""

    name: str
    address: str
    public: str = ""


DC = Server("CH-DC01", "10.10.30.10")
FILES = Server("CH-FS01", "10.10.30.20")
APPLICATIONS = Server("CH-APP01", "10.10.30.30")
LOGS = Server("ch-log01", "10.10.30.40")
BACKUP = Server("ch-backup01", "10.10.30.50")
DATABASE = Server("ch-db01", "10.10.30.60")
MX = Server("mx1", "10.10.40.25", "192.0.2.25")
WEB = Server("www1", "10.10.40.80", "192.0.2.80")
JUMP = Server("ww-jump01", "10.20.30.5", WATERWORKS.public)
CATALOGUE = Server("lib-srv01", "10.30.30.5")
DISPATCH = Server("fb-srv01", "10.40.30.5")
LEARNING = Server("sch-srv01", "10.50.30.5")

WINDOWS_SERVERS = (DC, FILES, APPLICATIONS)
LINUX_SERVERS = (LOGS, BACKUP, DATABASE, MX, WEB, JUMP, CATALOGUE, DISPATCH, LEARNING)
GATEWAYS = tuple(Server(f"{site.code}-gw", f"{site.network}.0.1") for site in SATELLITES)
LINUX_PCS = tuple(
    Server(f"{site.code}-pc-{number:02}", f"{site.network}.20.{200 + number}")
    for site, count in ((LIBRARY, 8), (FIRE_BRIGADE, 3), (SCHOOL, 12))
    for number in range(1, count + 1)
)
OFFSITE_BACKUP = "198.51.100.20"
"""The provider to whom the city's nightly backups go."""

ADMINS = ("adm-ruiz", "adm-okafor", "adm-lind")
SERVICE_ACCOUNT = "svc-backup"

_FIRST = (
    "anna", "boris", "carla", "david", "elena", "farid", "greta", "hugo", "ines", "jonas",
    "karin", "leo", "maria", "nils", "olga", "pablo", "rosa", "samir", "tessa", "viktor",
)  # fmt: skip
_LAST = (
    "keller", "novak", "santos", "meyer", "lindqvist", "okafor", "dubois", "rossi", "kaya",
    "byrne", "horvat", "jansen", "costa", "fischer", "moreau", "nagy", "quist", "petrov",
    "larsen", "weber", "silva", "tanaka", "ortega", "brandt", "ferri", "iversen", "popa",
    "andersson", "schulz", "vidal", "wolff", "zeman", "ahmadi", "castro", "demir", "eriksen",
    "garcia",
)  # fmt: skip


def _staff() -> tuple[Person, ...]:
    people: list[Person] = []
    for site in SITES:
        for number in range(1, site.staff + 1):
            index = len(people)
            first, last = _FIRST[index % len(_FIRST)], _LAST[index % len(_LAST)]
            people.append(
                Person(
                    user=f"{first[0]}.{last}",
                    name=f"{first.title()} {last.title()}",
                    site=site,
                    host=f"{site.code.upper()}-WS-{number:03}",
                    address=f"{site.network}.20.{10 + number}",
                    sid=f"{DOMAIN_SID}-{1100 + index}",
                )
            )
    return tuple(people)


STAFF = _staff()
ACCOUNTS = {person.user: person for person in STAFF}


def fqdn(host: str) -> str:
    """The full name of a machine of the city."""
    return f"{host}.{DOMAIN}"
