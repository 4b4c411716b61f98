"""A small city's day of logs, and the attack story in it."""
