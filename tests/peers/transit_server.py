"""``python -m tests.peers.transit_server PORT PEM TOKEN``: see `tests.peers.transit`. It is not Vault."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, list(errors)


@dataclass
class TransitKey:
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    min_decryption_version: int = 1
    deletion_allowed: bool = False

    def encrypt(self, body: dict[str, str]) -> dict[str, Any]:
        nonce, version = os.urandom(12), len(self.versions)
        sealed = AESGCM(self.versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), _associated(body))
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(nonce + sealed).decode()}", "key_version": version}

    def decrypt(self, body: dict[str, str]) -> dict[str, Any]:
        prefix, version, text = [*body["ciphertext"].split(":", 2), "", ""][:3]
        if prefix != "vault" or not version[1:].isdecimal():
            raise Refused(400, "invalid ciphertext: no prefix")
        number = int(version[1:])
        if number > len(self.versions) or number < 1:
            raise Refused(400, "invalid ciphertext: version is too new")
        if number < self.min_decryption_version:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError:
            raise Refused(400, "invalid ciphertext: could not decode base64") from None
        try:
            plain = AESGCM(self.versions[number - 1]).decrypt(raw[:12], raw[12:], _associated(body))
        except (InvalidTag, ValueError):
            raise Refused(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}


def _associated(body: dict[str, str]) -> bytes:
    return base64.b64decode(body.get("associated_data", ""))


class Transit:
    def __init__(self, token: str) -> None:
        self.token, self.sealed, self.keys = token, False, dict[str, TransitKey]()

    def answer(self, method: str, path: str, token: str | None, body: dict[str, Any]) -> dict[str, Any] | None:
        if path == "sys/unseal":
            self.sealed = False
            return None
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if token != self.token:
            raise Refused(403, "permission denied")
        if path == "sys/seal":
            self.sealed = True
            return None
        parts = path.split("/")
        if parts[0] != "transit" or len(parts) < 3:
            raise Refused(404, "no handler for route")
        if parts[1] == "keys":
            return self._manage(method, parts[2], parts[3:], body)
        key = self.keys.get(parts[2])
        if key is None:
            raise Refused(400, "encryption key not found")
        return key.encrypt(body) if parts[1] == "encrypt" else key.decrypt(body)

    def _manage(self, method: str, name: str, rest: list[str], body: dict[str, Any]) -> None:
        if method == "DELETE":
            if not self.keys[name].deletion_allowed:
                raise Refused(400, "deletion is not allowed for this key")
            del self.keys[name]
        elif not rest:
            self.keys.setdefault(name, TransitKey())
        elif rest == ["rotate"]:
            self.keys[name].versions.append(os.urandom(32))
        elif rest == ["config"]:
            for setting, value in body.items():
                setattr(self.keys[name], setting, value)


class Handler(BaseHTTPRequestHandler):
    transit: Transit

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            path = self.path.removeprefix("/v1/")
            data = self.transit.answer(
                self.command, path, self.headers.get("X-Vault-Token"), json.loads(raw) if raw else {}
            )
            status, content = (204, b"") if data is None else (200, json.dumps({"data": data}).encode())
        except Refused as error:
            status, content = error.status, json.dumps({"errors": error.errors}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
        pass


def main(port: int, pem: str, token: str) -> None:
    Handler.transit = Transit(token)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
