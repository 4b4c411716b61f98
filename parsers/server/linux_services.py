"""Cron, systemd and its login manager, the kernel, DHCP and FTP: what their messages mean."""

from tocsin.parsers.server.linux_messages import Messages, message

CRON: Messages = {
    "": (
        message(
            r"\((?P<user>[^)]*)\) CMD \((?P<command>.*)\)",
            "cron-command",
            "process",
            "start",
            "success",
        ),
        message(
            r"\((?P<user>[^)]*)\) CMDEND \((?P<command>.*)\)", "cron-command", "process", "end"
        ),
        message(
            r"\((?P<user>[^)]*)\) REPLACE \(.*\)", "crontab-replaced", "configuration", "change"
        ),
        message(
            r"\((?P<user>[^)]*)\) DELETE \(.*\)", "crontab-deleted", "configuration", "deletion"
        ),
        message(
            r"\((?P<user>[^)]*)\) (?:BEGIN|END) EDIT \(.*\)",
            "crontab-edited",
            "configuration",
            "access",
        ),
        message(r"\((?P<user>[^)]*)\) LIST \(.*\)", "crontab-listed", "configuration", "access"),
        message(
            r"\((?P<user>[^)]*)\) RELOAD \(.*\)", "crontab-reloaded", "configuration", "change"
        ),
        message(
            r"\((?P<user>[^)]*)\) AUTH \((?P<reason>.*)\)",
            "crontab-denied",
            "configuration",
            "access",
            "failure",
        ),
        message(r"\((?P<user>[^)]*)\) MAIL \((?P<reason>.*)\)", "cron-mail"),
        message(r"\(CRON\) (?:INFO|STARTUP|info|error) \((?P<reason>.*)\)", "cron-info"),
    )
}

LOGIND: Messages = {
    "New": (
        message(
            r"New session (?P<session>\S+) of user (?P<user>\S+?)\.?"
            r"(?: with class '.*' and type '.*'\.)?",
            "logged-in",
            "session",
            "start",
            "success",
        ),
    ),
    "Session": (
        message(
            r"Session (?P<session>\S+) logged out\. Waiting for processes to exit\.",
            "logged-out",
            "session",
            "end",
            "success",
        ),
    ),
    "Removed": (
        message(r"Removed session (?P<session>\S+?)\.", "session-removed", "session", "end"),
    ),
}

_UNIT = r"(?P<service>\S+\.(?:service|socket|mount|timer|scope|slice|target|device|path|swap))"

SYSTEMD: Messages = {
    "Started": (message(r"Started .*", "unit-started"),),
    "Starting": (message(r"Starting .*", "unit-starting"),),
    "Stopped": (message(r"Stopped .*", "unit-stopped"),),
    "Stopping": (message(r"Stopping .*", "unit-stopping"),),
    "Finished": (message(r"Finished .*", "unit-finished"),),
    "Reloading": (message(r"Reloading.*", "unit-reloading"),),
    "Failed": (message(r"Failed to start .*", "unit-failed", outcome="failure"),),
    "": (
        message(
            rf"{_UNIT}: (?P<reason>Main process exited, code=\S+, status=.*)",
            "unit-process-exited",
        ),
        message(
            rf"{_UNIT}: (?P<reason>Failed with result '.*')\.", "unit-failed", outcome="failure"
        ),
        message(
            rf"{_UNIT}: (?:Succeeded|Deactivated successfully)\.", "unit-stopped", outcome="success"
        ),
        message(rf"{_UNIT}: Scheduled restart job, .*", "unit-restarting"),
    ),
}

KERNEL: Messages = {
    "Out": (
        message(
            r"Out of memory: Kill(?:ed)? process \d+ \((?P<reason>.*)\).*",
            "out-of-memory-kill",
            "process",
            "end",
        ),
    ),
    "device": (
        message(
            r"device (?P<interface>\S+) entered promiscuous mode",
            "promiscuous-mode-entered",
            "network configuration",
            "change",
        ),
        message(
            r"device (?P<interface>\S+) left promiscuous mode",
            "promiscuous-mode-left",
            "network configuration",
            "change",
        ),
    ),
    "usb": (
        message(
            r"usb \S+: new \S+ USB device number \d+ using \S+",
            "usb-device-connected",
            "host",
            "change",
        ),
        message(
            r"usb \S+: USB disconnect, device number \d+",
            "usb-device-disconnected",
            "host",
            "change",
        ),
    ),
}

DHCLIENT: Messages = {
    "DHCPACK": (
        message(
            r"DHCPACK (?:of \S+ )?from (?P<server>\S+).*",
            "dhcp-acknowledged",
            "network",
            "protocol info",
        ),
    ),
    "DHCPREQUEST": (
        message(
            r"DHCPREQUEST (?:for \S+ )?on (?P<interface>\S+) to (?P<server>\S+) "
            r"port (?P<server_port>\d+).*",
            "dhcp-requested",
            "network",
            "protocol info",
        ),
    ),
    "DHCPDISCOVER": (
        message(
            r"DHCPDISCOVER on (?P<interface>\S+) to (?P<server>\S+) port (?P<server_port>\d+).*",
            "dhcp-discovered",
            "network",
            "protocol info",
        ),
    ),
    "DHCPOFFER": (
        message(
            r"DHCPOFFER (?:of \S+ )?from (?P<server>\S+).*",
            "dhcp-offered",
            "network",
            "protocol info",
        ),
    ),
    "bound": (message(r"bound to \S+(?: -- .*)?", "dhcp-bound", "network", "protocol info"),),
}

FTPD: Messages = {
    "connection": (
        message(
            r"connection from (?P<address>\S+) \(.*\)(?: at .*)?",
            "ftp-connection",
            "network",
            "connection start",
        ),
    ),
    "ANONYMOUS": (
        message(
            r"ANONYMOUS FTP LOGIN FROM (?P<address>[^\s,]+),.*",
            "ftp-login",
            "authentication session",
            "start",
            "success",
            user__name="anonymous",
        ),
    ),
    "FTP": (
        message(
            r"FTP LOGIN FROM (?P<address>[^\s,]+)(?: \[.*\])?, (?P<user>.*)",
            "ftp-login",
            "authentication session",
            "start",
            "success",
        ),
    ),
}
