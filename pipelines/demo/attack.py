"""The lines that the attack story leaves in the city's logs; `story.STORY` tells it."""

from collections.abc import Iterator

from tocsin.pipelines.demo import antivirus, city, fortigate, linux, netfilter, sysmon, web, windows
from tocsin.pipelines.demo.city import ACCOUNTS, STAFF, WATERWORKS
from tocsin.pipelines.demo.clock import MINUTE_MS, SECOND_MS, at
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.internet import KNOCKED_PORTS
from tocsin.pipelines.demo.lines import Entry
from tocsin.pipelines.demo.mail import Letter, letter
from tocsin.pipelines.demo.sysmon import Program
from tocsin.pipelines.demo.windows import SYSTEM, Account, domain_account
from tocsin.pipelines.demo.windows_day import (
    EXPLORER,
    OUTLOOK,
    SERVICES,
    account_of,
    admin_account,
)

MAIL_SENDER = "203.0.113.45"
CONTROLLER = "203.0.113.66"
GUESSER = "203.0.113.77"
COUNTRY = "Netherlands"

VICTIM = ACCOUNTS["n.fischer"]
ATTACHMENT = "Invoice-88213.pdf.exe"
SIGNATURE = "Win.Trojan.Ledgerfox-10033271-0"

_PHISHED = ("b.novak", "d.meyer", VICTIM.user)
_CACHE = f"C:\\Users\\{VICTIM.user}\\AppData\\Local\\Microsoft\\Windows\\INetCache"
_DROPPED = f"C:\\Users\\{VICTIM.user}\\AppData\\Roaming\\ledger\\ledgersync.exe"
_OPENED = f"{_CACHE}\\Content.Outlook\\K7Q2M9ZD\\{ATTACHMENT}"
ATTACHED = Program(_OPENED, f'"{_OPENED}"', 9044)
IMPLANT = Program(_DROPPED, f'"{_DROPPED}" -s', 9260)
_SHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
_FODHELPER = Program("C:\\Windows\\System32\\fodhelper.exe", "fodhelper.exe", 9188)
_ENCODED = "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA"


def attack(dice: Dice) -> Iterator[Entry]:
    """All lines of the story, in the order of its steps."""
    yield from _probing(dice)
    yield from _phishing(dice)
    yield from _foothold(dice)
    yield from _beacon(dice)
    yield from _scan(dice)
    yield from _passwords(dice)
    yield from _lateral_movement(dice)
    yield from _new_administrator(dice)
    yield from _waterworks(dice)
    yield from _root(dice)
    yield from _spreading(dice)
    yield from _exfiltration(dice)
    yield from _impact(dice)


def _probing(dice: Dice) -> Iterator[Entry]:
    ms = at("06:44:10")
    signature = (51006, "Apache.Log4j.Error.Log.Remote.Code.Execution")
    line = fortigate.intrusion(
        ms, (CONTROLLER, COUNTRY), (city.WEB.address, 443), signature, "detected"
    )
    yield "fortigate", line
    for number, person in enumerate(STAFF[:14]):
        ms = at("07:02") + number * 70 * SECOND_MS + dice.below(9_000)
        yield "fortigate", fortigate.vpn_login_failure(ms, GUESSER, person.user, COUNTRY)


def _phishing(dice: Dice) -> Iterator[Entry]:
    for number, user in enumerate((*_PHISHED, "t.lindqvist")):
        # The fourth is of an older build, which ClamAV knows.
        known = user == "t.lindqvist"
        mail = Letter(
            sender="billing@harbour-invoices.example",
            recipients=(ACCOUNTS[user].mail,),
            client="mail.harbour-invoices.example",
            address=MAIL_SENDER,
            size=481_233 + number * 17,
            score=4.1,
            tests="HTML_MESSAGE,KAM_INVOICE,SPF_PASS,T_OBFU_ATTACH",
            subject="Overdue invoice 88213",
            attachment=ATTACHMENT,
            virus=SIGNATURE if known else "",
        )
        yield from letter(dice, at("08:41:07") + number * 19 * SECOND_MS, mail)
    ms = at("08:52:31")
    path = f"/home/v.okafor/Downloads/{ATTACHMENT}"
    yield "clamav", antivirus.found(ms, "lib-pc-03", path, SIGNATURE)


