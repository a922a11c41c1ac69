"""What can go wrong with an object store. No message holds a key, a bucket's name, a credential or content."""

from __future__ import annotations


class ObjectStoreError(Exception):
    """Base of everything an object store raises besides ValueError for what is no key."""


class ObjectNotFound(ObjectStoreError, LookupError):
    """No such object or version, or it is hidden under a delete marker."""


class ObjectExists(ObjectStoreError):
    """The key has an object already, and it was to be new."""


class ObjectLocked(ObjectStoreError):
    """The version must not be removed yet: it is locked until a time, or held."""


class ObjectDamaged(ObjectStoreError):
    """The bytes are not those of the hash that belongs to them."""


class LockUnsupported(ObjectStoreError):
    """This store cannot lock: the bucket was made without object lock. Nothing was written."""


class StoreFull(ObjectStoreError):
    """The object store has no room. Nothing was written; free some and repeat."""


class StoreAway(ObjectStoreError):
    """The object store does not answer, or not well. What was asked for may or may not have happened: repeat it."""


class StoreRefused(ObjectStoreError):
    """The object store answers, and says no: credentials, rights or configuration have to be mended first."""
