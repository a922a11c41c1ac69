"""An HTTPS webhook, signed as Standard Webhooks 1.0.0 says (github.com/standard-webhooks/standard-webhooks, spec).

``webhook-id`` is the batch's key, the same each time it is sent; ``webhook-timestamp`` the time of the attempt;
``webhook-signature`` one signature for each secret, so that a receiver can change its secret without missing a batch: `v1,` is
HMAC-SHA256, `v1a,` Ed25519, in base64, over ``id.timestamp.body``. Any status from 200 to 299 acknowledges.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.destinations.errors import Misconfigured
from audit.destinations.https import HttpsClient, check
from audit.destinations.interface import Batch, Evidence, Receipt

SYMMETRIC, ASYMMETRIC, PUBLIC = "whsec_", "whsk_", "whpk_"
_MOST_SECRETS = 3
_Sign = Callable[[bytes], str]


class Webhook:
    """`secrets` are 1 to 3, newest first. Raises Misconfigured."""

    def __init__(
        self, client: HttpsClient, path: str, secrets: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        if not 1 <= len(secrets) <= _MOST_SECRETS:
            raise Misconfigured(f"a webhook has 1 to {_MOST_SECRETS} signing secrets")
        self._client, self._path, self._clock = client, path, clock
        self._signers = [_signer(secret) for secret in secrets]

    def send(self, batch: Batch) -> Receipt:
        body, timestamp = batch.content, int(self._clock())
        signed = b"%s.%d.%s" % (batch.key.encode(), timestamp, body)
        headers = {
            "Content-Type": batch.content_type,
            "User-Agent": "Bailiwick",
            "webhook-id": batch.key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign(signed) for sign in self._signers),
        }
        check(self._client.post(self._path, headers, body))
        return Receipt(Evidence.ACCEPTED, hashlib.sha256(body).hexdigest())


def public_key(secret: str) -> str | None:
    """What the receiver checks signatures by, as ``whpk_…``; None for a symmetric secret. Raises Misconfigured."""
    if not secret.startswith(ASYMMETRIC):
        _signer(secret)
        return None
    return PUBLIC + base64.b64encode(_private_key(secret).public_key().public_bytes_raw()).decode()


def _signer(secret: str) -> _Sign:
    if secret.startswith(ASYMMETRIC):
        private = _private_key(secret)
        return lambda signed: f"v1a,{base64.b64encode(private.sign(signed)).decode()}"
    if secret.startswith(SYMMETRIC):
        key = _decoded(secret.removeprefix(SYMMETRIC))
        if 24 <= len(key) <= 64:
            return lambda signed: f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
    raise Misconfigured(
        "a signing secret is whsec_ and 24 to 64 random bytes, or whsk_ and an Ed25519 key of 32 or 64 bytes, in base64"
    )


def _private_key(secret: str) -> Ed25519PrivateKey:
    """Of its seed alone, or of seed and public key, as libraries write it."""
    key = _decoded(secret.removeprefix(ASYMMETRIC))
    if len(key) in (32, 64):
        private = Ed25519PrivateKey.from_private_bytes(key[:32])
        if key[32:] in (b"", private.public_key().public_bytes_raw()):
            return private
    raise Misconfigured("an asymmetric signing secret is whsk_ and an Ed25519 key of 32 or 64 bytes in base64")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
