"""A quiet day at the city's firewalls: work, machines among themselves, and the internet's noise.

The FortiGate stands at the city hall, a Linux gateway with UFW at each satellite.
"""

from collections.abc import Iterator

from tocsin.pipelines.demo import city, fortigate, netfilter
from tocsin.pipelines.demo.city import CITY_HALL, SATELLITES, STAFF, Person, Site
from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS, at
from tocsin.pipelines.demo.dice import ALWAYS, OFFICE, PUBLIC, Dice
from tocsin.pipelines.demo.internet import (
    BLOCKED_SITES,
    COUNTRIES,
    KNOCKED_PORTS,
    SITES,
    Stranger,
    WebSite,
    strangers,
)
from tocsin.pipelines.demo.lines import Line

_APPLICATIONS = (
    ("HTTPS.BROWSER", "Web.Client"),
    ("SSL", "Network.Service"),
    ("Microsoft.Portal", "Collaboration"),
    ("HTTP.Video", "Video/Audio"),
    ("Windows.Update", "Update"),
)
_RESOLVER = ("198.18.1.53", 53)
_PATHS = ("/", "/index.html", "/login", "/api/v2/items", "/search?q=form+14", "/assets/app.js")
_ATTACKS = (
    (50825, "Apache.HTTP.Server.cgi-bin.Path.Traversal"),
    (43845, "ThinkPHP.Controller.Parameter.Remote.Code.Execution"),
    (51006, "Apache.Log4j.Error.Log.Remote.Code.Execution"),
    (15621, "PHP.CGI.Argument.Injection"),
)
_SERVER_SERVICES = (
    (city.DC, 53, "DNS", 17),
    (city.DC, 53, "DNS", 17),
    (city.DC, 53, "DNS", 17),
    (city.DC, 88, "KERBEROS", 6),
    (city.DC, 389, "LDAP", 6),
    (city.FILES, 445, "SMB", 6),
    (city.APPLICATIONS, 443, "HTTPS", 6),
)


def fortigate_day(dice: Dice) -> Iterator[Line]:
    """The FortiGate's benign day, in no order."""
    people = [person for person in STAFF if person.site is CITY_HALL]
    for person in people:
        yield from _browsing(dice, person)
    yield from _to_servers(dice, people)
    yield from _inbound(dice)
    yield from _machines(dice)
    yield from _knocking(dice)
    yield from _remote_work(dice, people)
    yield from _administration(dice)


def _port(dice: Dice) -> int:
    return 49_152 + dice.below(16_000)


def _browsing(dice: Dice, person: Person) -> Iterator[Line]:
    morning = at("07:30") + dice.below(90 * MINUTE_MS)
    yield fortigate.user_logon(morning, person.address, person.user)
    for _ in range(dice.between(300, 420)):
        ms = dice.moment(OFFICE)
        blocked = dice.chance(0.006)
        site: WebSite = dice.pick(BLOCKED_SITES if blocked else SITES)
        source = (person.address, _port(dice))
        if dice.chance(0.22) or blocked:
            yield fortigate.webfilter(ms, source, person.user, site, dice.pick(_PATHS))
        if blocked:
            continue
        if dice.chance(0.1):
            query = (person.address, _port(dice))
            yield fortigate.name_query(ms, query, city.DC.address, site)
        application = dice.pick(_APPLICATIONS)
        if dice.chance(0.12):
            yield fortigate.application(ms, source, site, *application)
        seconds = dice.amount(1, 240)
        end = min(ms + seconds * 1000, DAY_MS - 1)
        line = fortigate.traffic(
            end,
            fortigate.INTERNET,
            source,
            (site.address, 443),
            "HTTPS",
            action="close" if dice.chance(0.9) else "client-rst",
            sent=dice.amount(900, 400_000),
            received=dice.amount(3_000, 9_000_000),
            seconds=seconds,
            countries=("Reserved", site.country),
            application=application,
        )
        yield line


