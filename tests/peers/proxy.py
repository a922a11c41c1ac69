"""A TCP proxy on loopback that does what networks do: cuts, loses answers, alters bytes, swallows everything."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread

_BLOCK_BYTES = 1 << 16


@dataclass(slots=True)
class Proxy:
    """Faults are set while it runs, hold for all connections, and are used up one by one."""

    target: tuple[str, int]
    port: int = 0
    connections: int = 0
    """How many were made so far."""
    cuts_down: list[int] = field(default_factory=list)
    """After how many bytes of answers, counted from the last cut, the connection that has them is reset."""
    lost_answers: list[bytes] = field(default_factory=list)
    """A request that has these bytes in its beginning reaches the server; the connection is reset in place of the answer."""
    altered: int = 0
    """How many blocks of requests arrive with one bit turned around."""
    silent: bool = False
    """New connections are taken, and nothing more."""
    _down: int = 0
    _lock: Lock = field(default_factory=Lock)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        if self.silent:
            with client, contextlib.suppress(OSError):
                client.settimeout(60)
                while client.recv(_BLOCK_BYTES):
                    pass
            return
        with client, socket.create_connection(self.target) as server:
            lost: list[bytes] = []
            up = Thread(target=self._up, args=(client, server, lost), daemon=True)
            up.start()
            with contextlib.suppress(OSError):
                while block := server.recv(_BLOCK_BYTES):
                    sent = 0 if lost else self._allowed(len(block))
                    client.sendall(block[:sent])
                    if sent < len(block):
                        # A reset, as from a machine that is gone, and not an orderly end.
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        break
            # Not `close`: it would not end what the other thread waits for.
            for end, how in ((client, socket.SHUT_RD), (server, socket.SHUT_RDWR)):
                with contextlib.suppress(OSError):
                    end.shutdown(how)
            up.join()

    def _up(self, client: socket.socket, server: socket.socket, lost: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while block := client.recv(_BLOCK_BYTES):
                server.sendall(self._changed(block))
                with self._lock:
                    if self.lost_answers and self.lost_answers[0] in block:
                        lost.append(self.lost_answers.pop(0))
            server.shutdown(socket.SHUT_WR)

    def _allowed(self, length: int) -> int:
        with self._lock:
            if not self.cuts_down or self._down + length < self.cuts_down[0]:
                self._down += length
                return length
            allowed = self.cuts_down.pop(0) - self._down
            self._down = 0
            return allowed

    def _changed(self, block: bytes) -> bytes:
        with self._lock:
            # Of a body, never of the head that comes in a small block of its own.
            if not self.altered or len(block) < _BLOCK_BYTES // 4:
                return block
            self.altered -= 1
            return block[:-1] + bytes([block[-1] ^ 1])


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Before the server that listens at `port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Proxy(("127.0.0.1", port), int(listener.getsockname()[1]))
        thread = Thread(target=running.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
