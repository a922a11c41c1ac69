"""What the operator of an embedded cell does from the command line, and what the cell does for itself when it starts.

The truth of what is served is a row; the engine reads files that are copies of the rows, written when a change is committed
and again whenever the cell starts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bailiwick import models
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home, read_json, write
from bailiwick.models import ModelError, sizes_seen
from inference.engine import deployment as files
from inference.engine.deployment import Deployment, DeploymentError, Stages, Version, Weights
from inference.engine.errors import CheckpointError
from inference.engine.protocol import Deploy
from inference.gateway import rollout

if TYPE_CHECKING:
    from inference.engine.judging import Progress
    from inference.engine.making import Made
    from inference.gateway.artifacts import ArtifactInfo
    from inference.gateway.model_store import Manifest, ModelStore

_SINGLE_PLACE = 4.0
"""How many times the mean divergence that a contract allows may be seen at one place."""


class Operator:
    """Changes what a running cell serves, on the record. Every method raises ModelError, and then nothing has changed."""

    def __init__(self, home: Home) -> None:
        """Makes this process one of the cell's. Raises CellError if no cell runs in `home`."""
        home.cell()
        configure(home)
        self._home = home

    def import_model(self, source: Path, name: str) -> None:
        """Keeps the checkpoint at `source` in the object store and serves it under a new name."""

        def fresh(before: Deployment | None) -> None:
            if before is not None:
                raise DeploymentError(
                    f"There is a model {name} already. Import this one under another name, or beside it: "
                    f"bailiwick models canary {name} --from {source} --percent 10"
                )

        def first(before: Deployment | None) -> Deployment:
            fresh(before)
            return rollout.first(name, digest)

        with told():
            fresh(self._now(name))
            digest = _keep(source, name, "command").digest
            self._change(name, first)

    def canary(self, name: str, share: float, source: Path | None) -> Deployment:
        """Has the checkpoint at `source`, or the canary there is, answer that share of the requests."""
        with told():
            if source is None:
                return self._step(name, lambda before: rollout.reweighed(before, share))
            _existing(self._now(name), name)
            digest = _keep(source, name, "command").digest
            return self._step(name, lambda before: rollout.canary(before, rollout.version(digest), share))

    def compile(self, name: str, weights: Weights, contract: str | None, tune: bool, progress: Progress) -> Made:
        """Compiles the checkpoint that serves for what the cell's engine is on, and keeps the artifact if it is proven. To `tune`
        takes minutes."""
        from bailiwick.compiling import compile_checkpoint
        from inference.gateway.pruning import keeping

        with told():
            main = _serving(_existing(self._now(name), name))
            _bring(self._home, main)
            device, folder = self._home.device, self._home.models
            seen: Mapping[int, int] = {}
            with suppress(ModelError):  # an engine that is down has nothing to tell
                seen = sizes_seen(self.engine, name)
            with keeping(folder):
                return compile_checkpoint(folder, name, main.digest, weights, contract, tune, device, seen, progress)

    def compiled_canary(self, name: str, wanted: str, share: float | None, stages: Stages) -> Deployment:
        """Has an artifact of the checkpoint that serves, by its weights or the beginning of its address, go through the stages,
        or answer that share of the requests."""
        from inference.gateway.artifacts import artifact_named

        with told():

            def step(before: Deployment) -> Deployment:
                # Within the change: what is pruned meanwhile is not there, or stays.
                found = artifact_named(_serving(before).digest, wanted)
                new = rollout.compiled(found.checkpoint, found.artifact, found.weights)
                if share is not None:
                    return rollout.canary(before, new, share)
                return rollout.staged(before, new, _limits(stages, found.report))

            return self._step(name, step)

    def prune(self, *, dry: bool) -> list[ArtifactInfo]:
        """Removes the artifacts that nothing serves, or would go back to, but the newest of each kind. With `dry` only tells."""
        from cell.access import system_actor
        from cell.objects import store
        from inference.gateway.pruning import prune

        with told():
            return prune(actor=system_actor("command"), objects=store(), models=self._home.models, dry=dry)

    def promote(self, name: str) -> Deployment:
        """Has the canary answer everything."""
        with told():
            return self._step(name, rollout.promoted)

    def roll_back(self, name: str) -> Deployment:
        """Without its canary, or back to what served before."""
        with told():
            return self._step(name, rollout.rolled_back)

    def cascade(self, name: str, small: str, large: str, threshold: float) -> Deployment:
        """Serves a cascade of two models, or changes one."""
        with told():
            return self._change(name, lambda before: rollout.cascade(before, name, small, large, threshold))

    def batch(self, name: str, window: str | dict[str, Any]) -> Deployment:
        """Batches a model's embeddings under a preset or the five knobs, from the next request on."""
        with told():
            return self._step(name, lambda before: rollout.batched(before, window))

    def deployment(self, name: str) -> Deployment:
        with told():
            return _existing(self._now(name), name)

    @property
    def engine(self) -> Path:
        return self._home.engine_socket

    def _now(self, name: str) -> Deployment | None:
        from inference.gateway.deployments import deployment_list

        return next((info.deployment for info in deployment_list() if info.deployment.name == name), None)

    def _step(self, name: str, step: Callable[[Deployment], Deployment]) -> Deployment:
        """A change of what there is. Raises DeploymentError if there is no such model."""
        return self._change(name, lambda before: step(_existing(before, name)))

    def _change(self, name: str, change: Callable[[Deployment | None], Deployment]) -> Deployment:
        return change_served(self._home, name, change, auth="command")


