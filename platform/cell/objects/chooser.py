"""Which object store a process has."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from cell.config import config
from cell.object_config import S3Bucket
from cell.objects.errors import StoreRefused
from cell.objects.file_store import FileObjectStore
from cell.objects.interface import ObjectStore


def store() -> ObjectStore:
    """The one that this process's configuration names; always the same, for all threads. Raises StoreRefused."""
    return open_store(config().objects)


@cache
def open_store(place: Path | S3Bucket) -> ObjectStore:
    """The store in a folder or a bucket; nothing is asked of it yet. Raises StoreRefused where the S3 client is not installed."""
    if isinstance(place, Path):
        return FileObjectStore(place)
    try:
        # Here and not above: boto3 costs a process 30 MB, and is an extra.
        from cell.objects.s3_store import S3ObjectStore
    except ModuleNotFoundError:
        raise StoreRefused("an object store on S3 needs: pip install 'bailiwick[s3]'") from None
    return S3ObjectStore(place)


# A worker's children must not share their parent's connections.
os.register_at_fork(after_in_child=open_store.cache_clear)
