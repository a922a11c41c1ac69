"""Files that hold a secret: read without following a link, and only where nobody else can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cell.keys.provider import RootKeyError

_LONGEST = 4096


def read_private(path: Path, what: str) -> bytes:
    """The content of `path`, which is `what` (for the message). Raises RootKeyError."""
    try:
        # O_NOFOLLOW: a link could lead the check of the mode to one file and the read to another.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RootKeyError(
            f"The {what} {path} cannot be read ({error.strerror}): restore it from its escrow."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        content = file.read(_LONGEST)
    if mode & 0o077:
        raise RootKeyError(f"The {what} {path} is open to others (mode {mode:04o}): chmod 0600 it.")
    return content