def change_served(
    home: Home, name: str, change: Callable[[Deployment | None], Deployment], *, auth: str, **told: Any
) -> Deployment:
    """Has a running cell serve something else under a name, on the record. Raises DeploymentError, ModelError, or what bringing
    files raises."""
    from cell.access import system_actor
    from inference.gateway.deployments import deployment_change

    def serve(deployment: Deployment) -> None:
        for version in deployment.versions:
            _bring(home, version)
        located = files.resolved(deployment, home.models)
        asyncio.run(models.call(home.engine_socket, Deploy(located)))

    changed = deployment_change(actor=system_actor(auth), name=name, change=change, serve=serve, **told)
    files.write(changed, _file(home, name))
    return changed


def mend(home: Home, served: Iterable[Deployment]) -> list[str]:
    """Writes the files anew that are no copies of their rows: whoever changed one may have died between commit and copy, or have
    been overtaken. Names of those that it wrote; the engine serves what is committed and is not asked."""
    from inference.gateway.deployments import deployment_held

    written = []
    for deployment in served if home.models.is_dir() else ():
        file = _file(home, deployment.name)
        if _holds(file, deployment):
            continue
        with deployment_held(deployment.name) as now:
            if now is not None and not _holds(file, now):
                files.write(now, file)
                written.append(deployment.name)
    return written


def _holds(file: Path, deployment: Deployment) -> bool:
    try:
        return file.read_bytes() == files.text(deployment)
    except FileNotFoundError:
        return False


def prepare(home: Home) -> None:
    """Before an engine starts: whose artifacts it runs, the demo models in a new cell, and each deployment's file, checkpoints and
    artifacts. Raises ModelError."""
    from cell.access import system_actor
    from inference.gateway.artifact_key import trusted_keys
    from inference.gateway.deployments import deployment_change, deployment_list

    with told():
        write(home.trusted_keys, trusted_keys())
        there = {info.deployment.name for info in deployment_list()}
        for name in models.DEMO_MODELS - there:
            digest = _keep(models.demo_checkpoint(name), name, "bootstrap").digest
            deployment_change(
                actor=system_actor("bootstrap"),
                name=name,
                change=partial(_unless_there, rollout.first(name, digest)),
                serve=lambda _: None,
            )
        for info in deployment_list():
            for version in info.deployment.versions:
                _bring(home, version)
            files.write(info.deployment, _file(home, info.deployment.name))


def configure(home: Home) -> None:
    """Makes this process one of the cell's, as the web role. Raises CellError."""
    import django

    try:
        os.environ.update(read_json(home.operator_file))
    except OSError as error:
        raise CellError(f"{home.operator_file} cannot be read: {error.strerror}.") from error
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
    django.setup()


def _unless_there(new: Deployment, before: Deployment | None) -> Deployment:
    return before or new


def _keep(source: Path, name: str, auth: str) -> Manifest:
    """Keeps a checkpoint in the object store, on the record."""
    from django.db import transaction

    from audit import log
    from audit.actions import Action
    from cell.access import system_actor

    models.check(source)
    manifest = _store().keep(source)
    with transaction.atomic():
        log.record(
            actor=system_actor(auth),
            action=Action.MODEL_IMPORTED,
            targets=[name],
            after={"model": name, "kind": manifest.kind, "sha256": manifest.digest, "bytes": manifest.size},
        )
    return manifest


def _bring(home: Home, version: Version) -> None:
    """Has the checkpoint of a version, and its artifact, where the engine reads them."""
    from cell.objects import store
    from inference.gateway.artifact_store import ArtifactStore

    _store().fetch(version.digest, _folder(home, rollout.CHECKPOINTS))
    if version.compiled is not None:
        ArtifactStore(store()).fetch(version.compiled.artifact, _folder(home, rollout.ARTIFACTS))


def _folder(home: Home, name: str) -> Path:
    folder = home.models / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _serving(deployment: Deployment) -> Version:
    if not deployment.versions:
        raise DeploymentError(f"{deployment.name} is a cascade; compile the models that it is of")
    return deployment.versions[0]


def _limits(stages: Stages, report: Mapping[str, Any]) -> Stages:
    """With the divergence that the artifact's contract allows, where the stages say nothing of it. At a single place it may be some
    times the mean."""
    contract = report["contract"]
    mean = 1.0 - float(contract["cosine"]) if report.get("kind") == "embedding" else float(contract["kl"])
    kl = stages.guards.kl or _SINGLE_PLACE * mean
    return msgspec.structs.replace(stages, guards=msgspec.structs.replace(stages.guards, kl=kl))


def _store() -> ModelStore:
    from cell.objects import store
    from inference.gateway.model_store import ModelStore

    return ModelStore(store())


def _file(home: Home, name: str) -> Path:
    return home.models / f"{name}.json"


def _existing(deployment: Deployment | None, name: str) -> Deployment:
    if deployment is None:
        raise DeploymentError(f"There is no model {name}; `bailiwick models list` shows those there are.")
    return deployment


def check_name(name: str) -> None:
    """Raises ModelError unless a model may be called `name`."""
    if files.NAME.fullmatch(name) is None:
        raise ModelError("A model's name has lower-case letters, digits, dots, underscores and hyphens, 64 at most.")


@contextmanager
def told() -> Iterator[None]:
    """Everything that an operator can do wrong, as a ModelError."""
    from cell.objects import ObjectStoreError
    from inference.gateway.artifact_store import ArtifactStoreError
    from inference.gateway.model_store import ModelStoreError

    try:
        yield
    except (CheckpointError, DeploymentError, ModelStoreError, ArtifactStoreError, ObjectStoreError) as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{error.filename or 'A file'}: {error.strerror}.") from error
