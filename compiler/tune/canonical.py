"""One text for one value, whoever writes it: sorted keys, no spaces, ASCII, no floats that JSON does not know."""

from __future__ import annotations

import hashlib
import json


def text(value: object) -> str:
    """Canonical JSON of `value`. Raises ValueError for NaN and infinity, TypeError for what JSON has no form for."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(text(value).encode("ascii")).hexdigest()
