"""Wycheproof's vectors against the primitives that keys, envelopes and notes stand on, called as they call them."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.keys.provider import UnwrapError, open_key

_FOLDER = Path(__file__).parents[2] / "vectors" / "wycheproof"


def vectors(name: str, count: int):
    document = json.loads((_FOLDER / f"{name}_test.json").read_text())
    found = [(group, test) for group in document["testGroups"] for test in group["tests"]]
    assert document["numberOfTests"] == len(found) == count
    return found


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def test_aes_gcm():
    refused_nonces = 0
    for group, test in vectors("aes_gcm", 316):
        sealed, nonce, associated = raw(test["ct"]) + raw(test["tag"]), raw(test["iv"]), raw(test["aad"])
        cipher = AESGCM(raw(test["key"]))
        if not 8 <= len(nonce) <= 128:
            # `cryptography` takes no such nonce; ours have 12 bytes.
            with pytest.raises(ValueError, match=r"[Nn]once"):
                cipher.decrypt(nonce, sealed, associated)
            refused_nonces += test["result"] == "valid"
        elif test["result"] == "valid":
            assert cipher.decrypt(nonce, sealed, associated) == raw(test["msg"]), test["tcId"]
            assert cipher.encrypt(nonce, raw(test["msg"]), associated) == sealed, test["tcId"]
        else:
            assert group["tagSize"] == 128
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, associated)
    assert refused_nonces == 27


def test_aes_256_gcm_as_keys_are_wrapped():
    opened = refused = 0
    for group, test in vectors("aes_gcm", 316):
        if (group["keySize"], group["ivSize"]) != (256, 96):
            continue
        sealed, wrapping = raw(test["iv"]) + raw(test["ct"]) + raw(test["tag"]), AESGCM(raw(test["key"]))
        if test["result"] == "valid":
            assert open_key(wrapping, sealed, raw(test["aad"])) == raw(test["msg"]), test["tcId"]
            opened += 1
        else:
            with pytest.raises(UnwrapError):
                open_key(wrapping, sealed, raw(test["aad"]))
            refused += 1
    assert opened > 30 and refused > 20


def test_hmac_sha256():
    for group, test in vectors("hmac_sha256", 174):
        tag = hmac.digest(raw(test["key"]), raw(test["msg"]), hashlib.sha256)[: group["tagSize"] // 8]
        assert hmac.compare_digest(tag, raw(test["tag"])) is (test["result"] == "valid"), test["tcId"]


def test_ed25519():
    for group, test in vectors("ed25519", 151):
        key = Ed25519PublicKey.from_public_bytes(raw(group["publicKey"]["pk"]))
        try:
            key.verify(raw(test["sig"]), raw(test["msg"]))
            accepted = True
        except InvalidSignature:
            accepted = False
        assert accepted is (test["result"] == "valid"), test["tcId"]
