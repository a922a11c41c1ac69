"""The cell's keys over its root: what is derived comes from the seed, what is wrapped names the root that wrapped it.

A wrapped key is ``0x02 | id of the root (8 bytes) | what the root made of it``; docs/formats/wrapped-key.md. A root that was
replaced still opens what it wrapped while it is configured as a previous one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.key_config import RootRef
from cell.keys.provider import ROOT_ID_BYTES, Root, UnwrapError, hkdf, open_key, seal_key
from cell.notes import Signer

_UNDER_SEED, _UNDER_ROOT = b"\x01", b"\x02"
_HEADER_BYTES = 1 + ROOT_ID_BYTES


def root_id(wrapped: bytes) -> str | None:
    """Id of the root that wrapped it, in hexadecimal; None for a key of a cell's first days, which is under its seed."""
    return wrapped[1:_HEADER_BYTES].hex() if wrapped[:1] == _UNDER_ROOT else None


class RootedKeys:
    """The KeyProvider of a cell whose root is `root`. `own` opens the key that a customer brings."""

    def __init__(
        self,
        root: Root,
        seed: bytes,
        *,
        previous: Sequence[Root] = (),
        own: Callable[[RootRef], Root] | None = None,
    ) -> None:
        self.root = root
        self._seed = seed
        self._sealing = AESGCM(hkdf(seed, b"bailiwick/wrap/v1"))
        self._roots = {known.id: known for known in (*previous, root)}
        self._open_own, self._own, self._own_lock = own, dict[RootRef, Root](), Lock()

    def derive(self, purpose: str) -> bytes:
        return hkdf(self._seed, b"bailiwick/derive/v1/" + purpose.encode())

    def note_signer(self, purpose: str, name: str) -> Signer:
        return Signer.from_seed(name, self.derive(f"note-signer/{purpose}"))

    def seal_secret(self, secret: bytes, context: bytes) -> bytes:
        return _UNDER_SEED + seal_key(self._sealing, secret, context)

    def open_secret(self, sealed: bytes, context: bytes) -> bytes:
        if sealed[:1] != _UNDER_SEED:
            raise UnwrapError("the sealed secret has an unknown version")
        return open_key(self._sealing, sealed[1:], context)

    def wrap(self, key: bytes, context: bytes, own: RootRef | None = None) -> bytes:
        root = self.root if own is None else self._owned(own)
        return _UNDER_ROOT + root.id + root.wrap(key, context)

    def unwrap(self, wrapped: bytes, context: bytes, own: RootRef | None = None) -> bytes:
        if wrapped[:1] == _UNDER_SEED and own is None:
            return self.open_secret(wrapped, context)  # as cells wrapped before a root had an id
        if wrapped[:1] != _UNDER_ROOT:
            raise UnwrapError("the wrapped key has an unknown version")
        root = self._roots.get(wrapped[1:_HEADER_BYTES]) if own is None else self._owned(own)
        if root is None or root.id != wrapped[1:_HEADER_BYTES]:
            raise UnwrapError(
                "the key was wrapped under a root that is not configured here: name it in BAILIWICK_PREVIOUS_ROOT_KEYS"
            )
        return root.unwrap(wrapped[_HEADER_BYTES:], context)

    def is_current(self, wrapped: bytes) -> bool:
        """Whether it is wrapped under the root of today."""
        return wrapped[:_HEADER_BYTES] == _UNDER_ROOT + self.root.id

    def _owned(self, ref: RootRef) -> Root:
        if self._open_own is None:
            raise UnwrapError("no key of a customer's own is used here")
        with self._own_lock:
            root = self._own.get(ref)
            if root is None:
                root = self._own[ref] = self._open_own(ref)
            return root
