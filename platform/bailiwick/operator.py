"""What the operator of a running embedded cell does from the command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bailiwick import models
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home, read_json
from bailiwick.models import ModelError


def import_model(home: Home, source: Path, name: str) -> None:
    """Copies the checkpoint at `source` into the cell and has the engine serve it as `name`, on the record.

    Raises CellError if no cell runs in `home`, ModelError if the checkpoint will not do; then nothing has changed.
    """
    if models.NAME.fullmatch(name) is None:
        raise ModelError("A model's name has lower-case letters, digits, dots, underscores and hyphens, 64 at most.")
    home.cell()
    configure(home)
    target = home.models / name
    if target.exists():
        raise ModelError(f"There is a model {name} already. Import this one under another name.")
    models.install(source, target)
    try:
        _serve(home, name, target)
    except BaseException:
        shutil.rmtree(target)
        raise


def _serve(home: Home, name: str, folder: Path) -> None:
    from django.db import transaction

    from audit import log
    from audit.actions import Action
    from cell.access import system_actor

    with transaction.atomic():
        models.load(home.engine_socket, name, folder)
        info = next(model for model in models.served(home.engine_socket) if model.name == name)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        log.record(
            actor=system_actor("command"),
            action=Action.MODEL_IMPORTED,
            targets=[name],
            after={"model": name, "kind": info.kind, "sha256": info.digest, "bytes": size},
        )


def configure(home: Home) -> None:
    """Makes this process one of the cell's, as the web role. Raises CellError."""
    import django

    try:
        os.environ.update(read_json(home.operator_file))
    except OSError as error:
        raise CellError(f"{home.operator_file} cannot be read: {error.strerror}.") from error
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
    django.setup()
