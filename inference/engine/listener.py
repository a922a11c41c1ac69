"""The socket file an engine listens on."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

MAX_SOCKET_PATH = 107


class SocketError(Exception):
    """The socket path cannot be used; the message says what to do."""


def listen(path: Path) -> tuple[socket.socket, int]:
    """A listening Unix socket at `path`, mode 0600, and its inode. Replaces a socket file that nobody listens on.

    Raises SocketError when another engine listens there, or when something that is no socket is in the way.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise SocketError(f"the socket path has more than {MAX_SOCKET_PATH} bytes; give a shorter --socket")
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise SocketError(f"{path} exists and is not a socket; remove it or give another --socket")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise SocketError(f"another engine listens on {path}; stop it or give another --socket")
    listener = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise SocketError(f"cannot make the socket {path}: {error.strerror}; check its folder") from None
    finally:
        os.umask(previous)
    listener.listen(128)
    return listener, path.stat().st_ino


def unlink(path: Path, inode: int) -> None:
    """Removes the socket file unless another engine has put its own there meanwhile."""
    if path.exists() and path.stat().st_ino == inode:
        path.unlink()
