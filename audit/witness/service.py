"""The rules of a witness (C2SP tlog-witness): which checkpoint it co-signs, and what it answers to any other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from time import time

from audit.checkpoint import Checkpoint, MalformedCheckpoint
from audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from audit.witness.cosignature import Witness
from audit.witness.request import AddCheckpoint, MalformedRequest
from audit.witness.state import State
from cell.notes import MalformedNote, NoteError, VerifierKey, opened, split

SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    body: str
    content_type: str = "text/plain; charset=utf-8"


class Refused(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class WitnessService:
    """Co-signs for the logs of some cells, whose origins begin with the name of the cell's key."""

    def __init__(
        self, witness: Witness, state: State, logs: Sequence[VerifierKey], *, origins: Collection[str] = ()
    ) -> None:
        """`logs` are the keys of the cells, several of one name while a key is rotated; with `origins`, no other log is known."""
        self._witness, self._state, self._logs, self._origins = witness, state, tuple(logs), frozenset(origins)
        self._locks: dict[str, Lock] = {}

    def add_checkpoint(self, body: bytes) -> Answer:
        """One request; concurrent ones for one log wait for each other. Raises StateDamaged."""
        try:
            request = AddCheckpoint.parse(body)
        except MalformedRequest as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        try:
            checkpoint, note = self._signed(request)
            with self._locks.setdefault(checkpoint.origin, Lock()):
                known = self._state.latest(checkpoint.origin)
                size = 0 if known is None else known.size
                if request.old != size:
                    return Answer(HTTPStatus.CONFLICT, f"{size}\n", SIZE_TYPE)
                _check_growth(request, known, checkpoint)
                line = self._witness.cosign(checkpoint.text, int(time()))
                self._state.keep(checkpoint.origin, note + line)
                return Answer(HTTPStatus.OK, line)
        except Refused as refused:
            return Answer(refused.status, f"{refused}\n")

    def checkpoint(self, origin_hash: str) -> str | None:
        """The last one that was co-signed for the log whose origin has this SHA-256, with the log's signature and ours."""
        return self._state.read(origin_hash)

    def _signed(self, request: AddCheckpoint) -> tuple[Checkpoint, str]:
        """The checkpoint, and its note with the signatures of its log alone. Raises Refused."""
        try:
            text, _ = split(request.note)
            checkpoint = Checkpoint.parse(text)
        except (MalformedNote, MalformedCheckpoint) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        keys = self._keys_of(checkpoint.origin)
        if not keys:
            raise Refused(HTTPStatus.NOT_FOUND, "this witness does not know the log")
        try:
            _, signers = opened(request.note, keys)
        except NoteError as error:
            raise Refused(HTTPStatus.FORBIDDEN, str(error)) from None
        if request.old > checkpoint.size:
            raise Refused(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint's")
        names = {f"— {key.name} " for key in signers}
        lines = request.note.rpartition("\n\n")[2].splitlines(keepends=True)
        kept = [line for line in lines if any(line.startswith(name) for name in names)]
        return checkpoint, f"{text}\n{''.join(kept)}"

    def _keys_of(self, origin: str) -> list[VerifierKey]:
        if self._origins and origin not in self._origins:
            return []
        return [key for key in self._logs if key.name == origin.rpartition("/")[0]]


def _check_growth(request: AddCheckpoint, known: Checkpoint | None, new: Checkpoint) -> None:
    """Raises Refused unless the proof shows that `new` grew out of `known`.

    From size 0 the proof must be empty, as every tree grows out of the empty one; `audit.merkle`, which the verifiers use,
    refuses that proof because it shows them nothing.
    """
    try:
        if known is None or known.size == 0:
            if request.proof:
                raise ProofError("a proof from size 0 is empty")
            if new.size == 0 and new.root != EMPTY_ROOT:
                raise ProofError("an empty log has the root of the empty tree")
        else:
            verify_consistency(
                first=known.size,
                second=new.size,
                first_root=known.root,
                second_root=new.root,
                path=request.proof,
            )
    except ProofError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
