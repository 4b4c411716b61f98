"""What the demo's logs are made of."""

Line = tuple[int, str]
"""A line of a log and its time, in milliseconds since midnight."""

Entry = tuple[str, Line]
"""A line and the name of the log that it stands in."""
