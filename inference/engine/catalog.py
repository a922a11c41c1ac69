"""The models an engine serves: loads deployments, replaces them while they answer, finds who answers a request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import time

import msgspec

from inference.engine.blackbox import BlackBox
from inference.engine.cascade import RunningCascade
from inference.engine.deployment import Deployment, DeploymentError, Stages, Version, pick, pinned, read
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.engine import Engine
from inference.engine.errors import CheckpointError, Refusal, refuse
from inference.engine.journal import error_place, log
from inference.engine.protocol import ModelInfo, ServedVersion
from inference.engine.served import LoadOptions, ServedModel, load_model
from inference.engine.stats import GuardStats, TrialStats
from inference.engine.trial import Trial

LOADING_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Served:
    """What answers under one name: a model for each version, or a cascade of two other names."""

    deployment: Deployment
    models: tuple[ServedModel, ...] = ()
    cascade: RunningCascade | None = None
    trial: Trial | None = None
    since: float = field(default_factory=time)

    @property
    def untried(self) -> bool:
        """Whether its canary was to go on by itself and must not."""
        return self.deployment.stages is not None and (self.trial is None or self.trial.tripped is not None)


class Catalog:
    """For the loop thread."""

    def __init__(self, engine: Engine, options: LoadOptions) -> None:
        self._engine = engine
        self._options = options
        self._by_name: dict[str, _Served] = {}
        self._pinned: dict[str, ServedModel] = {}
        self._versions: list[ServedModel] = []
        self._loading: set[str] = set()
        self.box: BlackBox | None = None
        """Of the process, once it is known that it is the only one."""
        self.refusals: Counter[tuple[str, str]] = Counter()
        """Artifacts that were not used, by the deployment's name and the reason."""
        self._changing = asyncio.Lock()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="engine-load")

    def __iter__(self) -> Iterator[tuple[str, ServedModel]]:
        """The models that are served, each under a name that is its alone."""
        for name, served in self._by_name.items():
            for model in served.models:
                yield name if len(served.models) == 1 else pinned(name, model.identity), model

    @property
    def infos(self) -> list[ModelInfo]:
        """What there is to ask for. A cascade whose models are not served is left out."""
        return [info for served in self._by_name.values() if (info := self._info(served)) is not None]

    @property
    def cascades(self) -> list[RunningCascade]:
        return [served.cascade for served in self._by_name.values() if served.cascade is not None]

    @property
    def trials(self) -> list[TrialStats]:
        """Of the canaries that go on by themselves."""
        found = ((name, served.deployment.stages, served) for name, served in self._by_name.items())
        return [_trial_stats(name, stages, served) for name, stages, served in found if stages is not None]

    @property
    def versions(self) -> list[ServedModel]:
        """The models that are served, and those that were replaced and still answer."""
        self._versions = [version for version in self._versions if not version.worker.closed]
        return list(self._versions)

    def cascade(self, name: str) -> RunningCascade | None:
        """The cascade that answers under `name`, if one does."""
        served = self._by_name.get(name)
        return None if served is None else served.cascade

    def find(self, name: str, request: str) -> ServedModel:
        """The model that answers the request of this id. Raises Refusal: 503 while it is being loaded, 404 when there is none of
        this name."""
        served = self._by_name.get(name)
        if served is not None and served.models:
            models = served.models
            # A canary whose guard has tripped is asked no more, before anybody has written that down.
            if len(models) == 1 or served.untried:
                return models[0]
            return models[pick(served.deployment.versions, request)]
        model = self._pinned.get(name)
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

    async def deploy(self, deployment: Deployment, *, strictly: bool = True) -> None:
        """Serves the deployment in place of what has its name. Raises CheckpointError; then what is served stays as it is.

        Not `strictly`, the reference serves in place of an artifact that is refused: better slowly than not at all.
        """
        name = deployment.name
        async with self._changing:
            self._loading.add(name)
            try:
                before = self._by_name.get(name) or _Served(deployment)
                served = await self._load(deployment.checked(), before, strictly=strictly)
            except (CheckpointError, DeploymentError) as error:
                log("engine.model.failed", model=name, reason=str(error))
                raise CheckpointError(str(error)) from error
            except Exception as error:
                log("engine.model.failed", model=name, reason=error_place(error))
                raise
            finally:
                self._loading.discard(name)
            self._put(served, before)

    async def deploy_all(self, found: list[Path]) -> None:
        """Serves each deployment file, and each checkpoint folder under its own name; what is broken is logged and left out."""
        self._loading |= {path.stem if path.suffix == ".json" else path.name for path in found}
        deployments = []
        for path in found:
            try:
                deployments.append(
                    read(path) if path.suffix == ".json" else Deployment(path.name, versions=[_at(path)])
                )
            except DeploymentError as error:
                log("engine.model.failed", model=path.stem, reason=str(error))
                self._loading.discard(path.stem)
        # A cascade needs its models.
        for deployment in sorted(deployments, key=lambda deployment: deployment.cascade is not None):
            try:
                await self.deploy(deployment, strictly=False)
            except Exception:  # noqa: BLE001  # logged by deploy; a broken model must not keep the others from being served
                continue
        log("engine.ready", models=len(self._by_name))

    def close(self) -> None:
        """Begins no further load."""
        self._loader.shutdown(wait=False, cancel_futures=True)

    async def _load(self, deployment: Deployment, before: _Served, *, strictly: bool) -> _Served:
        if deployment.cascade is not None:
            for name in (deployment.cascade.small, deployment.cascade.large):
                self._check_part(name)
            return _Served(deployment, cascade=RunningCascade(deployment.name, deployment.cascade))
        loop = asyncio.get_running_loop()
        models: list[ServedModel] = []
        for version in deployment.versions:
            model = next((model for model in before.models if model.identity == version.identity), None)
            if model is None:
                load = partial(load_model, deployment.name, version, self._options, self.box)
                model = await loop.run_in_executor(self._loader, load)
                if model.refused is not None:
                    self.refusals[deployment.name, str(model.refused.reason)] += 1
                    if strictly:
                        raise CheckpointError(str(model.refused))
            models.append(model)
        if len({model.info.kind for model in models}) > 1:
            raise CheckpointError("the versions of a deployment must all write text, all give embeddings, or all tag")
        window = deployment.batching() or self._options.window
        for model in models:
            if isinstance(model.worker, EncoderWorker):
                self._engine.ask(partial(model.worker.use, window))
        return _Served(deployment, tuple(models), trial=_trial(deployment, models, before))

    def _check_part(self, name: str) -> None:
        try:
            kind = self.find(name, "").info.kind
        except Refusal:
            raise CheckpointError(f"a cascade needs {name}, which is not served; deploy it first") from None
        if kind != "chat":
            raise CheckpointError(f"a cascade is of models that write text, and {name} does not")

    def _put(self, served: _Served, before: _Served) -> None:
        name = served.deployment.name
        self._by_name[name] = served
        if before.trial is not None and before.trial is not served.trial:
            self._engine.ask(before.trial.end)
        if served.trial is not None and served.trial is not before.trial:
            self._engine.ask(served.trial.begin)
        for model in served.models:
            if model not in before.models:
                self._versions.append(model)
                self._engine.add(model.worker)
                log(
                    "engine.model.loaded",
                    model=name,
                    kind=model.info.kind,
                    parameters=model.info.parameters,
                    digest=model.info.digest,
                    artifact=model.info.artifact,
                )
        for model in before.models:
            if model not in served.models:
                self._pinned.pop(pinned(name, model.identity), None)
                self._engine.retire(model.worker)
        self._pinned |= {pinned(name, model.identity): model for model in served.models}
        log("engine.deployed", model=name, versions=len(served.models), cascade=served.cascade is not None)

    def _info(self, served: _Served) -> ModelInfo | None:
        name = served.deployment.name
        if served.cascade is not None:
            rule = served.cascade.rule
            parts = [self._by_name.get(rule.small), self._by_name.get(rule.large)]
            small, large = (None if part is None else self._info(part) for part in parts)
            if small is None or large is None:
                return None
            return msgspec.structs.replace(
                large,
                name=name,
                architecture="Cascade",
                parameters=small.parameters + large.parameters,
                loaded_at=served.since,
                versions=[],
            )
        pairs = zip(served.deployment.versions, served.models, strict=True)
        versions = [_shown(version, model) for version, model in pairs]
        main = max(range(len(versions)), key=lambda position: versions[position].share)
        return msgspec.structs.replace(
            served.models[main].info,
            max_tokens=min(model.info.max_tokens for model in served.models),
            versions=versions,
        )


