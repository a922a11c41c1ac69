"""The models an engine serves: loads them, replaces them while they answer, finds them by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.engine.engine import Engine
from inference.engine.errors import CheckpointError, refuse
from inference.engine.journal import error_place, log
from inference.engine.served import LoadOptions, ServedModel, load_model

LOADING_RETRY_S = 2.0


class Catalog:
    """For the loop thread."""

    def __init__(self, engine: Engine, options: LoadOptions) -> None:
        self._engine = engine
        self._options = options
        self._by_name: dict[str, ServedModel] = {}
        self._versions: list[ServedModel] = []
        self._loading: set[str] = set()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="engine-load")

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._by_name.values())

    @property
    def versions(self) -> list[ServedModel]:
        """The models that are served, and those that were replaced and still answer."""
        self._versions = [version for version in self._versions if not version.worker.closed]
        return list(self._versions)

    def find(self, name: str) -> ServedModel:
        """Raises Refusal: 503 while the model is being loaded, 404 when there is none of this name."""
        model = self._by_name.get(name)
        if model is not None:
            return model
        if name in self._loading:
            raise refuse(
                503,
                "model_loading",
                "this model is being loaded; try again shortly",
                param="model",
                retry_after_s=LOADING_RETRY_S,
            )
        raise refuse(
            404, "model_not_found", "no model of this name is served here; list them with /v1/models", param="model"
        )

    async def load(self, name: str, path: Path) -> None:
        """Loads a checkpoint and serves it as `name`, in place of a model of that name. Raises CheckpointError."""
        self._loading.add(name)
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(self._loader, load_model, name, path, self._options)
        except CheckpointError as error:
            log("engine.model.failed", model=name, reason=str(error))
            raise
        except Exception as error:
            log("engine.model.failed", model=name, reason=error_place(error))
            raise
        finally:
            self._loading.discard(name)
        previous = self._by_name.get(name)
        self._by_name[name] = model
        self._versions.append(model)
        self._engine.add(model.worker)
        if previous is not None:
            self._engine.retire(previous.worker)
        log(
            "engine.model.loaded",
            model=name,
            kind=model.info.kind,
            parameters=model.info.parameters,
            digest=model.info.digest,
        )

    async def load_all(self, paths: list[Path]) -> None:
        """Loads each folder under its own name; one that is broken is logged and left out."""
        self._loading |= {path.name for path in paths}
        for path in paths:
            try:
                await self.load(path.name, path)
            except Exception:  # noqa: BLE001  # logged by load; a broken model must not keep the others from being served
                continue
        log("engine.ready", models=len(self._by_name))

    def close(self) -> None:
        """Begins no further load."""
        self._loader.shutdown(wait=False, cancel_futures=True)