def _to_servers(dice: Dice, people: list[Person]) -> Iterator[Line]:
    satellites = [person for person in STAFF if person.site is not CITY_HALL]
    for count, group, policy in (
        (17_000, people, fortigate.TO_SERVERS),
        (6_000, satellites, fortigate.FROM_SITES),
    ):
        for _ in range(count):
            ms = dice.moment(OFFICE)
            person = dice.pick(group)
            server, port, service, proto = dice.pick(_SERVER_SERVICES)
            yield fortigate.traffic(
                ms,
                policy,
                (person.address, _port(dice)),
                (server.address, port),
                service,
                action="accept" if proto == 17 else "close",
                sent=dice.amount(60, 60_000 if port == 445 else 4_000),
                received=dice.amount(120, 2_000_000 if port == 445 else 9_000),
                seconds=dice.amount(0, 600),
                proto=proto,
            )


def _inbound(dice: Dice) -> Iterator[Line]:
    for count, policy, server, port, service in (
        (2_600, fortigate.PUBLISHED_MAIL, city.MX, 25, "SMTP"),
        (4_500, fortigate.PUBLISHED_WEB, city.WEB, 443, "HTTPS"),
    ):
        for _ in range(count):
            ms = dice.moment(PUBLIC)
            source = f"198.18.{dice.between(100, 220)}.{dice.between(1, 254)}"
            yield fortigate.traffic(
                ms,
                policy,
                (source, _port(dice)),
                (server.address, port),
                service,
                sent=dice.amount(800, 90_000),
                received=dice.amount(600, 400_000),
                seconds=dice.amount(1, 60),
                countries=(dice.pick(COUNTRIES), "Reserved"),
            )
    for _ in range(45):
        ms = dice.moment(ALWAYS)
        attacker = (f"198.19.{dice.below(256)}.{dice.between(1, 254)}", dice.pick(COUNTRIES))
        target = (city.WEB.address, 443)
        yield fortigate.intrusion(ms, attacker, target, dice.pick(_ATTACKS), "dropped")


