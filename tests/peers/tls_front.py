"""TLS in front of a program that listens on the loopback address: what whoever runs a witness puts there."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.peers.certificates import Signed


@contextmanager
def fronted(port: int, signed: Signed, folder: Path) -> Iterator[str]:
    """Passes what comes in over TLS on to `port`, there and back; gives the address, of `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*signed.written(folder, "front"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, context, port), daemon=True).start()
        yield f"https://localhost:{server.getsockname()[1]}"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            plain, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_pass, args=(plain, context, port), daemon=True).start()


def _pass(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One request, whose length it says, and one answer, which ends with the connection."""
    with suppress(OSError), context.wrap_socket(plain, server_side=True) as client:
        with socket.create_connection(("127.0.0.1", port)) as behind:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65_536)
            behind.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            _, _, body = head.partition(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n\r\n")[0].lower().split(b"\r\n")[1:])
            for _ in range(int(fields[b"content-length"]) - len(body)):
                piece = client.recv(65_536)
                behind.sendall(piece)
                body += piece
                if len(body) >= int(fields[b"content-length"]):
                    break
            while answer := behind.recv(65_536):
                client.sendall(answer)
        client.unwrap()
