"""What Django asks of the models that recognise names: whether one is served, and what it finds in a text to try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import Problem
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import pinned
from inference.engine.protocol import ListModels, ModelInfo, Models
from inference.gateway.errors import ApiError
from inference.gateway.recognising import Asker, RecogniserAway, recognised
from inference.redaction import Recognised, Recogniser
from inference.redaction.bioes import Decoder
from inference.redaction.ner import knows

T = TypeVar("T")


def models_served() -> list[ModelInfo]:
    """What the engine serves. Raises Problem 503."""

    async def ask(client: EngineClient) -> list[ModelInfo]:
        answer = await client.ask(ListModels())
        return answer.models if isinstance(answer, Models) else []

    try:
        return _with_engine(ask)
    except EngineFailure:
        raise Problem(503, "engine-unavailable", "The engine cannot be reached now. Try again.") from None


def tagger_problem(recogniser: Recogniser) -> str | None:
    """Why the model that a policy names cannot look for names; None if it can. Raises Problem 503."""
    for model in models_served():
        names = {model.name, *(pinned(model.name, version.identity) for version in model.versions)}
        if recogniser.model in names:
            break
    else:
        return "no model of this name is served; import one, or say off"
    if model.kind != "tagging":
        return "this model does not recognise names: a token-classification model does"
    try:
        Decoder(model.labels)
    except ValueError:
        return "the labels of this model are not of BIO or BIOES"
    if not any(knows(label[2:]) for label in model.labels):
        return "no label of this model is one of a person, an address or another type that is redacted"
    return None


def recognised_now(workspace: WorkspaceRef, recogniser: Recogniser, text: str) -> Recognised:
    """What the model finds in the text. Raises Problem 503, and 400 for too much text."""
    asker = Asker(workspace=own_id(Tag.WORKSPACE, workspace.id))
    try:
        return _with_engine(lambda client: recognised(client, recogniser, [text], asker))
    except RecogniserAway as away:
        raise Problem(503, "redaction-unavailable", away.as_error().message) from None
    except ApiError as error:
        raise Problem(error.status, error.code.replace("_", "-"), error.message) from None


def _with_engine(work: Callable[[EngineClient], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        client = EngineClient(config().engine_socket)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())
