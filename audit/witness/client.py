"""Asking a witness to co-sign (C2SP tlog-witness), for a log. What a witness answers is a stranger's, and is checked.

Needs Python and `cryptography`: how the request travels is the caller's, as `Post`.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from audit.witness.cosignature import cosigned
from audit.witness.request import AddCheckpoint
from cell.notes import NoteError
from cell.witness_key import WitnessKey

PATH = "/add-checkpoint"
"""Below the prefix that a witness answers at."""
_TIMEOUT_S = 5.0
_LARGEST_ANSWER = 64 << 10
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n?")

Post = Callable[[bytes], tuple[int, bytes]]
"""Sends a body to `PATH` of a witness; gives the status and the answer. Raises NotCosigned if there is none."""


class NotCosigned(Exception):
    """The witness is away, or has its reasons. `status` is what it answered, if it did, and `old` the size it was asked from."""

    def __init__(self, reason: str, status: int | None = None, old: int = 0) -> None:
        super().__init__(reason)
        self.status, self.old = status, old


class Elsewhere(NotCosigned):
    """The witness co-signed another size last than was said: `size`."""

    def __init__(self, size: int) -> None:
        super().__init__("the witness co-signed another size last", 409)
        self.size = size


@dataclass(frozen=True, slots=True)
class Line:
    """A co-signature that was checked."""

    text: str
    """The line with its newline, to be put under the checkpoint."""
    at: int
    """By the witness's clock, in s since 1970."""


def ask(post: Post, witness: WitnessKey, note: str, *, old: int, path: Sequence[bytes]) -> Line:
    """The line of `witness` for the checkpoint `note`, whose tree begins with the one of `old` entries, as `path` shows.

    `old` is the size that the witness is believed to have co-signed last; from 0 the path is empty. Raises Elsewhere or
    NotCosigned.
    """
    status, answer = post(AddCheckpoint(old, tuple(path), note).to_bytes())
    try:
        text = answer.decode()
    except UnicodeDecodeError:
        raise NotCosigned("the witness answers something that is not its protocol", status) from None
    known = _SIZE.fullmatch(text) if status == 409 else None
    if known is not None and int(known[1]) != old:
        raise Elsewhere(int(known[1]))
    if status != 200:
        raise NotCosigned(f"the witness answered {status}", status, old)
    signed, _, _ = note.rpartition("\n\n")
    for line in text.split("\n"):
        # One by one: beside the line that was asked for nothing of what it says may get under a checkpoint.
        try:
            at = cosigned(f"{signed}\n\n{line}\n", [witness]).get(witness)
        except NoteError:
            continue
        if at is not None:
            return Line(f"{line}\n", at)
    raise NotCosigned("the witness answered with something else than its co-signature", status)


def cosign(
    url: str, witness: WitnessKey, note: str, *, old: int, proof: Callable[[int], Sequence[bytes]]
) -> tuple[str, int]:
    """The line of `witness`, which answers at the prefix `url`, for the checkpoint `note`; and its time in s since 1970.

    If it says that it knows another size than `old`, that one is tried once. `proof` gives the consistency proof from a size to
    the checkpoint, empty from 0. Raises NotCosigned.
    """
    post = over_http(url)
    try:
        line = ask(post, witness, note, old=old, path=proof(old))
    except Elsewhere as elsewhere:
        line = ask(post, witness, note, old=elsewhere.size, path=proof(elsewhere.size))
    return line.text, line.at


def over_http(url: str) -> Post:
    """By the standard library alone, for a witness that is trusted not to be slow on purpose."""

    def post(body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", f"{parts.path.rstrip('/')}{PATH}", body)
            response = connection.getresponse()
            return response.status, response.read(_LARGEST_ANSWER)
        except (OSError, http.client.HTTPException):
            raise NotCosigned("the witness does not answer") from None
        finally:
            connection.close()

    return post
