"""The way of a record: the stages, the hosts that drive them, and the command."""