def _trial(deployment: Deployment, models: list[ServedModel], before: _Served) -> Trial | None:
    """What watches the canary; what it has seen so far goes on from stage to stage. None where nothing is to be found out: the
    reference serves in the canary's place."""
    stages = deployment.stages
    if stages is None or len(models) != 2:
        return None
    old = before.deployment.stages
    if before.trial is not None and old is not None and (tuple(models), stages.guards) == (before.models, old.guards):
        return before.trial
    if models[1].refused is not None:
        return None
    main, canary = (model.worker for model in models)
    return Trial(canary, main, stages.guards, models[0].info.kind)


def _trial_stats(name: str, stages: Stages, served: _Served) -> TrialStats:
    trial = served.trial
    found = {"artifact": GuardStats(1, 1, True)} if trial is None else trial.found
    compared, answered = (0, 0) if trial is None else (trial.compared, trial.answered)
    identity = served.models[1].identity
    return TrialStats(name, identity, stages.stage, len(stages.shares), compared, answered, found)


def _shown(version: Version, model: ServedModel) -> ServedVersion:
    compiled = version.compiled
    if compiled is not None:
        compiled = msgspec.structs.replace(compiled, path="")
    why = "" if model.refused is None else str(model.refused)
    return ServedVersion("", model.info.digest, version.share, compiled, why)


def _at(folder: Path) -> Version:
    return Version(str(folder))
