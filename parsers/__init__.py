"""One module a product, by source group; beside them the formats they share."""

from tocsin.parsers.context import Parser

PARSERS: dict[str, Parser] = {}
"""Every parser by the name that configuration gives it."""
