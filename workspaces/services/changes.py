"""What every update does: refuse what was decided on an old version, validate, save, and say what was before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models

from cell.problems import Problem


def apply_changes(
    instance: models.Model, changes: Mapping[str, Any], *, expected_version: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Saves `changes` to a row that the caller has locked; returns the changed fields before and after, empty if none did.

    Raises Problem: 412 if the row is no longer at `expected_version`, 400 if a value is not valid.
    """
    version: int = instance.version  # type: ignore[attr-defined]  # every model that is updated has one
    if expected_version is not None and version != expected_version:
        raise Problem(412, "changed-meanwhile", "It changed since you read it. Read it again and repeat.")
    before = {name: getattr(instance, name) for name, value in changes.items() if getattr(instance, name) != value}
    if not before:
        return {}, {}
    after = {name: changes[name] for name in before}
    for name, value in after.items():
        setattr(instance, name, value)
    validate(instance)
    instance.version = version + 1  # type: ignore[attr-defined]
    instance.save(update_fields=[*after, "version"])
    return before, after


def validate(instance: models.Model) -> None:
    """Raises Problem 400 that names each field that is not valid. Uniqueness is left to the database."""
    try:
        # References come from the access functions and are held by the database: looking them up again proves nothing.
        instance.clean_fields(exclude={field.name for field in instance._meta.fields if field.is_relation})
    except ValidationError as error:
        raise Problem(400, "invalid", "Some fields are not valid.", errors=error.message_dict) from error


def notify(channel: str, payload: str) -> None:
    """Tells every process when this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [channel, payload])
