"""`related.*`: every address, user, host and hash of an event, where analysts pivot on them."""

from tocsin.schemas.events import Event

RELATED = {
    **dict.fromkeys(
        (
            "client.ip",
            "client.nat.ip",
            "destination.ip",
            "destination.nat.ip",
            "dns.resolved_ip",
            "host.ip",
            "network.forwarded_ip",
            "observer.ip",
            "server.ip",
            "source.ip",
            "source.nat.ip",
        ),
        "related.ip",
    ),
    **dict.fromkeys(
        (
            "client.user.name",
            "destination.user.name",
            "process.parent.user.name",
            "process.user.name",
            "server.user.name",
            "source.user.name",
            "user.changes.name",
            "user.effective.name",
            "user.name",
            "user.target.name",
            "winlog.event_data.SubjectUserName",
        ),
        "related.user",
    ),
    **dict.fromkeys(
        (
            "client.domain",
            "destination.domain",
            "dns.question.name",
            "host.hostname",
            "host.name",
            "observer.hostname",
            "observer.name",
            "server.domain",
            "source.domain",
            "url.domain",
        ),
        "related.hosts",
    ),
    **{
        f"{owner}.hash.{kind}": "related.hash"
        for owner in ("dll", "email.attachments.file", "file", "process", "process.parent")
        for kind in ("md5", "sha1", "sha256", "sha512", "ssdeep", "tlsh", "imphash")
    },
    **{
        f"{owner}.pe.imphash": "related.hash"
        for owner in ("dll", "file", "process", "process.parent")
    },
}
"""Which `related` field takes the values of which ECS field."""


_NOBODY = frozenset({"", "-"})


def add_related(event: Event) -> None:
    """Add to `event` the `related.*` fields of its values: in order, each value once."""
    found: dict[str, dict[str, None]] = {}
    for key, value in event.items():
        target = RELATED.get(key)
        if target is None:
            continue
        values = found.setdefault(target, {})
        for member in value if isinstance(value, list) else (value,):
            if isinstance(member, str) and member not in _NOBODY:
                values[member] = None
    for target, values in found.items():
        present = dict.fromkeys(event.get(target, ()))
        if present or values:
            event[target] = list(present | values)
