"""Compiling a checkpoint of a cell, on the record: what is proven is kept, and what is not is told."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bailiwick.models import ModelError
from cell.access import system_actor
from cell.keys.provider import KeysError
from cell.objects import store
from compiler.tune.budget import Budget
from compiler.tune.store import Store
from compiler.tune.tuner import Tuner
from compiler.validate.contract import Kind
from inference.engine.checkpoint import Checkpoint
from inference.engine.deployment import Weights
from inference.engine.errors import NoKernels
from inference.engine.gpu import Gpu
from inference.engine.judging import Progress
from inference.engine.making import Disproven, Made, Unmade, default_contract, make
from inference.gateway import rollout
from inference.gateway.artifact_key import artifact_key
from inference.gateway.artifact_store import ArtifactStore
from inference.gateway.artifacts import Outcome, record_compilation

TUNED = ".tuned"
"""Folder of models in which settings of kernels are kept that were measured."""

SEEDS = Budget(trials=0)
"""What the rules name, and no search beyond: each candidate is compiled, which takes seconds."""


def compile_checkpoint(
    models: Path,
    name: str,
    checkpoint: str,
    weights: Weights,
    wanted: str | None,
    tune: bool,
    device: str,
    seen: Mapping[int, int],
    progress: Progress,
) -> Made:
    """Of the cell's folder of models, for that device of this machine; what tuning finds is kept there, too. On a GPU for the sizes
    of steps that fit those `seen`, by their tokens.

    Raises ModelError, once the log has what went wrong, or CheckpointError.
    """
    folder = models / rollout.CHECKPOINTS / checkpoint
    kind = Checkpoint.open(folder).kind
    contract = default_contract(weights, kind)
    if wanted is not None:
        contract = replace(contract, kind=Kind(wanted))

    def told(outcome: Outcome, made_for: str = "", report: Mapping[str, Any] | None = None) -> None:
        record_compilation(
            actor=system_actor("command"), model=name, outcome=outcome, device=made_for, report=report or {}
        )

    try:
        gpu = None if device == "cpu" else Gpu.at(device).fitted_to(seen)
        made = make(
            folder,
            models / rollout.ARTIFACTS,
            weights=weights,
            sign=artifact_key().sign,
            contract=contract,
            tuner=Tuner(Store(models / TUNED), budget=SEEDS, by="operator") if tune else None,
            gpu=gpu,
            progress=progress,
        )
    except Disproven as error:
        told(Outcome(checkpoint, weights, contract.kind, figures=error.judged.said))
        raise ModelError(f"{name}: {error}") from error
    except (Unmade, NoKernels) as error:
        told(Outcome(checkpoint, weights, contract.kind))
        raise ModelError(f"{name}: {error}") from error
    except KeysError as error:
        raise ModelError(str(error)) from error
    manifest = made.manifest
    try:
        size = ArtifactStore(store()).keep(made.path)
    except BaseException:
        # What is not in the store is nowhere: the next start would not have it.
        shutil.rmtree(made.path, ignore_errors=True)
        raise
    evidence = manifest.evidence
    told(
        Outcome(checkpoint, weights, contract.kind, manifest.address, size, evidence.parity),
        manifest.fingerprint.device,
        {
            "kind": kind,
            "contract": manifest.contract,
            "parity": evidence.parity,
            "measurements": list(evidence.measurements),
            "threads": evidence.threads,
        },
    )
    return made
