"""The models that the engine serves, remembered: a request for a known one asks nobody."""

from __future__ import annotations

from time import monotonic

import msgspec

from audit.actions import WORD
from inference.engine.client import EngineFailure
from inference.engine.deployment import pinned
from inference.engine.protocol import ListModels, ModelInfo, Models
from inference.gateway.errors import ApiError, unknown_model
from inference.gateway.parts import Engine

ASK_AGAIN_S = 0.5
"""Unknown names make the engine be asked at most this often."""


class Catalog:
    """Only a name found here goes into a record, so that what a caller wrote in `model` goes nowhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._models: dict[str, ModelInfo] = {}
        self._asked_at = -ASK_AGAIN_S

    def known(self, name: str) -> ModelInfo | None:
        return self._models.get(name)

    async def find(self, name: str) -> ModelInfo:
        """The model of that name. Raises ApiError 404, or 503 if it is not known and the engine cannot be asked."""
        model = self._models.get(name)
        if model is None and (not self._models or monotonic() - self._asked_at >= ASK_AGAIN_S):
            await self.refresh()
            model = self._models.get(name)
        if model is None:
            raise unknown_model()
        return model

    async def refresh(self) -> list[ModelInfo]:
        """What the engine serves now; single versions are known by their pinned names and not listed. Raises ApiError 503."""
        try:
            answer = await self._engine.ask(ListModels())
        except EngineFailure:
            raise ApiError(
                503, "engine_unavailable", "The engine cannot be reached now. Retry.", retry_after_s=2
            ) from None
        self._asked_at = monotonic()
        if not isinstance(answer, Models):
            raise TypeError("the engine answered something else than models")
        # A name that the audit log could not hold would make its entries be refused.
        models = [model for model in answer.models if WORD.fullmatch(model.name)]
        self._models = {model.name: model for model in models}
        for model in models:
            for version in model.versions:
                name = pinned(model.name, version.identity)
                self._models[name] = msgspec.structs.replace(model, name=name, digest=version.digest, versions=[])
        return models