def _foothold(dice: Dice) -> Iterator[Entry]:
    host, user = VICTIM.host, account_of(VICTIM)
    ms = at("08:58:12")
    yield "windows", sysmon.file_created(ms, host, user, OUTLOOK, _OPENED)
    ms += 2_400
    yield "windows", sysmon.process(dice, ms, host, user, ATTACHED, OUTLOOK)
    ms += 41 * SECOND_MS
    shell = Program(_SHELL, f"powershell.exe -NoP -W Hidden -EncodedCommand {_ENCODED}", 9102)
    yield "windows", sysmon.process(dice, ms, host, user, shell, ATTACHED)
    yield "windows", sysmon.file_created(ms + 900, host, user, shell, _DROPPED)

    ms = at("09:05:40")
    key = f"HKU\\{VICTIM.sid}_Classes\\ms-settings\\shell\\open\\command\\(Default)"
    yield "windows", sysmon.registry_set(ms, host, user, shell, key, _DROPPED)
    ms += 3_000
    yield "windows", sysmon.process(dice, ms, host, user, _FODHELPER, shell)
    ms += 800
    yield "windows", sysmon.process(dice, ms, host, user, IMPLANT, _FODHELPER)
    ms = at("09:08:03")
    yield "windows", windows.protection_disabled(ms, host)
    ms = at("09:09:15")
    again = Program(_SHELL, f"powershell.exe -ep bypass -enc {_ENCODED}", 9377)
    yield "windows", sysmon.process(dice, ms, host, user, again, IMPLANT)
    ms = at("09:10:20")
    key = f"HKU\\{VICTIM.sid}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\LedgerSync"
    yield "windows", sysmon.registry_set(ms, host, user, IMPLANT, key, _DROPPED)


def _beacon(dice: Dice) -> Iterator[Entry]:
    for ms in dice.rhythm(at("09:12"), at("16:30"), MINUTE_MS, 3_000):
        source = (VICTIM.address, dice.between(49_152, 65_000))
        line = fortigate.traffic(
            ms,
            fortigate.INTERNET,
            source,
            (CONTROLLER, 8443),
            "tcp/8443",
            sent=dice.between(610, 680),
            received=dice.between(290, 330),
            seconds=1,
            countries=("Reserved", COUNTRY),
        )
        yield "fortigate", line


def _scan(dice: Dice) -> Iterator[Entry]:
    for number in range(110):
        ms = at("10:15:20") + number * 900 + dice.below(300)
        line = fortigate.traffic(
            ms,
            fortigate.LAN_SITES_DENY if number % 2 else fortigate.LAN_DENY,
            (VICTIM.address, 52_000 + number),
            (f"10.{20 if number % 2 else 10}.30.{number + 61}", 445),
            "SMB",
            action="deny",
        )
        yield "fortigate", line
    for number in range(90):
        ms = at("10:22:05") + number * 700 + dice.below(300)
        port = 1 + number * 37
        line = fortigate.traffic(
            ms,
            fortigate.LAN_DENY,
            (VICTIM.address, 53_000 + number),
            (city.FILES.address, port),
            f"tcp/{port}",
            action="deny",
        )
        yield "fortigate", line


def _passwords(dice: Dice) -> Iterator[Entry]:
    source, host = (VICTIM.address, VICTIM.host), city.FILES.name
    for number, person in enumerate(STAFF[:45]):
        ms = at("10:40:30") + number * 8 * SECOND_MS + dice.below(2_000)
        line = windows.failed_logon(dice, ms, host, account_of(person), 3, source)
        yield "windows", line
    backup = domain_account(city.SERVICE_ACCOUNT, 1060)
    for number in range(60):
        ms = at("10:52:00") + number * 5 * SECOND_MS + dice.below(1_500)
        yield "windows", windows.failed_logon(dice, ms, host, backup, 3, source)
    ms = at("10:57:21")
    yield "windows", windows.logon(dice, ms, host, backup, 3, source)
    yield "windows", windows.special_privileges(dice, ms + 4, host, backup)


def _lateral_movement(dice: Dice) -> Iterator[Entry]:
    host = city.FILES.name
    ms = at("11:05:48")
    command = "%COMSPEC% /C start /b \\\\127.0.0.1\\ADMIN$\\ledgersync.exe -s"
    yield "windows", windows.service_installed(ms, host, "LedgerSvc", command, "LocalSystem")
    ms += 2_000
    remote = Program("C:\\Windows\\ledgersync.exe", "ledgersync.exe -s", 4711)
    yield "windows", sysmon.process(dice, ms, host, SYSTEM, remote, SERVICES)
    ms = at("11:09:30")
    target = "C:\\Windows\\System32\\lsass.exe"
    yield "windows", sysmon.process_access(ms, host, SYSTEM, remote, target)


def _new_administrator(dice: Dice) -> Iterator[Entry]:
    thief = admin_account(0)
    source = (city.FILES.address, city.FILES.name)
    new = domain_account("helpdesk2", 1388)
    host = city.DC.name
    ms = at("11:20:11")
    yield "windows", windows.logon(dice, ms, host, thief, 3, source)
    ms += 20_000
    yield "windows", windows.account_created(dice, ms, host, new, thief)
    ms += 9_000
    group = ("Domain Admins", 512)
    yield "windows", windows.added_to_group(dice, ms, host, new, group, thief)
    ms = at("11:31:02")
    yield "windows", windows.logon(dice, ms, host, new, 10, source)


