"""The key that the cell signs its artifacts with. It is derived from the cell's seed, so that a new root changes none of them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cell.keys import cell_keys


def artifact_key() -> Ed25519PrivateKey:
    """Raises RootKeyError, or RootUnavailable."""
    return Ed25519PrivateKey.from_private_bytes(cell_keys().derive("artifact-signer"))


def trusted_keys() -> str:
    """The text of a file for an engine's --trust."""
    return artifact_key().public_key().public_bytes_raw().hex() + "\n"
