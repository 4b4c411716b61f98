"""The fields of events: vendor roots and ECS field sets."""

VENDOR_ROOTS = (
    "clamav",
    "fortinet.firewall",
    "iptables",
    "nginx",
    "postfix",
    "spamassassin",
    "system",
    "winlog",
)
"""Below these, parsers keep what a vendor says in the vendor's own names."""

ROOTS = frozenset(root.partition(".")[0] for root in VENDOR_ROOTS) | {
    "client", "cloud", "destination", "dns", "ecs", "email", "error", "event", "file", "group",
    "host", "http", "log", "network", "observer", "organization", "package", "process",
    "registry", "related", "rule", "server", "service", "source", "threat", "tls", "tocsin",
    "url", "user", "user_agent", "vulnerability",
}  # fmt: skip
