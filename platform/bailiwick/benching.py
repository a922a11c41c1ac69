"""How well a model of a running cell serves: made-up requests, through the engine's socket as the gateway sends them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from bailiwick.adaptation import WORKSPACE
from bailiwick.embedded.home import Home
from bailiwick.models import ModelError, served
from compiler.bench.comparison import Comparison, compare
from compiler.bench.harness import NothingServed, Serve, alone
from compiler.bench.memory import peak_memory
from compiler.bench.profiles import Request, draw, standard
from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import pinned
from inference.engine.protocol import Embed, Embedded, Generate, Generated, ModelInfo, Sampling
from inference.gateway.rollout import CHECKPOINTS

_WARM = 4
"""Requests that are served one at a time before, to know how many a second are a load that it can bear."""
Lengths = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Benched:
    comparisons: list[Comparison]
    ours: str
    """What was measured, as the engine calls it."""
    theirs: str
    """What it was compared with; empty where it was measured alone."""


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    kind: str
    digest: str
    max_tokens: int


def bench(
    home: Home,
    name: str,
    against: str | None,
    *,
    requests: int,
    rounds: int,
    prompt: Lengths,
    answer: Lengths,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Benched:
    """Measures a model, or one of its versions, under three profiles: beside `against`, or what serves where it has a canary, or
    alone. Both get the same requests, whose tokens are drawn from `seed`, and whose prompts are in nobody's cache.

    Raises ModelError, and CellError where no cell runs.
    """
    engine = int(home.cell()["processes"]["engine"])
    ours, theirs = _sides(served(home.engine_socket), name, against)
    drawn = _drawn(home, [ours] if theirs is None else [ours, theirs], requests, prompt, answer, seed)
    with _servers(home.engine_socket) as server:
        serves = [server(side, drawn[0]) for side in (ours, theirs) if side is not None]
        try:
            seconds = max(alone(serve, drawn[:_WARM]) for serve in serves)
            profiles = standard(drawn, seconds=seconds, seed=seed)
            watched = partial(peak_memory, engine)
            one, other = (*serves, None)[:2]
            found = compare(one, other, profiles, rounds=rounds, watched=watched, progress=progress)  # type: ignore[arg-type]  # the first is never None
        except NothingServed as error:
            raise ModelError(f"{error}. Look into the engine's log, or measure when it has less to do.") from error
    return Benched(found, ours.name, "" if theirs is None else theirs.name)


def _sides(models: Sequence[ModelInfo], name: str, against: str | None) -> tuple[_Side, _Side | None]:
    """Raises ModelError."""
    if against is not None:
        ours, theirs = _side(models, name), _side(models, against)
        if ours.kind != theirs.kind:
            raise ModelError(f"{name} is of the kind {ours.kind} and {against} {theirs.kind}; compare two of one kind.")
        return ours, theirs
    model = next((model for model in models if model.name == name and len(model.versions) == 2), None)
    if model is None:
        return _side(models, name), None
    main, canary = (_side(models, pinned(name, version.identity)) for version in model.versions)
    return canary, main


def _side(models: Sequence[ModelInfo], name: str) -> _Side:
    """Raises ModelError."""
    for model in models:
        names = {pinned(model.name, version.identity): version.digest for version in model.versions}
        digest = names.get(name, model.digest if name == model.name else None)
        if digest is not None:
            if model.kind == "tagging":
                raise ModelError(f"{name} tags texts; those that write and those that embed are measured.")
            return _Side(name, model.kind, digest, model.max_tokens)
    known = ", ".join(sorted(model.name for model in models))
    raise ModelError(f"The engine serves no {name}; it serves {known}, and each version by MODEL.IDENTITY.")


def _drawn(
    home: Home, sides: Sequence[_Side], requests: int, prompt: Lengths, answer: Lengths, seed: int
) -> tuple[Request, ...]:
    """Such that every side can take them. Raises ModelError."""
    checkpoints = [Checkpoint.open(home.models / CHECKPOINTS / side.digest) for side in sides]
    room = min(side.max_tokens for side in sides) - (answer[1] if sides[0].kind == "chat" else 0)
    if prompt[1] > room:
        raise ModelError(
            f"Prompts of {prompt[1]} tokens leave no room for the answers; give at most --prompt 1,{room}."
        )
    vocabulary = min(checkpoint.config.vocab_size for checkpoint in checkpoints)
    return draw(requests, vocabulary=vocabulary, prompt=prompt, answer=answer, seed=seed)


@contextmanager
def _servers(engine: Path) -> Iterator[Callable[[_Side, Request], Serve]]:
    """Gives what makes a server of each side, on one connection that is used from many threads."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    client = EngineClient(engine)

    def serve(side: _Side, request: Request) -> int:
        result = asyncio.run_coroutine_threadsafe(client.call(_wire(side, request)), loop).result()
        if isinstance(result, Generated):
            return result.completion_tokens
        if isinstance(result, Embedded):
            return result.prompt_tokens
        raise TypeError("the engine answered something else than was asked")

    def server(side: _Side, first: Request) -> Serve:
        try:
            serve(side, first)
        except EngineFailure as failure:
            raise ModelError(f"{side.name}: {failure.error.message}") from failure
        return partial(serve, side)

    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(client.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _wire(side: _Side, request: Request) -> Generate | Embed:
    tokens = list(request.prompt)
    if side.kind == "embedding":
        return Embed(uuid4().hex, WORKSPACE, side.name, [tokens])
    sampling = Sampling(max_tokens=request.answer, seed=request.seed)
    return Generate(uuid4().hex, WORKSPACE, side.name, prompt=tokens, sampling=sampling, cache="request")
