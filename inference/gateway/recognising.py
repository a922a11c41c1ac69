"""The region's engine as redaction's recogniser (layer `ner`), for workspaces whose policy names a model.

The model is the only thing behind the gateway that sees a text before it is redacted; see docs/decisions/0025.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from time import perf_counter

from inference.engine.client import EngineFailure
from inference.engine.lanes import Lane
from inference.engine.protocol import Tag, Tagged
from inference.engine.window import Preset
from inference.gateway.engine_calls import engine_failed
from inference.gateway.errors import ApiError
from inference.gateway.parts import Engine
from inference.redaction import NerSpan, Recognised, Recogniser
from inference.redaction.bioes import Decoder

WITHIN_S = 10.0
"""The longest that a model may take over the texts of one request."""
SPARE_S = 1.0
"""What the engine has beyond that to say itself that it was too late."""
_TOO_MUCH = frozenset({"input_too_long", "too_many_inputs", "request_too_large"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Whose texts they are, as the engine takes it: turns, lanes, deadlines and erasure hold as for any other operation."""

    workspace: str
    """Its tagged id."""
    request: str = ""
    subject: str = ""
    lane: Lane = "standard"
    weight: float = 1.0
    preset: Preset | None = None
    deadline_at: float | None = None
    """On the clock of `time.perf_counter`."""


class RecogniserAway(Exception):
    """The model cannot be asked, so the texts are not redacted as the policy wants it. Holds nothing of them."""

    def __init__(self, recogniser: Recogniser, retry_after_s: float) -> None:
        super().__init__(recogniser.model)
        self.recogniser = recogniser
        self.retry_after_s = retry_after_s

    def as_error(self) -> ApiError:
        return ApiError(
            503,
            "redaction_unavailable",
            f"The model {self.recogniser.model}, which this workspace's redaction policy has look for names (layer ner), cannot be "
            "asked now, so nothing is passed on. Retry.",
            retry_after_s=self.retry_after_s,
        )


async def recognised(
    engine: Engine, recogniser: Recogniser, texts: list[str], asker: Asker, decoding: Executor | None = None
) -> Recognised:
    """What the model finds in the texts, all of them in one batch. `decoding` is where the answer is read, so that no stream waits
    for it; None is the loop's own.

    Raises RecogniserAway; ApiError for what is the caller's: too much text, a deadline that has passed, an erasure.
    """
    asked = [number for number, text in enumerate(texts) if not text.isspace() and text]
    spans: list[list[NerSpan]] = [[] for _ in texts]
    if asked:
        within = WITHIN_S
        if asker.deadline_at is not None:
            within = min(within, max(asker.deadline_at - perf_counter(), 0.001))
        answer = await _asked(engine, recogniser, [str(texts[number]) for number in asked], asker, within)
        try:
            found = await asyncio.get_running_loop().run_in_executor(decoding, decoded, answer, len(asked))
        except ValueError:
            raise RecogniserAway(recogniser, 5.0) from None  # its labels or its scores are none
        for number, each in zip(asked, found, strict=True):
            spans[number] = each
    return Recognised(recogniser.model, spans)


async def _asked(engine: Engine, recogniser: Recogniser, texts: list[str], asker: Asker, within: float) -> Tagged:
    wire = Tag(
        asker.request,
        asker.workspace,
        recogniser.model,
        texts,
        lane=asker.lane,
        subject=asker.subject,
        weight=asker.weight,
        deadline_s=within,
        preset=asker.preset,
    )
    try:
        async with asyncio.timeout(within + SPARE_S):
            answer = await engine.call(wire)
    except EngineFailure as failure:
        raise _failed(failure, recogniser, asker) from None
    except TimeoutError:
        raise RecogniserAway(recogniser, 2.0) from None
    if not isinstance(answer, Tagged):
        raise TypeError("the engine answered something else than tags")
    return answer


def _failed(failure: EngineFailure, recogniser: Recogniser, asker: Asker) -> Exception:
    error = failure.error
    if error.code in _TOO_MUCH:
        message = "The request is too long for the model that looks for names in it. Split it."
        return ApiError(400, "text_too_long", message)
    if error.status == 410 or (
        error.status == 504 and asker.deadline_at is not None and perf_counter() >= asker.deadline_at
    ):
        return engine_failed(failure)
    return RecogniserAway(recogniser, error.retry_after_s or 2.0)


def decoded(answer: Tagged, texts: int) -> list[list[NerSpan]]:
    """The spans of each text. Raises ValueError for labels that are not BIO or BIOES and for an answer that fits no texts."""
    decoder = _decoder(tuple(answer.labels))
    rows, width = sum(answer.counts), len(answer.labels)
    if len(answer.counts) != texts or len(answer.scores) != 4 * rows * width or len(answer.places) != 12 * rows:
        raise ValueError("an answer to other texts")
    if not rows:
        return [[] for _ in range(texts)]
    # Little-endian, as is every machine that this runs on.
    logits: list[list[float]] = memoryview(answer.scores).cast("f", (rows, width)).tolist()  # type: ignore[assignment]  # of two dimensions
    places: list[tuple[int, int, int]] = memoryview(answer.places).cast("i", (rows, 3)).tolist()  # type: ignore[assignment]
    return [
        decoder.spans(
            logits[first:last],
            [(start, end) for start, end, _ in places[first:last]],
            [word for _, _, word in places[first:last]],
        )
        for first, last in pairwise(accumulate(answer.counts, initial=0))
    ]


@lru_cache(64)
def _decoder(labels: tuple[str, ...]) -> Decoder:
    return Decoder(labels)
