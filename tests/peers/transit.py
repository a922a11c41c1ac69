"""A process of ours that answers like the transit engine of Vault, written from its API's documentation. It is not Vault.

There is no Vault or OpenBao to install from Debian or PyPI. This one holds what the client must cope with: tokens, TLS with an
authority of its own, associated data, versions of a key, `min_decryption_version`, deletion, a sealed server.
"""

from __future__ import annotations

import datetime
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cell.key_config import VaultServer
from tests.peers import end, free_port, wait_for_port

TOKEN = "hvs.for-tests"


@dataclass(frozen=True, slots=True)
class Transit:
    server: VaultServer
    process: subprocess.Popen[bytes]

    def make_key(self, name: str) -> None:
        self._post(f"transit/keys/{name}", {"type": "aes256-gcm96"})

    def rotate(self, name: str) -> None:
        self._post(f"transit/keys/{name}/rotate", {})

    def configure(self, name: str, **settings: object) -> None:
        self._post(f"transit/keys/{name}/config", settings)

    def delete(self, name: str) -> None:
        self.configure(name, deletion_allowed=True)
        self._post(f"transit/keys/{name}", None, method="DELETE")

    def seal(self, sealed: bool) -> None:
        self._post("sys/seal" if sealed else "sys/unseal", {})

    def _post(self, path: str, body: object, method: str = "POST") -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.server.address}/v1/{path}", data, {"X-Vault-Token": TOKEN}, method=method
        )
        context = ssl.create_default_context(cafile=self.server.ca_file)
        with urllib.request.urlopen(request, context=context, timeout=5):
            pass


@contextmanager
def transit(folder: Path) -> Iterator[Transit]:
    certificate, token_file = folder / "transit.pem", folder / "token"
    certificate.write_bytes(_certificate())
    token_file.touch(mode=0o600)
    token_file.write_text(f"{TOKEN}\n")
    port = free_port()
    command = [sys.executable, "-m", "tests.peers.transit_server", str(port), str(certificate), TOKEN]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], start_new_session=True)
    try:
        wait_for_port(port, process)
        yield Transit(VaultServer(f"https://127.0.0.1:{port}", token_file, certificate, None), process)
    finally:
        end(process)


def _certificate() -> bytes:
    """A key and a self-signed certificate for 127.0.0.1, as PEM."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "transit.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
