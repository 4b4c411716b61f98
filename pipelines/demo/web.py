"""What the city's website writes: nginx access lines (combined format) and error lines."""

from collections.abc import Iterator

from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS, clock, web_time
from tocsin.pipelines.demo.dice import ALWAYS, PUBLIC, Dice
from tocsin.pipelines.demo.lines import Line

_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)
_PAGES = (
    "/", "/", "/", "/waste-calendar", "/opening-hours", "/council/minutes", "/forms/parking-permit",
    "/forms/birth-certificate", "/library/events", "/school/enrolment", "/fire/prevention",
    "/water/prices", "/news/harbour-festival", "/contact", "/search?q=permit", "/jobs",
)  # fmt: skip
_ASSETS = ("/assets/site.css", "/assets/app.js", "/assets/logo.svg", "/assets/harbour.jpg")
_PROBES = (
    "/wp-login.php", "/.env", "/admin/", "/phpmyadmin/index.php", "/.git/config", "/cgi-bin/luci",
    "/owa/", "/actuator/health", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
)  # fmt: skip
_HOME = "https://www.porttarrow.example"


def access(
    ms: int, address: str, request: str, status: int, size: int, *, agent: str, referrer: str = "-"
) -> Line:
    """A line of the access log; `request` is method and path."""
    return ms, (
        f'{address} - - [{web_time(ms)}] "{request} HTTP/1.1" {status} {size} "{referrer}" '
        f'"{agent}"'
    )


def error(ms: int, connection: int, text: str, address: str, request: str) -> Line:
    """A line of the error log."""
    return ms, (
        f"2026/11/17 {clock(ms)} [error] 811#811: *{connection} {text}, client: {address}, "
        f'server: www.porttarrow.example, request: "{request} HTTP/1.1", '
        'host: "www.porttarrow.example"'
    )


def access_day(dice: Dice) -> Iterator[Line]:
    """The benign day of the access log: visitors, a monitor, a search engine, scanners' probes."""
    for _ in range(2_900):
        yield from _visit(dice)
    for ms in dice.rhythm(0, DAY_MS - MINUTE_MS, MINUTE_MS, 900):
        yield access(ms, "10.10.30.40", "GET /health", 200, 2, agent="city-monitor/2.4")
    for _ in range(800):
        ms = dice.moment(ALWAYS)
        agent = "Mozilla/5.0 (compatible; searchbot/3.1; +https://search.example/bot.html)"
        page = f"GET {dice.pick(_PAGES)}"
        yield access(ms, "198.18.33.15", page, 200, dice.amount(4_000, 60_000), agent=agent)
    for _ in range(260):
        address = f"198.19.{dice.below(256)}.{dice.between(1, 254)}"
        start = dice.moment(ALWAYS)
        for path in _PROBES[: dice.between(1, 5)]:
            ms = min(start + dice.below(MINUTE_MS), DAY_MS - 1)
            yield access(ms, address, f"GET {path}", 404, 153, agent="Mozilla/5.0")


def _visit(dice: Dice) -> Iterator[Line]:
    address = f"198.18.{dice.between(100, 220)}.{dice.between(1, 254)}"
    agent = dice.pick(_AGENTS)
    ms = min(dice.moment(PUBLIC), DAY_MS - HOUR_MS // 2)
    referrer = "https://search.example/"
    for _ in range(dice.amount(1, 6)):
        page = dice.pick(_PAGES)
        size = dice.amount(4_000, 60_000)
        yield access(ms, address, f"GET {page}", 200, size, agent=agent, referrer=referrer)
        referrer = _HOME + page
        for asset in _ASSETS[: dice.between(0, 4)]:
            ms += dice.between(20, 400)
            status, size = (304, 0) if dice.chance(0.4) else (200, 9_214)
            yield access(ms, address, f"GET {asset}", status, size, agent=agent, referrer=referrer)
        ms += dice.between(4_000, 90_000)


def error_day(dice: Dice) -> Iterator[Line]:
    """The benign day of the error log."""
    for connection in range(40_000, 40_180):
        ms = dice.moment(PUBLIC)
        address = f"198.18.{dice.between(100, 220)}.{dice.between(1, 254)}"
        path = dice.pick(("/favicon.png", "/old/forms.pdf", "/robots.txt", "/images/mayor.jpg"))
        text = f'open() "/srv/www{path}" failed (2: No such file or directory)'
        yield error(ms, connection, text, address, f"GET {path}")
