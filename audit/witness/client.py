"""Asking a witness to co-sign (C2SP tlog-witness), for a log and for tests."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from audit.witness.cosignature import cosigned
from audit.witness.request import AddCheckpoint
from cell.notes import NoteError
from cell.witness_key import WitnessKey

_TIMEOUT_S = 5.0
_LARGEST_ANSWER = 64 << 10


class NotCosigned(Exception):
    """The witness is away, or has its reasons. `status` is what it answered, if it did."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def cosign(
    url: str, witness: WitnessKey, note: str, *, old: int, proof: Callable[[int], Sequence[bytes]]
) -> tuple[str, int]:
    """The line of `witness`, which answers at the prefix `url`, for the checkpoint `note`; and its time in s since 1970.

    `old` is the size that it is believed to have co-signed last; if it says another, that one is tried once. `proof` gives the
    consistency proof from a size to the checkpoint, empty from 0. Raises NotCosigned.
    """
    status, answer = _post(url, AddCheckpoint(old, tuple(proof(old)), note))
    if status == 409 and answer.rstrip("\n").isascii() and answer.rstrip("\n").isdecimal():
        known = int(answer)
        status, answer = _post(url, AddCheckpoint(known, tuple(proof(known)), note))
    if status != 200:
        raise NotCosigned(f"the witness answered {status}", status)
    text, _, _ = note.rpartition("\n\n")
    try:
        at = cosigned(f"{text}\n\n{answer}", [witness]).get(witness)
    except NoteError:
        at = None
    if at is None:
        raise NotCosigned("the witness answered with something else than its co-signature", status)
    name = f"— {witness.name} "
    return next(f"{line}\n" for line in answer.split("\n") if line.startswith(name)), at


def _post(url: str, request: AddCheckpoint) -> tuple[int, str]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/add-checkpoint", request.to_bytes())
        response = connection.getresponse()
        return response.status, response.read(_LARGEST_ANSWER).decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        raise NotCosigned("the witness does not answer") from None
    finally:
        connection.close()
