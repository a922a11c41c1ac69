"""A SIEM of the tour's own: an HTTPS server on this machine that takes signed webhooks, as a customer's would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOST = "127.0.0.1"


class Siem:
    """Listens while it is entered. Takes only what `secret` signed (Standard Webhooks 1.0, v1), and keeps the lines."""

    def __init__(self) -> None:
        key = secrets.token_bytes(32)
        self.secret = f"whsec_{base64.b64encode(key).decode()}"
        self.lines: list[bytes] = []
        self.refused = 0
        """Calls whose signature was not of the secret."""
        self.authority, private = _certificate()
        """PEM of the certificate, which is its own authority."""
        self._server = ThreadingHTTPServer((_HOST, 0), _handler(self, key))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(mode="w", suffix=".pem") as file:
            file.write(private + self.authority)
            file.flush()
            context.load_cert_chain(Path(file.name))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"https://{_HOST}:{self._server.server_address[1]}/bailiwick"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(siem: Siem, key: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            mine = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
            genuine = any(hmac.compare_digest(mine, one) for one in self.headers["webhook-signature"].split())
            if genuine:
                siem.lines += body.splitlines()
            else:
                siem.refused += 1
            self.send_response(204 if genuine else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Says nothing: the tour does."""

    return Handler


def _certificate() -> tuple[str, str]:
    """A certificate of this address that signed itself, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tour's SIEM")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
