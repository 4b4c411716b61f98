"""The way of a record: the stages, the hosts that drive them, and the command."""

import logging

# Beam remarks at every start, through the root logger, that a Google client library is missing.
# Nothing here uses it, and a user of `tocsin demo` would take the remark for a fault.
logging.getLogger().addFilter(lambda record: "apitools not found" not in str(record.msg))
