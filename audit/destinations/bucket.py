"""A bucket of the customer, through `cell.objects`: what was put is read back before it counts as delivered."""

from __future__ import annotations

import hashlib

from audit.destinations.errors import Refused, Unacknowledged
from audit.destinations.interface import Batch, Evidence, Receipt
from audit.formats import Format
from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore, StoreAway, StoreFull, StoreRefused

_SUFFIXES = {Format.OCSF: "ndjson", Format.ECS: "ndjson", Format.CEF: "log"}


class BucketDestination:
    """`prefix` is of lower-case ids, dots and slashes, with a slash at its end, or empty."""

    def __init__(self, store: ObjectStore, prefix: str = "") -> None:
        self._store, self._prefix = store, prefix

    def key(self, batch: Batch) -> str:
        """Where the batch lies: the same each time, so that what is sent twice is there once."""
        return f"{self._prefix}{batch.format.value}/{batch.key}.{_SUFFIXES[batch.format]}"

    def send(self, batch: Batch) -> Receipt:
        content = batch.content
        try:
            return self._send(self.key(batch), content, hashlib.sha256(content).hexdigest())
        except StoreFull:
            raise Unacknowledged("the bucket has no room") from None
        except StoreAway:
            raise Unacknowledged("the bucket does not answer") from None
        except StoreRefused:
            raise Refused("the bucket refuses it: its credentials or its rights are wrong") from None

    def _send(self, key: str, content: bytes, digest: str) -> Receipt:
        if self._read(key) != digest:
            self._store.put(key, content, sha256=digest)
            if self._read(key) != digest:
                raise Unacknowledged("what lies in the bucket is not what was put there")
        return Receipt(Evidence.READ_BACK, digest)

    def _read(self, key: str) -> str | None:
        """SHA-256 of what lies there; None if that is nothing, or damaged."""
        try:
            return hashlib.sha256(self._store.get(key)).hexdigest()
        except (ObjectNotFound, ObjectDamaged):
            return None
