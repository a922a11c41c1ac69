"""Artifacts that nothing serves any more: their rows say so first, then their files go, from the object store and from beside the
engine. Whatever dies in between, the next run goes on with."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cell.access import Actor
from cell.objects import ObjectStore
from inference.engine.deployment import DeploymentError
from inference.gateway.artifact_store import ArtifactStore
from inference.gateway.artifacts import ArtifactInfo, artifact_list, artifacts_retire
from inference.gateway.rollout import ARTIFACTS

_LOCK = ".artifacts.lock"


@contextmanager
def keeping(models: Path) -> Iterator[None]:
    """While the block runs, an artifact may be in a folder, or in the store, and in no row: nothing is pruned. `models` is the
    cell's folder."""
    with _locked(models, fcntl.LOCK_SH):
        yield


def prune(*, actor: Actor, objects: ObjectStore, models: Path, dry: bool = False) -> list[ArtifactInfo]:
    """What `artifacts_retire` chose, and removed, with everything of an artifact that no row is of. With `dry` nothing is.

    Raises DeploymentError while a model is being compiled, ArtifactStoreError, ObjectStoreError.
    """
    try:
        with _locked(models, fcntl.LOCK_EX | fcntl.LOCK_NB):
            retired = artifacts_retire(actor=actor, dry=dry)
            if not dry:
                kept = {info.artifact for info in artifact_list()}
                ArtifactStore(objects).remove_others(kept)
                for folder in sorted((models / ARTIFACTS).glob("[!.]*")):
                    if folder.name not in kept:
                        # An engine that still has it mapped keeps it until it lets go.
                        shutil.rmtree(folder, ignore_errors=True)
            return retired
    except BlockingIOError:
        raise DeploymentError("a model is being compiled; prune again once its artifact is kept") from None


@contextmanager
def _locked(models: Path, how: int) -> Iterator[None]:
    """Let go of by the kernel when the process dies. Raises BlockingIOError where `how` does not wait."""
    descriptor = os.open(models / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
