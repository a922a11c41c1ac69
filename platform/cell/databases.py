"""Which table lives in which database: wrapped keys in the key store's own, everything else in the cell's.

They are apart so that a backup of payloads never holds a key that opens them.
"""

from __future__ import annotations

from typing import Any

KEYSTORE = "keystore"
"""Both the app label and the database alias."""

DEFAULT, OWNER = "default", "owner"


class Router:
    """Reads and writes by app label. Tables are made in the cell's database by its owner alone, never by a serving role."""

    def db_for_read(self, model: type[Any], **hints: Any) -> str | None:
        return self._alias(model._meta.app_label, hints)

    def db_for_write(self, model: type[Any], **hints: Any) -> str | None:
        return self._alias(model._meta.app_label, hints)

    def _alias(self, label: str, hints: dict[str, Any]) -> str | None:
        if label == KEYSTORE:
            return KEYSTORE
        instance = hints.get("instance")
        return getattr(getattr(instance, "_state", None), "db", None) or DEFAULT

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return bool((one._meta.app_label == KEYSTORE) == (other._meta.app_label == KEYSTORE))

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        if app_label == KEYSTORE:
            return db == KEYSTORE
        # Django also asks for `default` while it checks models; the web role's lack of rights is what stops a migration.
        return db in (OWNER, DEFAULT)