def _machines(dice: Dice) -> Iterator[Line]:
    """Servers that fetch updates, mail that leaves, the backup that goes off site by night."""
    for server in (*city.WINDOWS_SERVERS, city.LOGS, city.DATABASE):
        for ms in dice.rhythm(0, DAY_MS - HOUR_MS, HOUR_MS, HOUR_MS // 2):
            site = dice.pick(SITES[:3])
            yield fortigate.traffic(
                ms,
                fortigate.SERVERS_OUT,
                (server.address, _port(dice)),
                (site.address, 443),
                "HTTPS",
                sent=dice.amount(2_000, 30_000),
                received=dice.amount(10_000, 60_000_000),
                seconds=dice.between(2, 90),
                countries=("Reserved", site.country),
            )
    for ms in dice.rhythm(at("01:00"), at("04:00"), 10 * MINUTE_MS, MINUTE_MS):
        yield fortigate.traffic(
            ms,
            fortigate.SERVERS_OUT,
            (city.BACKUP.address, _port(dice)),
            (city.OFFSITE_BACKUP, 443),
            "HTTPS",
            sent=dice.between(700_000_000, 1_400_000_000),
            received=dice.between(400_000, 900_000),
            seconds=dice.between(400, 580),
            countries=("Reserved", "Ireland"),
        )
    for _ in range(900):
        ms = dice.moment(OFFICE)
        address = f"198.18.{dice.between(100, 220)}.{dice.between(1, 254)}"
        yield fortigate.traffic(
            ms,
            fortigate.DMZ_OUT,
            (city.MX.address, _port(dice)),
            (address, 25),
            "SMTP",
            sent=dice.amount(2_000, 8_000_000),
            received=dice.amount(500, 4_000),
            seconds=dice.amount(1, 30),
            countries=("Reserved", dice.pick(COUNTRIES)),
        )


def _knocking(dice: Dice) -> Iterator[Line]:
    """Scanners of the internet, each of them refused a few times; and printers that call home."""
    for stranger in strangers(dice, 900):
        start = dice.moment(ALWAYS)
        for _ in range(dice.amount(1, 40)):
            ms = min(start + dice.below(HOUR_MS), DAY_MS - 1)
            yield _knock(dice, ms, stranger)
    for printer in range(1, 7):
        for ms in dice.rhythm(0, DAY_MS - HOUR_MS, 20 * MINUTE_MS, MINUTE_MS):
            source = (f"10.10.50.{printer}", _port(dice))
            yield fortigate.traffic(
                ms,
                fortigate.LAN_DENY,
                source,
                (city.DC.address, 9100),
                "tcp/9100",
                action="deny",
            )


def _knock(dice: Dice, ms: int, stranger: Stranger) -> Line:
    port, service = dice.pick(KNOCKED_PORTS)
    source = (stranger.address, dice.between(1_024, 65_000))
    if dice.chance(0.3):
        return fortigate.local_deny(ms, source, port, service, stranger.country)
    return fortigate.traffic(
        ms,
        fortigate.OUTSIDE_DENY,
        source,
        (f"192.0.2.{dice.between(3, 30)}", port),
        service,
        action="deny",
        countries=(stranger.country, "United Kingdom"),
    )


def _remote_work(dice: Dice, people: list[Person]) -> Iterator[Line]:
    for number, person in enumerate(people[20:34], start=1):
        remote = f"198.18.230.{number * 7}"
        start = at("07:20") + dice.below(2 * HOUR_MS)
        if dice.chance(0.3):
            mistake = start - dice.between(8_000, 40_000)
            yield fortigate.vpn_login_failure(mistake, remote, person.user, "United Kingdom")
        tunnel = (1_200_000 + number, f"10.10.60.{number}")
        yield fortigate.vpn_tunnel(start, remote, person.user, tunnel, None)
        end = start + 4 * HOUR_MS
        volume = (dice.amount(5_000_000, 90_000_000), dice.amount(30_000_000, 400_000_000))
        yield fortigate.vpn_tunnel(end, remote, person.user, tunnel, volume)
    for _ in range(40):
        ms = dice.moment(ALWAYS)
        address = f"198.19.{dice.below(256)}.{dice.between(1, 254)}"
        user = dice.pick(("admin", "test", "vpn", "guest", "user", "fortinet"))
        yield fortigate.vpn_login_failure(ms, address, user, dice.pick(COUNTRIES))


def _administration(dice: Dice) -> Iterator[Line]:
    for ms in dice.rhythm(0, DAY_MS - 5 * MINUTE_MS, 5 * MINUTE_MS, 2_000):
        busy = 3 if ms < at("07:00") or ms > at("18:00") else 14
        sessions = busy * 210 + dice.below(400)
        yield fortigate.performance(ms, busy + dice.below(5), 41 + dice.below(3), sessions)
    for hour in ("08:12", "11:47", "15:33"):
        ms = at(hour) + dice.below(MINUTE_MS)
        if hour == "11:47":
            mistake = ms - 9_000
            yield fortigate.admin_login(mistake, "fw-admin", "10.10.70.11", success=False)
        yield fortigate.admin_login(ms, "fw-admin", "10.10.70.11", success=True)


def netfilter_day(dice: Dice) -> Iterator[Line]:
    """The satellites' gateways: who goes out, who knocks."""
    for site in SATELLITES:
        people = [person for person in STAFF if person.site is site]
        for _ in range(110 * len(people)):
            ms = dice.moment(OFFICE)
            person = dice.pick(people)
            target = _RESOLVER if dice.chance(0.25) else (dice.pick(SITES).address, 443)
            source = (person.address, _port(dice))
            yield netfilter.outbound(dice, ms, site, source, target)
        yield from _satellite_knocking(dice, site)


def _satellite_knocking(dice: Dice, site: Site) -> Iterator[Line]:
    for stranger in strangers(dice, 650):
        start = dice.moment(ALWAYS)
        for _ in range(dice.amount(1, 24)):
            ms = min(start + dice.below(HOUR_MS), DAY_MS - 1)
            port, _ = dice.pick(KNOCKED_PORTS)
            yield netfilter.blocked(dice, ms, site, stranger.address, port)
    for ms in dice.rhythm(0, DAY_MS - MINUTE_MS, 10 * MINUTE_MS, MINUTE_MS):
        yield netfilter.ping(dice, ms, site, f"198.18.200.{dice.between(1, 40)}")
