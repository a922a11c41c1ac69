"""The settings as the type checker reads them: django-stubs imports them, and they want a configured process."""

from __future__ import annotations

import os
from pathlib import Path

_folder = Path(__file__).resolve().parents[1] / ".cache" / "types"
_folder.mkdir(parents=True, exist_ok=True)
_key = _folder / "root.key"
_key.touch(mode=0o600)
_key.write_text("00" * 32)
_database = "postgresql://nobody:nothing@localhost/none"
os.environ.update(
    BAILIWICK_REGION="eu-de-1",
    BAILIWICK_CELL="eude1",
    BAILIWICK_HOME=str(_folder),
    BAILIWICK_DATABASE_URL=_database,
    BAILIWICK_KEYSTORE_DATABASE_URL=_database,
    BAILIWICK_REDIS_URL="redis://localhost",
    BAILIWICK_OBJECTS=str(_folder),
    BAILIWICK_ROOT_KEY=f"file:{_key}",
    BAILIWICK_CELLS_FILE=str(_folder / "cells.json"),
    BAILIWICK_CELLS_VKEY="cells+00000000+none",
    BAILIWICK_ENGINE_SOCKET=str(_folder / "engine.sock"),
    BAILIWICK_BASE_URL="http://127.0.0.1",
    BAILIWICK_ALLOWED_HOSTS="127.0.0.1",
    BAILIWICK_EMBEDDED="1",
    BAILIWICK_LISTEN="127.0.0.1:1",
    BAILIWICK_INTERNAL_LISTEN="127.0.0.1:2",
)

from bailiwick.settings import *  # noqa: E402, F403  # the settings themselves, now that they can be read
