"""What a URL says, in ECS fields; its text is never decoded, so rules see what was sent."""

from urllib.parse import urlsplit

from tocsin.schemas.events import Event

_LONGEST_EXTENSION = 12


def set_url(event: Event, url: str) -> None:
    """Set `url.*` of `event` from `url`: absolute, or a path with or without query.

    `url.original` always; a `url.domain` that is there already stays.
    """
    event["url.original"] = url
    path = url
    if not url.startswith("/"):
        try:
            parts = urlsplit(url)
            domain, number = parts.hostname, parts.port
        except ValueError:
            return
        if not parts.scheme or not domain:
            return
        event["url.full"] = url
        event["url.scheme"] = parts.scheme
        event.setdefault("url.domain", domain)
        if number is not None:
            event["url.port"] = number
        path = url[url.index("//") + 2 :]
        slash = path.find("/")
        path = path[slash:] if slash >= 0 else ""
    path, _, fragment = path.partition("#")
    path, _, query = path.partition("?")
    if path:
        event["url.path"] = path
        name = path.rpartition("/")[2]
        if "." in name:
            extension = name.rpartition(".")[2]
            if extension and len(extension) <= _LONGEST_EXTENSION:
                event["url.extension"] = extension
    if query:
        event["url.query"] = query
    if fragment:
        event["url.fragment"] = fragment
