"""One admitted request, from its intent to its outcome.

The intent becomes durable while the engine works; nothing of an answer is sent before it is. The outcome is durable before the
last byte. Whatever happens in between (the client leaves, the engine fails or is lost, the log cannot be written, the process
stops), exactly one outcome is written.

An engine that answers within `INTENT_WITHIN_S` costs one commit and not two: nobody waits for an intent before there is
something to answer, so it is given to group commit only then, and the outcome goes right behind it into the same batch.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

from audit.groupcommit import AuditUnavailable
from cell.telemetry import get_logger
from inference.engine.client import EngineFailure
from inference.gateway.ending import Ending
from inference.gateway.engine_calls import accept, engine_failed, gathered, longest, weights
from inference.gateway.errors import ApiError, audit_unavailable, internal, redaction_failed
from inference.gateway.events import DONE, ChatEvents, CompletionEvents, Events, EventWriter, error_event
from inference.gateway.http import EVENT_STREAM, Disconnected, Header, Receive, Send, send_json
from inference.gateway.merged import Merged
from inference.gateway.metrics import METRICS
from inference.gateway.parts import Parts
from inference.gateway.patience import Patience
from inference.gateway.records import Admission, intent_item, outcome_item
from inference.gateway.replies import reply_maker
from inference.gateway.schemas import CompletionRequest, EmbeddingRequest
from inference.gateway.sealing import sealed
from inference.gateway.transcript import Transcript
from inference.gateway.whole_answers import composed, looked_through
from inference.redaction import RedactionError

INTENT_WITHIN_S = 0.002
"""The longest that an admitted request is on no queue of the log. A process killed in that time leaves no trace of a request
that it has not answered either."""
WATCH_AFTER_S = 0.1
"""A call that takes longer is watched for its client going away; most of the shorter ones never need it."""
DEADLINE_S = 600.0
"""The longest that a request may take; `close_lost_requests` relies on it."""
ENGINE_SAYS_S = 0.25

log = get_logger(__name__)


class Exchange:
    """Runs one request. `run` returns when its outcome is settled; it raises the ApiError that is still to be answered."""

    __slots__ = (
        "_answering",
        "_ending",
        "_intent",
        "_intent_item",
        "_interruption",
        "_parts",
        "_patience",
        "_receive",
        "_task",
        "_timer",
        "_transcript",
        "admission",
        "answered_at",
        "failure",
        "heard",
    )

    def __init__(self, parts: Parts, patience: Patience[Exchange], admission: Admission, receive: Receive) -> None:
        """`patience` calls `under_way`. Raises ApiError 503 if the log takes no more: then the request was never admitted."""
        if not parts.audit.available or parts.audit.pending >= parts.audit_limit:
            raise audit_unavailable()
        self._parts = parts
        self._patience = patience
        self._receive = receive
        self.admission = admission
        self._answering = False
        self._ending: Ending | None = None
        self.failure: ApiError | None = None
        """What went wrong, if something did."""
        self.answered_at = 0.0
        """When the engine's answer was there, on the clock of `Admission.began`."""
        self.heard = 0
        """Tokens of the answer that a stream has given so far."""
        self._transcript = (
            Transcript(admission.operations, admission.output) if admission.grant.stores_payloads else None
        )
        self._interruption: Disconnected | ApiError | None = None
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._intent_item = intent_item(admission)
        self._intent: asyncio.Future[None] | None = None

    async def run(self, send: Send, headers: list[Header]) -> None:
        """Answers the request. `headers` are those every answer gets."""
        self._task = asyncio.current_task(self._patience.loop)
        self._patience.begin(self)
        try:
            if self.admission.request.stream:
                await self._stream(send, headers)
            else:
                await self._whole(send, headers)
        except asyncio.CancelledError:
            if self._interruption is None:
                # The server is stopping: group commit writes what it was given before the process ends.
                self._submit(Ending("cancelled", 499))
                raise
            if self._task is not None:
                self._task.uncancel()
            await self._interrupted(self._interruption, send)
        except EngineFailure as failure:
            await self._fail(engine_failed(failure), send)
        except RedactionError:
            await self._fail(redaction_failed(), send)
        except ApiError as error:
            await self._fail(error, send)
        except Exception as error:
            log.error("gateway.request.failed", request=self.admission.request_id, exc_info=error)
            await self._fail(internal(), send)
        finally:
            self._stop_watching()

    @property
    def status(self) -> int:
        """The HTTP status of how it ended."""
        return 500 if self._ending is None else self._ending.http_status

    @property
    def ending(self) -> Ending | None:
        """How it ended, once it has."""
        return self._ending

    # The client -----------------------------------------------------------------------------------------------------

    def under_way(self) -> None:
        """The engine takes its time: the intent becomes durable meanwhile, and soon the client is watched."""
        self._timer = self._patience.loop.call_later(min(WATCH_AFTER_S, self._time_left()), self._watch)
        try:
            self._submit_intent()
        except ApiError as error:
            self._interrupt(error)

    def _interrupt(self, reason: Disconnected | ApiError) -> None:
        """Ends what `run` is waiting for, and with it the engine's work."""
        self._interruption = reason
        if self._task is not None:
            self._task.cancel()

    async def _interrupted(self, reason: Disconnected | ApiError, send: Send) -> None:
        if isinstance(reason, ApiError):
            await self._fail(reason, send)
        else:
            await self._settle(Ending("cancelled", 499))

    def _watch(self) -> None:
        self._timer = self._patience.loop.create_task(self._watch_client())

    async def _watch_client(self) -> None:
        """Notices that the client goes away or that the deadline passes."""
        try:
            async with asyncio.timeout(self._time_left()):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            limit = "you gave it" if self.admission.deadline_at is not None else f"{DEADLINE_S:.0f} seconds"
            message = f"The request took longer than {limit}. Ask for less."
            self._interrupt(ApiError(504, "deadline_exceeded", message))
        else:
            self._interrupt(Disconnected())

    def _time_left(self) -> float:
        """Until the request is given up. The engine ends it on its caller's deadline, and is given a moment to say so."""
        deadline_at = self.admission.deadline_at
        if deadline_at is None:
            return DEADLINE_S
        return max(0.0, deadline_at + ENGINE_SAYS_S - perf_counter())

    def _stop_watching(self) -> None:
        self._patience.end(self)
        if self._timer is not None:
            self._timer.cancel()

    # Answers --------------------------------------------------------------------------------------------------------

    async def _whole(self, send: Send, headers: list[Header]) -> None:
        call = self._parts.engine.call
        operations = self.admission.operations
        if len(operations) == 1:
            results = [await call(operations[0])]
        else:
            results = await gathered([call(operation) for operation in operations])
        compose = partial(composed, self.admission, self._transcript, results)
        body, ending = await self._parts.long_texts.run(looked_through(self.admission, results), compose)
        await self._complete(ending)
        self._answering = True
        await send_json(send, 200, body, headers)

    async def _stream(self, send: Send, headers: list[Header]) -> None:
        admission = self.admission
        request = admission.request
        if isinstance(request, EmbeddingRequest):
            raise TypeError("embeddings are not streamed")
        make: type[Events] = CompletionEvents if isinstance(request, CompletionRequest) else ChatEvents
        events = make(admission.number.hex, admission.created, request.model, request.include_usage)
        writer = EventWriter(events, reply_maker(request, admission.placeholders, admission.output))
        engine = self._parts.engine
        inter_token = METRICS.lanes[admission.lane].inter_token
        sent_at = 0.0
        async with Merged([engine.stream(op) for op in admission.operations], request.n or 1) as pieces:
            async for base, deltas in pieces:
                for delta in deltas:
                    self.heard += delta.tokens
                if self._transcript is not None:
                    self._transcript.hear(base, deltas)
                body = (
                    writer.write(base, deltas)
                    if admission.output is None
                    else await writer.write_in_turns(base, deltas)
                )
                if body:
                    if not self._answering:
                        await self._open(send, headers)
                        sent_at = perf_counter()
                    else:
                        now = perf_counter()
                        inter_token.add(now - sent_at)
                        sent_at = now
                    await send({"type": "http.response.body", "body": body, "more_body": True})
        for finish in writer.reasons.values():
            accept(finish)
        if not self._answering:
            await self._open(send, headers)
        prompt_tokens = sum(result.prompt_tokens for result in pieces.results)
        completion_tokens = sum(result.completion_tokens for result in pieces.results)
        reason = writer.reason(0)
        answered_by, choices, timings = weights(pieces.results), len(writer.reasons), longest(pieces.results)
        await self._complete(
            Ending("completed", 200, reason, prompt_tokens, completion_tokens, answered_by, choices, timings)
        )
        last = writer.finish()
        if request.include_usage:
            last += events.usage(prompt_tokens, completion_tokens)
        await send({"type": "http.response.body", "body": last + DONE})

    async def _open(self, send: Send, headers: list[Header]) -> None:
        """Begins a streamed answer: only now, so that what fails before has a status of its own."""
        await _durable(self._submit_intent())
        self._answering = True
        admission = self.admission
        METRICS.lanes[admission.lane].first_token.add(perf_counter() - admission.began)
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, *EVENT_STREAM]})

    # Outcomes -------------------------------------------------------------------------------------------------------

    def _submit_intent(self) -> asyncio.Future[None]:
        """Raises ApiError 503 if the log takes no more."""
        if self._intent is None:
            try:
                self._intent = self._parts.audit.submit(self._intent_item)
            except AuditUnavailable:
                raise audit_unavailable() from None
        return self._intent

    async def _complete(self, ending: Ending) -> None:
        """The outcome of an answer, and its intent: durable when this returns. Raises ApiError 503."""
        self.answered_at = perf_counter()
        self._stop_watching()
        payload = None if self._transcript is None else await sealed(self._parts, self.admission, self._transcript)
        intent = self._submit_intent()
        self._ending = ending
        await _durable(self._parts.audit.submit(outcome_item(self.admission, ending, payload)))
        await _durable(intent)
        METRICS.prompt_tokens += ending.prompt_tokens
        METRICS.completion_tokens += ending.completion_tokens

    async def _fail(self, error: ApiError, send: Send) -> None:
        """Settles a failure; answers it as an event if the answer began, and raises it otherwise."""
        self.failure = error
        await self._settle(Ending("failed", error.status))
        if not self._answering:
            raise error
        await send({"type": "http.response.body", "body": error_event(error)})

    async def _settle(self, ending: Ending) -> None:
        """Writes the outcome of what went wrong, unless there is one already."""
        self._stop_watching()
        written = self._submit(ending)
        if written is not None:
            try:
                await written
            except AuditUnavailable:
                # It is written as soon as the database is back.
                log.warning("gateway.outcome.delayed", request=self.admission.request_id)

    def _submit(self, ending: Ending) -> asyncio.Future[None] | None:
        """Gives the intent and the outcome to the log. None if there is an outcome already, or if the log did not take the
        intent: then the request was never admitted, and an outcome would speak of one that nobody knows."""
        if self._ending is not None:
            return None
        self._ending = ending
        try:
            self._submit_intent()
        except ApiError:
            return None
        return self._parts.audit.submit(outcome_item(self.admission, ending))


async def _durable(written: asyncio.Future[None]) -> None:
    """Waits for an entry. Raises ApiError 503."""
    try:
        await written
    except AuditUnavailable:
        raise audit_unavailable() from None