def _waterworks(dice: Dice) -> Iterator[Entry]:
    ports = (*(port for port, _ in KNOCKED_PORTS), *range(8000, 8024))
    for number, port in enumerate(ports):
        ms = at("11:46") + number * 4 * SECOND_MS + dice.below(900)
        line = netfilter.blocked(dice, ms, WATERWORKS, GUESSER, port)
        yield "netfilter", line
    host = city.JUMP.name
    for number in range(75):
        ms = at("11:55") + number * 9 * SECOND_MS + dice.below(3_000)
        source = (GUESSER, dice.between(30_000, 62_000))
        if number % 5 == 0:
            line = netfilter.forwarded_ssh(dice, ms - 700, WATERWORKS, source)
            yield "netfilter", line
        line = linux.failed_password(ms, host, "operator", source, known=True)
        yield "linux", line
    ms, source = at("12:06:48"), (GUESSER, 50_112)
    yield "netfilter", netfilter.forwarded_ssh(dice, ms - 900, WATERWORKS, source)
    for line in linux.accepted(dice, ms, host, "operator", source, "password"):
        yield "linux", line


def _root(dice: Dice) -> Iterator[Entry]:
    host = city.JUMP.name
    ms = at("12:16:02")
    yield "linux", linux.sudo(ms, host, "operator", "list")
    ms = at("12:17:20")
    yield "linux", linux.sudo(ms, host, "operator", "/usr/bin/bash")
    ms = at("12:21:33")
    yield "linux", linux.line(ms, host, "crontab", "(root) BEGIN EDIT (root)", 20_144)
    ms += 31_000
    yield "linux", linux.line(ms, host, "crontab", "(root) REPLACE (root)", 20_144)
    ms = at("12:26:10")
    text = (
        "new user: name=sysbackup, UID=0, GID=0, home=/var/lib/sysbackup, shell=/bin/bash, "
        "from=/dev/pts/1"
    )
    yield "linux", linux.line(ms, host, "useradd", text, 20_301)
    ms += 22_000
    text = "add 'sysbackup' to group 'sudo'"
    yield "linux", linux.line(ms, host, "usermod", text, 20_309)
    ms, source = at("12:31:15"), (GUESSER, 50_377)
    yield "netfilter", netfilter.forwarded_ssh(dice, ms - 900, WATERWORKS, source)
    for line in linux.accepted(dice, ms, host, "sysbackup", source, "password"):
        yield "linux", line


def _spreading(dice: Dice) -> Iterator[Entry]:
    for number, person in enumerate(STAFF[20:100]):
        mail = Letter(
            sender=VICTIM.mail,
            recipients=(person.mail,),
            client=city.fqdn(VICTIM.host.lower()),
            address=VICTIM.address,
            size=481_870,
            sasl_user=VICTIM.user,
        )
        yield from letter(dice, at("12:41") + number * 4 * SECOND_MS, mail)
    for time, host, user in (
        ("13:04:10", "sch-pc-02", "o.garcia"),
        ("13:15:52", "fb-pc-01", "r.weber"),
        ("13:22:07", "lib-pc-05", "h.ahmadi"),
        ("13:41:35", "sch-pc-09", "e.brandt"),
    ):
        ms = at(time)
        path = f"/home/{user}/Downloads/{ATTACHMENT}"
        yield "clamav", antivirus.found(ms, host, path, SIGNATURE)


def _exfiltration(dice: Dice) -> Iterator[Entry]:
    for number in range(12):
        ms = at("14:10:30") + number * 3 * MINUTE_MS + dice.below(20_000)
        line = fortigate.traffic(
            ms,
            fortigate.SERVERS_OUT,
            (city.FILES.address, dice.between(49_152, 65_000)),
            (CONTROLLER, 443),
            "HTTPS",
            sent=dice.between(171_000_000, 179_000_000),
            received=dice.between(300_000, 400_000),
            seconds=dice.between(140, 170),
            countries=("Reserved", COUNTRY),
        )
        yield "fortigate", line
    for number in range(4):
        ms = at("15:06") + number * 17 * SECOND_MS
        request = "POST /uploads/harbour-festival.php"
        line = web.access(ms, CONTROLLER, request, 200, 1_204 + number, agent="curl/8.5.0")
        yield "nginx", line


def _impact(dice: Dice) -> Iterator[Entry]:
    host = city.FILES.name
    thief = Account("helpdesk2", domain_account("helpdesk2", 1388).sid)
    ms = at("15:30:40")
    command = "vssadmin.exe Delete Shadows /All /Quiet"
    shadow = Program("C:\\Windows\\System32\\vssadmin.exe", command, 5520)
    yield "windows", sysmon.process(dice, ms, host, thief, shadow, EXPLORER)
    locker = Program("C:\\Windows\\Temp\\ledgerlock.exe", "ledgerlock.exe D:\\Shares", 5601)
    ms += 20_000
    yield "windows", sysmon.process(dice, ms, host, thief, locker, EXPLORER)
    for number in range(420):
        ms += dice.between(200, 900)
        department = ("Council", "Finance", "Permits", "Schools")[number % 4]
        path = f"D:\\Shares\\{department}\\document-{number:04}.docx.ledger"
        yield "windows", sysmon.file_created(ms, host, thief, locker, path)
    ms = at("15:51:09")
    yield "windows", windows.log_cleared(ms, host, thief)
