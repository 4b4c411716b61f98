"""A quiet day of the Windows machines: people log on, mistype, work, and go home."""

from collections.abc import Iterator

from tocsin.pipelines.demo import city, sysmon, windows
from tocsin.pipelines.demo.city import STAFF, WINDOWS_SERVERS, Person
from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS, at
from tocsin.pipelines.demo.dice import OFFICE, Dice
from tocsin.pipelines.demo.internet import SITES
from tocsin.pipelines.demo.lines import Line
from tocsin.pipelines.demo.sysmon import Program
from tocsin.pipelines.demo.windows import SYSTEM, Account, domain_account

_SYSTEM = "C:\\Windows\\System32"
_OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16"
_EDGE = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
_DEFENDER = "C:\\Program Files\\Windows Defender"
_ZIP = "C:\\Program Files\\7-Zip\\7zFM.exe"


def _program(image: str, arguments: str = "", pid: int = 4120) -> Program:
    return Program(image, f'"{image}" {arguments}'.rstrip(), pid)


EXPLORER = Program("C:\\Windows\\explorer.exe", "C:\\Windows\\Explorer.EXE", 5108)
SERVICES = Program(f"{_SYSTEM}\\services.exe", f"{_SYSTEM}\\services.exe", 684)
OUTLOOK = _program(f"{_OFFICE}\\OUTLOOK.EXE", pid=6212)
BROWSER = _program(_EDGE, "--profile-directory=Default", 7340)

_STARTED = (
    (OUTLOOK, EXPLORER),
    (BROWSER, EXPLORER),
    (_program(f"{_OFFICE}\\WINWORD.EXE", '/n "H:\\minutes.docx"'), EXPLORER),
    (_program(f"{_OFFICE}\\EXCEL.EXE", '"H:\\budget-2027.xlsx"'), EXPLORER),
    (_program(f"{_OFFICE}\\WINWORD.EXE", '/n "H:\\letter.docx"'), OUTLOOK),
    (_program(f"{_SYSTEM}\\notepad.exe"), EXPLORER),
    (_program(_ZIP), EXPLORER),
    (_program(f"{_SYSTEM}\\mspaint.exe"), EXPLORER),
    (_program(_EDGE, "--type=renderer --lang=en-GB"), BROWSER),
    (_program(_EDGE, "--type=utility --utility-sub-type=network.mojom"), BROWSER),
)
_HOUSEKEEPING = (
    _program(f"{_SYSTEM}\\svchost.exe", "-k netsvcs -p"),
    _program(f"{_SYSTEM}\\taskhostw.exe", "Install $(Arg0)"),
    _program(f"{_SYSTEM}\\wsqmcons.exe"),
    _program(f"{_SYSTEM}\\dllhost.exe", "/Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}"),
    _program(f"{_DEFENDER}\\MpCmdRun.exe", "SignatureUpdate"),
)
_SETTINGS = (
    "HKU\\{sid}\\Software\\Microsoft\\Office\\16.0\\Common\\Roaming\\Identities",
    "HKU\\{sid}\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\FileExts\\.docx",
    "HKLM\\System\\CurrentControlSet\\Services\\Tcpip\\Parameters\\DhcpDomain",
)


def account_of(person: Person) -> Account:
    """The domain account of a member of staff."""
    return Account(person.user, person.sid)


def admin_account(number: int) -> Account:
    """The domain account of one of the administrators."""
    return domain_account(city.ADMINS[number], 1050 + number)


def windows_day(dice: Dice) -> Iterator[Line]:
    """The benign day of workstations and servers, in no order."""
    for person in STAFF:
        yield from _presence(dice, person)
        yield from _work(dice, person)
        yield from _housekeeping(dice, person.host)
    for server in WINDOWS_SERVERS:
        yield from _server(dice, server)
    yield from _administration(dice)


def _presence(dice: Dice, person: Person) -> Iterator[Line]:
    account, console = account_of(person), ("127.0.0.1", person.host)
    network = (person.address, person.host)
    arrival = at("07:25") + dice.below(110 * MINUTE_MS)
    for ms in (arrival, at("13:20") + dice.below(40 * MINUTE_MS)):
        if dice.chance(0.12):
            for back in range(dice.between(1, 3)):
                before = ms - 7_000 * (back + 1)
                yield windows.failed_logon(dice, before, person.host, account, 2, console)
        yield windows.logon(dice, ms, person.host, account, 2, console)
        yield windows.ticket(dice, ms + 80, city.DC.name, account, person.address)
    for _ in range(22):
        ms = min(dice.moment(OFFICE), DAY_MS - HOUR_MS)
        server = dice.pick((city.DC, city.FILES, city.FILES, city.APPLICATIONS)).name
        yield windows.logon(dice, ms, server, account, 3, network)
        ms += dice.between(10_000, 900_000)
        yield windows.logoff(dice, ms, server, account, 3)
    leaving = at("15:45") + dice.below(150 * MINUTE_MS)
    yield windows.logoff(dice, leaving, person.host, account, 2)


