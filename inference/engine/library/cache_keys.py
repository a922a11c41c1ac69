"""The cache's secrets: which entry a key names, and what seals it. Imports no torch.

Every workspace has a secret of its own, 32 random bytes. An entry's name is a keyed BLAKE2b of the version and the key under that
secret, so a workspace cannot form the name of another's entry, whatever key it gives; a new secret makes all old names and all
old files meaningless at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b

NAME_BYTES = 16
TAG_BYTES = 8


@dataclass(slots=True)
class Secret:
    """One workspace's secret and how often it was renewed."""

    value: bytearray = field(default_factory=lambda: bytearray(os.urandom(32)), repr=False)
    epoch: int = 0

    def name(self, version: str, key: bytes) -> bytes:
        """Of the entry that belongs to `key` and a model version."""
        return blake2b(
            joined(version.encode(), key), key=self.value, person=b"bw-cache-name", digest_size=NAME_BYTES
        ).digest()

    def sealing_key(self) -> bytes:
        """For AES-256-GCM."""
        return blake2b(key=self.value, person=b"bw-cache-seal", digest_size=32).digest()

    def input_hash(self) -> blake2b:
        """A keyed hash to feed an input to: its digest is a key of the cache that means nothing elsewhere."""
        return blake2b(key=self.value, person=b"bw-cache-input", digest_size=32)

    def rotate(self) -> None:
        """Overwrites the secret with a new one."""
        self.value[:] = os.urandom(len(self.value))
        self.epoch += 1

    def wipe(self) -> None:
        self.value[:] = bytes(len(self.value))


class RootKey:
    """The key given for a cache, or a random one that dies with the process."""

    def __init__(self, key: bytes | None) -> None:
        self.given = key is not None
        self._key = bytearray(os.urandom(32) if key is None else key)

    def owner(self, workspace: str) -> bytes:
        """What stands for a workspace in a folder's name."""
        return blake2b(workspace.encode(), key=self._key, person=b"bw-cache-owner", digest_size=NAME_BYTES).digest()

    def version_tag(self, version: str) -> bytes:
        """What stands for a model version in a file's name."""
        return blake2b(version.encode(), key=self._key, person=b"bw-cache-ver", digest_size=TAG_BYTES).digest()

    def check_value(self) -> bytes:
        """Tells whether a folder was written under this key."""
        return blake2b(key=self._key, person=b"bw-cache-check", digest_size=NAME_BYTES).digest()

    def wrapping_key(self) -> bytes:
        """For AES-256-GCM over the workspaces' secrets."""
        return blake2b(key=self._key, person=b"bw-cache-wrap", digest_size=32).digest()

    def wipe(self) -> None:
        self._key[:] = bytes(len(self._key))


def joined(*parts: bytes) -> bytes:
    """The parts in one string that no other parts give."""
    return b"".join(len(part).to_bytes(8) + part for part in parts)
