"""The attack story: what happens on the demo's day, step by step, and which rules must tell of it.

`tocsin.pipelines.demo.attack` writes its lines; rules are named by their titles, as alerts name
them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when it begins and ends (`HH:MM`), whose logs show it, who is hit, what happens.

    Each of `rules` must give an alert whose time lies between the two.
    """

    start: str
    end: str
    group: str
    entity: str
    what: str
    rules: tuple[str, ...]


STORY = (
    Step(
        "06:40",
        "07:30",
        "firewall",
        "FG-CITYHALL",
        "From outside, the website is probed and one password is tried on many VPN accounts.",
        ("Attack detected but not blocked", "Password spraying against the VPN"),
    ),
    Step(
        "08:41",
        "08:45",
        "mail",
        "mx1",
        "Invoices with a program inside reach four people; one variant is caught, three are not.",
        ("Program attached under a document's name", "Malware in a mail"),
    ),
    Step(
        "08:50",
        "08:58",
        "antivirus",
        "lib-pc-03",
        "At the library ClamAV finds the attachment as it is saved.",
        ("Malware found",),
    ),
    Step(
        "08:58",
        "09:05",
        "server",
        "CH-WS-014",
        "At the city hall it is missed: n.fischer opens the attachment, which starts PowerShell.",
        (
            "Program opened from a mail",
            "Encoded PowerShell command",
            "Program in a mail, then one opened from a mail",
            "Program opened from a mail, then a detection on the same host",
            "Program opened from a mail and no antivirus finding on its host",
        ),
    ),
    Step(
        "09:05",
        "09:20",
        "server",
        "CH-WS-014",
        "It gets past User Account Control, switches Defender off and will start at each logon.",
        (
            "User Account Control bypassed",
            "Antivirus protection switched off",
            "Antivirus weakened, then a suspicious process",
            "Program in a user's folder starts at logon",
        ),
    ),
    Step(
        "09:12",
        "16:30",
        "firewall",
        "10.10.20.24",
        "The workstation calls its controller every minute.",
        ("Regular connections to one address on an unusual port",),
    ),
    Step(
        "10:15",
        "10:35",
        "firewall",
        "10.10.20.24",
        "It scans the servers' network and the waterworks; the firewall refuses.",
        ("Internal scan of many hosts", "Internal scan of many ports"),
    ),
    Step(
        "10:40",
        "11:05",
        "server",
        "CH-FS01",
        "One password is tried on all accounts, many on svc-backup, until one is right.",
        (
            "Password spraying against many accounts",
            "Windows password guessed",
            "Account under guessing holds administrators' privileges",
        ),
    ),
    Step(
        "11:05",
        "11:20",
        "server",
        "CH-FS01",
        "A service started from afar reads the memory of LSASS: an administrator's password.",
        ("Service that runs a shell", "Memory of LSASS read"),
    ),
    Step(
        "11:20",
        "11:40",
        "server",
        "CH-DC01",
        "A new account becomes a domain administrator and logs on.",
        (
            "Member added to an administrators' group",
            "New account, made privileged, then used",
        ),
    ),
    Step(
        "11:45",
        "12:15",
        "server",
        "ww-jump01",
        "At the waterworks an address is refused at many ports, then guesses the operator's "
        "password for SSH.",
        (
            "Refused at many ports, then let in to remote administration",
            "SSH password guessed",
            "VPN accounts tried, then logged in by SSH from the same address",
        ),
    ),
    Step(
        "12:15",
        "12:35",
        "server",
        "ww-jump01",
        "The intruder becomes root, leaves a job in its crontab and an account of its own.",
        (
            "Root shell by sudo",
            "Root's crontab replaced",
            "Account with the identity of root",
            "New Linux account, made privileged, then used",
        ),
    ),
    Step(
        "12:40",
        "12:55",
        "mail",
        "n.fischer",
        "From n.fischer's account the invoice goes to eighty colleagues.",
        ("One account sends very many mails",),
    ),
    Step(
        "13:00",
        "13:50",
        "antivirus",
        "sch-pc-02",
        "ClamAV finds it at the school, the fire brigade and the library.",
        ("Malware found", "Malware on several hosts within an hour"),
    ),
    Step(
        "14:10",
        "14:50",
        "firewall",
        "10.10.30.20",
        "The file server sends its shares to the controller: two gigabytes.",
        ("Large volume sent to one address",),
    ),
    Step(
        "15:05",
        "15:10",
        "server",
        "www1",
        "A script left in the website's upload folder is called.",
        ("Script run from an upload folder",),
    ),
    Step(
        "15:30",
        "15:45",
        "server",
        "CH-FS01",
        "Shadow copies are deleted and files are encrypted under new names.",
        ("Shadow copies deleted", "Mass renaming of files"),
    ),
    Step(
        "15:50",
        "15:55",
        "server",
        "CH-FS01",
        "The Security log is cleared.",
        ("Security log cleared",),
    ),
)
