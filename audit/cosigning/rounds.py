"""Asking several witnesses at once: each in a thread that knows nothing of the database, and none longer than it may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic

from audit import proofs
from audit.cosigning.rows import Asked
from audit.cosigning.ways import WITHIN_S, Unanswered, Ways
from audit.destinations.errors import Misconfigured, Unreachable
from audit.merkle import ProofError
from audit.models import Checkpoint
from audit.witness.client import Elsewhere, Line, NotCosigned, Post, ask
from cell.config import config

MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Question:
    """One checkpoint for one witness."""

    asked: Asked
    checkpoint: Checkpoint


class Unprovable(NotCosigned):
    """Nobody was asked: the database no longer holds what was signed."""


Answer = Line | NotCosigned


def answers(questions: Sequence[Question], *, within_s: float = WITHIN_S) -> list[Answer]:
    """What becomes of each, at most `MOST_AT_ONCE`; a witness that names another size is asked once more from there.

    Done after about `within_s`, or twice that where witnesses name another size.
    """
    ways = Ways(within_s)
    first = _round([_call(ways, each, each.asked.size) for each in questions], within_s)
    # A size beyond the checkpoint cannot be proven to lead to it: that is the caller's to understand.
    again = {
        place: _call(ways, questions[place], answer.size)
        for place, answer in enumerate(first)
        if isinstance(answer, Elsewhere) and answer.size <= questions[place].checkpoint.size
    }
    second = dict(zip(again, _round(list(again.values()), within_s), strict=True))
    return [second.get(place, answer) for place, answer in enumerate(first)]


def _call(ways: Ways, question: Question, old: int) -> Callable[[], Line]:
    """What a thread has to do, with the proof already made."""
    asked, checkpoint = question.asked, question.checkpoint
    try:
        post = _way(ways, asked)
    except Misconfigured as error:
        return _raising(Unanswered(error))
    if old > checkpoint.size:
        return _raising(Elsewhere(old))
    try:
        path = _path(asked, old, checkpoint.size)
    except (LookupError, ProofError):
        # What was signed is not all there. That is for whoever seals or exports it to say; others are asked all the same.
        return _raising(Unprovable("the stored hashes give no proof"))
    return lambda: ask(post, asked.key, checkpoint.note, old=old, path=path)


def _way(ways: Ways, asked: Asked) -> Post:
    if asked.workspace is not None:
        return ways.customers(asked.url, asked.ca)
    url = next((witness.url for witness in config().witnesses if witness.key == asked.key), None)
    if url is None:
        raise Misconfigured("the configuration names this witness no more")
    return ways.operators(url)


def _path(asked: Asked, old: int, new: int) -> tuple[bytes, ...]:
    """From 0 it is empty, as C2SP tlog-witness wants it; to the same size there is nothing to show."""
    if old in (0, new):
        return ()
    if asked.workspace is None:
        return proofs.shared_consistency(asked.tree, old, second=new).path
    return proofs.consistency(asked.workspace, old, second=new).path


def _raising(error: NotCosigned) -> Callable[[], Line]:
    def call() -> Line:
        raise error

    return call


def _round(calls: Sequence[Callable[[], Line]], within_s: float) -> list[Answer]:
    if not calls:
        return []
    pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="cosign")
    try:
        until = monotonic() + within_s
        futures = [pool.submit(call) for call in calls]
        wait(futures, timeout=max(0.0, until - monotonic()))
        return [_answer(future) for future in futures]
    finally:
        # A name that is looked up knows no end of its own: nobody waits for it here.
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(future: Future[Line]) -> Answer:
    if not future.done():
        return Unanswered(Unreachable("the witness does not answer in time"))
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, NotCosigned):
        return error
    raise error
