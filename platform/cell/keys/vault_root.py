"""A root key in the transit engine of HashiCorp Vault or OpenBao: a key of type aes256-gcm96 that is not exportable.

`context` is the associated data of each call. Vault's own versions of the key are inside what it returns, so rotating the key
there needs nothing here; `bailiwick keys rotate-root --all` brings everything to its newest version.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from cell.key_config import RootRef, VaultServer
from cell.keys.identity import named_id
from cell.keys.private_file import read_private
from cell.keys.provider import RootKeyError, RootRefused, RootUnavailable, UnwrapError

_TIMEOUT_S = 3.0
_LONGEST_ANSWER = 1 << 16
# Vault answers 400 to a ciphertext that does not open and to one whose version is below min_decryption_version.
_NOT_OURS = ("message authentication failed", "invalid ciphertext", "could not decode", "ciphertext")
_GONE = ("not found", "disallowed", "too old")


class VaultRoot:
    """The key `ref` (``mount/name``) at `server`. A new connection for each call: there are a few a minute."""

    def __init__(self, ref: RootRef, server: VaultServer) -> None:
        self.id = named_id(ref)
        self._mount, _, self._name = ref.name.rpartition("/")
        self._server = server

    def wrap(self, key: bytes, context: bytes) -> bytes:
        answer = self._ask("encrypt", {"plaintext": _encode(key), "associated_data": _encode(context)})
        return str(answer["ciphertext"]).encode()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            ciphertext = wrapped.decode("ascii")
        except UnicodeDecodeError as error:
            raise UnwrapError("the wrapped key was altered") from error
        answer = self._ask("decrypt", {"ciphertext": ciphertext, "associated_data": _encode(context)})
        return base64.b64decode(str(answer["plaintext"]), validate=True)

    def _ask(self, operation: str, question: dict[str, str]) -> dict[str, Any]:
        server, url = self._server, urlsplit(self._server.address)
        try:
            token = read_private(server.token_file, "token for Vault").decode().strip()
        except RootKeyError as error:
            raise RootRefused(str(error)) from error
        headers = {"Content-Type": "application/json", "X-Vault-Token": token}
        if server.namespace is not None:
            headers["X-Vault-Namespace"] = server.namespace
        path = f"{url.path.rstrip('/')}/v1/{self._mount}/{operation}/{self._name}"
        try:
            connection = self._connection()
            try:
                connection.request("POST", path, json.dumps(question), headers)
                response = connection.getresponse()
                body = response.read(_LONGEST_ANSWER)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise RootUnavailable(f"Vault does not answer: {type(error).__name__}") from error
        return _data(response.status, body)

    def _connection(self) -> http.client.HTTPConnection:
        url = urlsplit(self._server.address)
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname or "", url.port or 8200, timeout=_TIMEOUT_S)
        trusted = ssl.create_default_context(cafile=self._server.ca_file)
        return http.client.HTTPSConnection(url.hostname or "", url.port or 8200, timeout=_TIMEOUT_S, context=trusted)


def _data(status: int, body: bytes) -> dict[str, Any]:
    """What the answer holds; its errors are judged and never repeated, since Vault may echo what it was sent."""
    if status == 200:
        try:
            return dict(json.loads(body)["data"])
        except (ValueError, KeyError, TypeError) as error:
            raise RootUnavailable("Vault answers something that is not its API's") from error
    said = body.decode(errors="replace").lower()
    if status == 400 and not any(word in said for word in _GONE) and any(word in said for word in _NOT_OURS):
        raise UnwrapError("the wrapped key was altered, or belongs to another place or root")
    if status in (400, 403, 404):
        raise RootRefused(f"Vault refuses the key (status {status}): check the token, its policy and the key")
    raise RootUnavailable(f"Vault does not work now (status {status})")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
