"""Objects with versions: exports, models, and later files; in a folder, or in a bucket of an S3 server.

`store()` is this process's own. Only where a bucket is configured is the S3 client loaded.
"""

from cell.objects.chooser import open_store, store
from cell.objects.errors import (
    LockUnsupported,
    ObjectDamaged,
    ObjectExists,
    ObjectLocked,
    ObjectNotFound,
    ObjectStoreError,
    StoreAway,
    StoreFull,
    StoreRefused,
)
from cell.objects.file_store import FileObjectStore
from cell.objects.interface import ObjectStore, Upload, Version
from cell.objects.sweeping import Swept, sweep

__all__ = [
    "FileObjectStore",
    "LockUnsupported",
    "ObjectDamaged",
    "ObjectExists",
    "ObjectLocked",
    "ObjectNotFound",
    "ObjectStore",
    "ObjectStoreError",
    "StoreAway",
    "StoreFull",
    "StoreRefused",
    "Swept",
    "Upload",
    "Version",
    "open_store",
    "store",
    "sweep",
]