def _work(dice: Dice, person: Person) -> Iterator[Line]:
    account = account_of(person)
    for _ in range(dice.between(60, 100)):
        ms = dice.moment(OFFICE)
        program, parent = dice.pick(_STARTED)
        pid = dice.between(1_000, 16_000)
        started = Program(program.image, program.command_line, pid)
        yield sysmon.process(dice, ms, person.host, account, started, parent)
    for _ in range(dice.between(70, 110)):
        ms = dice.moment(OFFICE)
        site = dice.pick(SITES)
        yield sysmon.dns_query(ms, person.host, account, BROWSER, site.name, site.address)
        if dice.chance(0.5):
            source = (person.address, dice.between(49_152, 65_000))
            target = (site.address, 443)
            yield sysmon.connection(ms + 40, person.host, account, BROWSER, source, target)
    for number in range(dice.between(8, 24)):
        ms = dice.moment(OFFICE)
        path = (
            f"C:\\Users\\{person.user}\\AppData\\Local\\Temp\\~WRS{number:04}{dice.below(999)}.tmp"
        )
        yield sysmon.file_created(ms, person.host, account, OUTLOOK, path)


def _housekeeping(dice: Dice, host: str) -> Iterator[Line]:
    for _ in range(34):
        ms = dice.between(0, DAY_MS - MINUTE_MS)
        program = dice.pick(_HOUSEKEEPING)
        started = Program(program.image, program.command_line, dice.between(1_000, 16_000))
        yield sysmon.process(dice, ms, host, SYSTEM, started, SERVICES)
    for _ in range(8):
        ms = dice.between(0, DAY_MS - MINUTE_MS)
        key = dice.pick(_SETTINGS).format(sid="S-1-5-18")
        yield sysmon.registry_set(ms, host, SYSTEM, SERVICES, key, "Binary Data")
    ms = at("04:00") + dice.below(3 * HOUR_MS)
    yield windows.signatures_updated(ms, host)


def _server(dice: Dice, server: city.Server) -> Iterator[Line]:
    yield from _housekeeping(dice, server.name)
    local = ("-", "-")
    for ms in dice.rhythm(0, DAY_MS - 5 * MINUTE_MS, 5 * MINUTE_MS, 3_000):
        yield windows.logon(dice, ms, server.name, SYSTEM, 5, local)
        yield windows.special_privileges(dice, ms + 2, server.name, SYSTEM)
    backup = domain_account(city.SERVICE_ACCOUNT, 1060)
    copier = Program("C:\\Program Files\\Tarrow Backup\\agent.exe", "agent.exe --nightly", 2204)
    source = (city.BACKUP.address, city.BACKUP.name)
    for ms in dice.rhythm(at("00:30"), at("04:30"), HOUR_MS, MINUTE_MS):
        yield windows.logon(dice, ms, server.name, backup, 3, source)
        for number in range(60):
            file_ms = ms + number * 1_500
            path = f"D:\\Staging\\{server.name}\\set-{ms // HOUR_MS:02}-{number:03}.tbk"
            yield sysmon.file_created(file_ms, server.name, backup, copier, path)


def _administration(dice: Dice) -> Iterator[Line]:
    for _ in range(60):
        ms = min(dice.moment(OFFICE), DAY_MS - HOUR_MS)
        number = dice.below(len(city.ADMINS))
        account = admin_account(number)
        server = dice.pick(WINDOWS_SERVERS).name
        source = (f"10.10.70.{11 + number}", f"CH-ADM-{number + 1}")
        if dice.chance(0.1):
            before = ms - 8_000
            yield windows.failed_logon(dice, before, server, account, 10, source)
        yield windows.logon(dice, ms, server, account, 10, source)
        yield windows.special_privileges(dice, ms + 5, server, account)
        ms += dice.between(60_000, 1_800_000)
        yield windows.logoff(dice, ms, server, account, 10)
    # A new colleague at the library: an account, the staff's group, a first logon.
    ms, creator = at("09:32:10"), admin_account(2)
    newcomer = domain_account("s.lindholm", 1301)
    yield windows.account_created(dice, ms, city.DC.name, newcomer, creator)
    ms += 40_000
    yield windows.added_to_group(dice, ms, city.DC.name, newcomer, ("Staff", 1101), creator)
    ms += 55 * MINUTE_MS
    yield windows.logon(dice, ms, "LIB-WS-012", newcomer, 2, ("127.0.0.1", "LIB-WS-012"))
    ms = at("10:05:31")
    path = '"C:\\Program Files\\Tarrow Backup\\agent.exe" --service'
    yield windows.service_installed(ms, city.APPLICATIONS.name, "TarrowBackup", path, "LocalSystem")
