"""Fields."""

VENDOR_ROOTS = frozenset(root.partition(".")[0] for root in VENDOR_ROOTS) | {
    "client", "cloud", "destination", "dns", "ecs", "email", "error", "event", "file", "group",
    "host", "http", "log", "network", "observer", "organization", "package", "process",
    "registry", "related", "rule", "server", "service", "source", "threat", "tls", "tocsin",
    "url", "user", "user_agent", "vulnerability",
}  # fmt: skip
