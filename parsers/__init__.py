"""One module a product, by source group; beside them the formats they share."""

from tocsin.parsers.context import Parser
from tocsin.parsers.firewall import fortigate, netfilter
from tocsin.parsers.server import linux, nginx, windows

PARSERS: dict[str, Parser] = {
    "fortigate": Parser("fortigate", "firewall", fortigate.parse),
    "netfilter": Parser("netfilter", "firewall", netfilter.parse),
    "linux": Parser("linux", "server", linux.parse),
    "windows": Parser("windows", "server", windows.parse),
    "nginx": Parser("nginx", "server", nginx.parse),
}
"""Every parser by the name that configuration gives it."""
