"""Credentials of the object store, from a file that nobody else can read, in the form of the AWS SDK's own files."""

from __future__ import annotations

import configparser
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cell.objects.errors import StoreRefused


@dataclass(frozen=True, slots=True)
class Credentials:
    """None throughout: the SDK looks where it always looks (environment, web identity, instance)."""

    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, path: Path | None) -> Credentials:
        """From the file's section `default`. Raises StoreRefused, which says nothing of its content."""
        if path is None:
            return cls()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreRefused(f"the credentials {path} cannot be read: {error.strerror}") from None
        with os.fdopen(descriptor) as file:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o037:
                raise StoreRefused(f"the credentials {path} are open to others: chmod 0600")
            text = file.read()
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text)
            found = dict(parser["default"])
            return cls(found["aws_access_key_id"], found["aws_secret_access_key"], found.get("aws_session_token"))
        except (configparser.Error, KeyError, UnicodeDecodeError):
            raise StoreRefused(
                f"the credentials {path} must have a section [default] with aws_access_key_id and aws_secret_access_key"
            ) from None


def stamp(path: Path | None) -> tuple[int, int] | None:
    """Differs once the file has been replaced or rewritten. None where it is not there."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
