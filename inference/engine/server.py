"""The engine's socket: accepts gateways, answers their requests, loads models, drains."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

from compiler.bench.memory import resident_bytes
from inference.engine import protocol
from inference.engine.blackbox import BlackBox
from inference.engine.cascade import Attempt
from inference.engine.catalog import Catalog
from inference.engine.connection import Connection, Outbox, Stream
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.engine import Engine
from inference.engine.erasure import Eraser
from inference.engine.errors import ERASED, CheckpointError, Refusal, refuse
from inference.engine.headroom import headroom_bytes
from inference.engine.intake import receive_embedding, receive_generation, receive_tagging, size, wrong_kind
from inference.engine.journal import error_place, log
from inference.engine.library import serving
from inference.engine.listener import listen, unlink
from inference.engine.occupancy import device_utilization
from inference.engine.protocol import Delta, EngineError, Result
from inference.engine.request import Texts
from inference.engine.served import LoadOptions, ServedModel
from inference.engine.stats import StatsReport
from inference.engine.worker import AnyJob, Job

INLINE_CHARS = 16 * 1024
"""Prompts up to this size are tokenized on the loop thread, a millisecond or two; longer ones would hold up the others."""
DRAINING_RETRY_S = 5.0
LAST_STEP_S = 10.0
"""A step in progress is waited for this long when the engine stops."""
CRASH_EXIT = 70

AnyWork = protocol.Generate | protocol.Embed | protocol.Tag
Heard = list[Delta] | Result | EngineError


class Server:
    """Everything of the engine process but the step thread. Its methods belong to the loop thread."""

    def __init__(self, options: LoadOptions, *, threads: int) -> None:
        self._options = options
        self._engine = Engine(threads=threads, flush=self._events_ready, crashed=self._crashed)
        self._models = Catalog(self._engine, options)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="engine-tokenize")
        self._eraser = Eraser(self._engine, self._reader)
        self._background: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._started = monotonic()
        self._idle = asyncio.Event()
        self._idle.set()
        self._working: set[Stream] = set()
        self._draining = False
        self.stopped = asyncio.Event()
        self.exit_code = 0
        self.connections: set[Connection] = set()
        self.outbox: Outbox = deque()

    async def run(self, path: Path, models: list[Path]) -> int:
        """Serves on the Unix socket `path` until drained; deployment files and checkpoint folders of `models` under their names.

        Returns the process's exit status. Raises SocketError when the path cannot be used.
        """
        listener, identity = listen(path)
        server = await self._loop.create_unix_server(lambda: Connection(self), sock=listener)
        self._models.box = BlackBox(path)
        self._engine.start()
        serving.began()
        log("engine.listening", pid=os.getpid())
        self._spawn(self._models.deploy_all(models))
        self._spawn(self._watch())
        await self.stopped.wait()
        server.close()
        for connection in tuple(self.connections):
            connection.close()
        self._engine.stop()
        serving.ended()
        self._models.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
        unlink(path, identity)
        log("engine.stopped", status=self.exit_code)
        return self.exit_code

    def handle(self, stream: Stream, request: protocol.Request) -> None:
        """Starts the answer to a request."""
        if isinstance(request, AnyWork):
            self._work(stream, request)
        elif isinstance(request, protocol.ListModels):
            self._answer(stream, protocol.Models(self._models.infos))
        elif isinstance(request, protocol.Stats):
            self._spawn(self._answer_with(stream, self._stats()))
        elif isinstance(request, protocol.Deploy):
            self._spawn(self._deploy_for(stream, request))
        elif isinstance(request, protocol.Erase):
            self._spawn(self._answer_with(stream, self._eraser.erase(request.scope, self._models.versions)))
        elif isinstance(request, protocol.Verify):
            self._spawn(self._answer_with(stream, self._eraser.verify(request.scope, self._models.versions)))
        else:
            self._spawn(self._drain_for(stream, request.deadline_s))

    def cancel(self, stream: Stream, error: EngineError | None = None) -> None:
        """Ends a stream's request; the terminal event comes like any other."""
        if stream.job is not None:
            self._engine.cancel(stream.job, error)

    def pause(self, stream: Stream, paused: bool) -> None:
        """Stops or restarts computing for a slow reader."""
        if stream.job is not None:
            self._engine.pause(stream.job, paused)

    async def drain(self, deadline_s: float) -> None:
        """Refuses new work and returns when what runs has ended; what still runs after the deadline is cancelled."""
        log("engine.draining", requests=len(self._working))
        self._draining = True
        if not await self._becomes_idle(deadline_s):
            error = EngineError(503, "engine_draining", "the engine is stopping; try again", None, DRAINING_RETRY_S)
            for stream in tuple(self._working):
                self.cancel(stream, error)
            if not await self._becomes_idle(LAST_STEP_S):
                log("engine.drain.incomplete", requests=len(self._working))

    def stop(self) -> None:
        """Drains, then ends `run`; for a signal handler."""
        if not self._draining:
            self._spawn(self._drain_and_stop())

    async def _deploy_for(self, stream: Stream, request: protocol.Deploy) -> None:
        try:
            await self._models.deploy(request.deployment)
        except CheckpointError as error:
            self._answer(stream, EngineError(400, "invalid_checkpoint", str(error)))
        except Exception as error:  # noqa: BLE001  # whatever it is, the stream must get its terminal frame
            message = f"the checkpoint could not be loaded ({type(error).__name__}); the engine's log says where"
            self._answer(stream, EngineError(500, "load_failed", message))
        else:
            self._answer(stream, protocol.Done())
        stream.connection.flush()

    async def _drain_for(self, stream: Stream, deadline_s: float) -> None:
        await self.drain(deadline_s)
        self._answer(stream, protocol.Done())
        stream.connection.flush()
        self.stopped.set()

    async def _becomes_idle(self, timeout_s: float) -> bool:
        """Whether every request ended within the time."""
        try:
            await asyncio.wait_for(self._idle.wait(), max(0.0, timeout_s))
        except TimeoutError:
            return False
        return True

    async def _drain_and_stop(self) -> None:
        await self.drain(30.0)
        self.stopped.set()

    def _work(self, stream: Stream, wire: AnyWork) -> None:
        if size(wire) <= INLINE_CHARS:
            self._begin(stream, wire)
        else:
            self._spawn(self._begin_later(stream, wire))

    def _begin(self, stream: Stream, wire: AnyWork) -> None:
        try:
            sink, wire, model = self._route(stream, wire)
        except Refusal as refusal:
            self._answer(stream, refusal.error)
        else:
            self._submit(stream, _receive(sink, wire, model), sink)

    async def _begin_later(self, stream: Stream, wire: AnyWork) -> None:
        try:
            sink, wire, model = self._route(stream, wire)
        except Refusal as refusal:
            self._answer(stream, refusal.error)
        else:
            before = self._eraser.count
            job = await self._loop.run_in_executor(self._reader, _receive, sink, wire, model)
            if self._eraser.overtook(before, wire):
                job = ERASED
                if model.grammars is not None:
                    model.grammars.erase(wire.workspace)
            self._submit(stream, job, sink)
        stream.connection.flush()

    async def _answer_with(self, stream: Stream, work: Coroutine[Any, Any, protocol.Result]) -> None:
        """Answers with the work's result, or says that it failed."""
        outcome: protocol.Result | EngineError
        try:
            outcome = await work
        except Exception as error:  # noqa: BLE001  # whatever it is, the stream must get its terminal frame
            log("engine.operation.failed", error=error_place(error))
            outcome = EngineError(500, "engine_failed", "the engine could not do this; its log says where it failed")
        self._answer(stream, outcome)
        stream.connection.flush()

    def _route(self, stream: Stream, wire: AnyWork) -> tuple[Stream | Attempt, AnyWork, ServedModel]:
        """Who hears the answer, what is asked, and of which model. Raises Refusal."""
        if self._draining:
            raise refuse(503, "engine_draining", "the engine is stopping; try again", retry_after_s=DRAINING_RETRY_S)
        cascade = self._models.cascade(wire.model)
        if cascade is None:
            return stream, wire, self._models.find(wire.model, wire.request)
        if not isinstance(wire, protocol.Generate):
            raise wrong_kind(wire.model, "chat")
        attempt = cascade.attempt(stream, wire)
        return attempt, attempt.small, self._models.find(cascade.rule.small, wire.request)

    def _submit(self, stream: Stream, job: AnyJob | EngineError, sink: Stream | Attempt) -> None:
        if isinstance(job, EngineError):
            if isinstance(sink, Attempt):
                self._hear(sink, job)
                stream.flush()
            else:
                self._answer(stream, job)
            return
        stream.job = job
        self._working.add(stream)
        self._idle.clear()
        self._engine.submit(job)
        if stream.cancelled:  # while its prompt was being read
            self.cancel(stream)

    def _hear(self, attempt: Attempt, outcome: Heard) -> None:
        """The small model of a cascade has answered: the caller gets it, or the large one is asked."""
        if isinstance(outcome, list):
            raise TypeError("an attempt does not stream")
        stands = attempt.judge(outcome)
        if stands is None:
            self._work(attempt.stream, attempt.large)
            return
        if stands.deltas:
            attempt.stream.take(stands.deltas)
        attempt.stream.take(stands.result)

    async def _stats(self) -> StatsReport:
        engine = self._engine
        asked = [engine.ask(partial(model.worker.stats, name)) for name, model in self._models]
        models = [await asyncio.wrap_future(answer) for answer in asked]
        utilization = await asyncio.to_thread(device_utilization, self._options.device)
        return StatsReport(
            running=engine.running,
            waiting=engine.waiting,
            draining=self._draining,
            uptime_s=monotonic() - self._started,
            steps=engine.steps,
            generated_tokens=engine.generated_tokens,
            models=models,
            cascades=[cascade.stats for cascade in self._models.cascades],
            device_utilization=utilization,
            trials=self._models.trials,
            resident_bytes=resident_bytes(),
            headroom_bytes=headroom_bytes(),
            refused_artifacts=[(*about, count) for about, count in self._models.refusals.items()],
        )

    def _answer(self, stream: Stream, outcome: protocol.Result | EngineError) -> None:
        stream.take(outcome)
        stream.flush()

    def _events_ready(self) -> None:
        """Called by the step thread after each round."""
        if self.outbox:
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        touched: dict[Stream, None] = {}
        while self.outbox:
            sink, event = self.outbox.popleft()
            if isinstance(sink, Attempt):
                self._hear(sink, event)
                sink = sink.stream
            else:
                sink.take(event)
            touched[sink] = None
        for stream in touched:
            stream.flush()
            if stream.outcome is not None:
                self._working.discard(stream)
        for connection in {stream.connection for stream in touched}:
            connection.flush()
        if not self._working:
            self._idle.set()

    def _crashed(self) -> None:
        """Called by the dying step thread: the process ends and its supervisor starts another."""
        self.exit_code = CRASH_EXIT
        self._loop.call_soon_threadsafe(self.stopped.set)

    async def _watch(self) -> None:
        """Ends the process when a step hangs: its requests fail with it, and its supervisor starts another."""
        while not self.stopped.is_set():
            await asyncio.sleep(min(1.0, self._options.hang_s / 4))
            if self._engine.stepping_s > self._options.hang_s:
                log("engine.hung", seconds=round(self._engine.stepping_s, 1))
                if self._models.box is not None:
                    self._models.box.hung()
                # The thread cannot be ended, and nothing of the process can be trusted to end in order without it.
                os._exit(CRASH_EXIT)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _receive(sink: Stream | Attempt, wire: AnyWork, model: ServedModel) -> AnyJob | EngineError:
    """The request as the model takes it, or why it cannot; on the loop thread or on the reader's."""
    try:
        if isinstance(wire, protocol.Generate):
            generation = receive_generation(wire, model, sink)
            return Job(cast(DecoderWorker, model.worker), generation)
        texts: Texts
        if isinstance(wire, protocol.Tag):
            texts = receive_tagging(wire, model, sink)
        else:
            texts = receive_embedding(wire, model, sink)
        return Job(cast(EncoderWorker, model.worker), texts)
    except Refusal as refusal:
        return refusal.error
    except Exception as error:  # noqa: BLE001  # a tokenizer's own failure ends this request alone
        log("engine.request.failed", error=error_place(error))
        return EngineError(500, "engine_failed", "the engine could not read this request; try another prompt")
