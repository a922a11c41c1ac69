"""The engine's log: one JSON object a line on stderr. Fields are names, counts and error classes, never text of a request."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(event: str, **fields: str | int | float | bool) -> None:
    """Writes one event, named like `engine.model.loaded`."""
    entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    sys.stderr.write(json.dumps(entry) + "\n")
    sys.stderr.flush()


def error_place(error: BaseException) -> str:
    """Class of `error` and where it was raised; its message is left out because it may quote what it was given."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
