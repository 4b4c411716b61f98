"""One module a product, by source group; beside them the formats they share."""

from tocsin.parsers.antivirus import clamav
from tocsin.parsers.context import Parser
from tocsin.parsers.firewall import cisco_asa, fortigate, netfilter, paloalto
from tocsin.parsers.mail import postfix, spamassassin
from tocsin.parsers.server import apache, linux, nginx, squid, windows

PARSERS: dict[str, Parser] = {
    "cisco_asa": Parser("cisco_asa", "firewall", cisco_asa.parse),
    "fortigate": Parser("fortigate", "firewall", fortigate.parse),
    "netfilter": Parser("netfilter", "firewall", netfilter.parse),
    "paloalto": Parser("paloalto", "firewall", paloalto.parse),
    "postfix": Parser("postfix", "mail", postfix.parse),
    "spamassassin": Parser("spamassassin", "mail", spamassassin.parse),
    "clamav": Parser("clamav", "antivirus", clamav.parse),
    "linux": Parser("linux", "server", linux.parse),
    "windows": Parser("windows", "server", windows.parse),
    "apache": Parser("apache", "server", apache.parse),
    "nginx": Parser("nginx", "server", nginx.parse),
    "squid": Parser("squid", "server", squid.parse),
}
"""Every parser by the name that configuration gives it."""
