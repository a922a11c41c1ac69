"""What can go wrong with backups. Every message says why and what to do, and holds no data; none needs Django to be caught."""

from __future__ import annotations


class BackupError(Exception):
    """What an operator is told."""


class NotOwner(BackupError):
    """Backups are the owner's work, and this process has no owner's credential."""


class PlaceRefused(BackupError):
    """Backups of this cell must not, or cannot, lie there."""


class PlaceFailed(BackupError):
    """The place does not answer, refuses, is full, or does not hold what was put into it. A backup that met this is none."""


class ManifestBroken(BackupError):
    """Not a manifest of this cell, or one that was altered."""


class SealBroken(BackupError):
    """The file does not open: altered, cut off, of another place or under another root. Never repeats its content."""


class DumpFailed(BackupError):
    """PostgreSQL's program ended with an error; the message has what it said, which names tables and no rows."""


class RestoreRefused(BackupError):
    """The restore cannot be done like this. Nothing was written."""


class CameBack(BackupError):
    """A store still holds something of what was erased, after it was erased again: nothing may be served."""


class Unsound(BackupError):
    """What was put back is not what was backed up."""


class NotReplayed(BackupError):
    """The database and the ledger of erasures do not belong together: nothing may start."""
