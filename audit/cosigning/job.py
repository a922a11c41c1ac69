"""Asking every witness that is due, and what their answers change. Driven by the clock; the truth is in the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from audit.cosigning import refusal, rows
from audit.cosigning.rounds import MOST_AT_ONCE, Answer, Question, Unprovable, answers
from audit.cosigning.rows import Asked
from audit.cosigning.ways import WITHIN_S, Unanswered
from audit.models import Checkpoint
from audit.witness.client import Elsewhere, Line, NotCosigned
from cell.config import config
from cell.telemetry import get_logger

BUDGET_S = 10.0
"""After which no further witnesses are asked in one run: a worker has other things to do, sealing among them."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """What one run did."""

    cosigned: int
    failed: int


def run(budget_s: float = BUDGET_S) -> Asking:
    """Asks the witnesses that are due, some at once, until there are none or `budget_s` is used up. Nothing if another run is on.

    A witness that does not answer costs the run what one request may take, whatever the number of them.
    """
    total = Asking(0, 0)
    if not rows.try_lock():
        return total
    try:
        rows.name_cell(config().witnesses)
        deadline = monotonic() + budget_s
        while monotonic() < deadline and (due := rows.claim(MOST_AT_ONCE)):
            done = settled(questions(due), within_s=WITHIN_S)
            total = Asking(total.cosigned + done.cosigned, total.failed + done.failed)
    finally:
        rows.unlock()
    return total


def questions(due: Sequence[Asked]) -> list[Question]:
    """The newest checkpoint of each tree, for those of its witnesses who have not co-signed it; one for all of them."""
    heads: dict[str, Checkpoint | None] = {}
    found = []
    for asked in due:
        if asked.tree not in heads:
            heads[asked.tree] = rows.newest(asked.tree)
        head = heads[asked.tree]
        if head is None or (head.size == asked.size and not asked.failures):
            rows.wait(asked)
        else:
            found.append(Question(asked, head))
    return found


def settled(asking: Sequence[Question], *, within_s: float) -> Asking:
    """Asks, and keeps what came of it."""
    cosigned = 0
    for question, answer in zip(asking, answers(asking, within_s=within_s), strict=True):
        cosigned += _settle(question, answer)
    return Asking(cosigned, len(asking) - cosigned)


def _settle(question: Question, answer: Answer) -> bool:
    asked, size = question.asked, question.checkpoint.size
    match answer:
        case Line():
            rows.keep(asked, size, answer)
            return True
        case Elsewhere() if answer.size > size and _reached(asked.tree, answer.size):
            # Somebody else asked it about a later checkpoint meanwhile, and keeps that co-signature.
            rows.wait(asked)
        case Elsewhere() if answer.size > size:
            refusal.tell(asked, size=size, cause="rolled-back", known=min(answer.size, _LARGEST_TOLD))
        case NotCosigned(status=422):
            refusal.tell(asked, size=size, cause="rewritten", known=answer.old)
        case NotCosigned():
            cause = _cause(answer)
            _log_failure(asked, cause)
            rows.fail(asked, cause)
    return False


_LARGEST_TOLD = (1 << 53) - 1
"""What an entry can hold."""


def _reached(tree: str, size: int) -> bool:
    head = rows.newest(tree)
    return head is not None and head.size >= size


def _cause(answer: NotCosigned) -> str:
    match answer:
        case Unanswered():
            return answer.cause
        case Unprovable():
            return "log-damaged"
        case _:
            return f"status-{answer.status}"


def _log_failure(asked: Asked, cause: str) -> None:
    if asked.workspace is None:
        log.warning("audit.witness.failed", key=asked.key.name, tree=asked.tree, reason=cause)
    else:
        log.info("audit.witness.failed", key=asked.key.hash.hex(), workspace=str(asked.workspace.id), reason=cause)
