"""The witness's private key, in a file that only its owner can read."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from audit.witness.cosignature import Witness
from cell.notes import decoded
from cell.witness_key import WitnessKey

_PREFIX = "PRIVATE+KEY+"


class KeyFileError(Exception):
    """There is no key that could be used. Never repeats what is in the file."""


def make_key(home: Path, name: str) -> WitnessKey:
    """Makes `home`/key. Raises KeyFileError if it is there already: a key that is replaced is a witness that is lost."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    seed = secrets.token_bytes(32)
    key = Witness(name, seed).key
    text = f"{_PREFIX}{name}+{key.hash.hex()}+{base64.b64encode(WitnessKey.TYPE + seed).decode()}\n"
    try:
        file = os.open(home / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"there is a key in {home} already") from None
    with os.fdopen(file, "w") as writer:
        writer.write(text)
        writer.flush()
        os.fsync(writer.fileno())
    return key


def read_key(home: Path) -> Witness:
    """Raises KeyFileError."""
    path = home / "key"
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"others can read {path}: chmod 600 it")
        text = path.read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        raise KeyFileError(f"there is no key in {home}: make one with `bailiwick witness init`") from None
    name, _, rest = text.removeprefix(_PREFIX).partition("+")
    hash_, _, encoded = rest.partition("+")
    raw = decoded(encoded) if text.startswith(_PREFIX) else None
    if raw is None or len(raw) != 33 or raw[:1] != WitnessKey.TYPE:
        raise KeyFileError(f"{path} holds no witness's key")
    witness = Witness(name, raw[1:])
    if witness.key.hash.hex() != hash_:
        raise KeyFileError(f"{path} holds a key of another name")
    return witness
