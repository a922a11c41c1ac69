"""Which artifacts the cell has made, and not removed: rows, with the entries that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor
from inference.engine.deployment import Deployment, DeploymentError, Weights
from inference.gateway.models import ArtifactRecord, DeploymentRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a compilation, as the log says it: nothing but numbers, digests and words of ours."""

    checkpoint: str
    weights: Weights
    contract: str
    artifact: str | None = None
    """Its address; None where nothing was kept."""
    size: int = 0
    figures: Mapping[str, float] | None = None
    """What parity showed, by name."""

    def fields(self, model: str) -> dict[str, object]:
        said: dict[str, object] = {
            "model": model,
            "sha256": self.checkpoint,
            "weights": self.weights,
            "contract": self.contract,
            "passed": self.artifact is not None,
        }
        if self.artifact is not None:
            said |= {"artifact": self.artifact, "bytes": self.size}
        if self.figures is not None:
            # Entries have no fractions, and no infinities.
            said["parity_millionths"] = {
                name: round(min(each * 1e6, float(1 << 52)))
                for name, each in self.figures.items()
                if isinstance(each, float)
            }
        return said


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    artifact: str
    checkpoint: str
    weights: Weights
    device: str
    report: Mapping[str, Any]
    """Contract, parity and measurements, as in its manifest."""
    made_at: datetime


def record_compilation(*, actor: Actor, model: str, outcome: Outcome, device: str, report: Mapping[str, Any]) -> None:
    """The row of what was kept, if something was, and the entry, in one transaction."""
    with transaction.atomic():
        if outcome.artifact is not None:
            row, made = ArtifactRecord.objects.get_or_create(
                address=outcome.artifact,
                defaults={
                    "checkpoint": outcome.checkpoint,
                    "weights": outcome.weights,
                    "device": device,
                    "report": dict(report),
                    "made_at": timezone.now(),
                },
            )
            if not made and row.removed_at is not None:
                row.removed_at = None
                row.save(update_fields=["removed_at"])
        log.record(actor=actor, action=Action.MODEL_COMPILED, targets=[model], after=outcome.fields(model))


def artifact_list(checkpoint: str | None = None) -> list[ArtifactInfo]:
    """The newest first; of one checkpoint where its digest is given."""
    rows = ArtifactRecord.objects.filter(removed_at=None).order_by("-made_at")
    if checkpoint is not None:
        rows = rows.filter(checkpoint=checkpoint)
    return [_info(row) for row in rows]


def artifact_named(checkpoint: str, wanted: str) -> ArtifactInfo:
    """The newest artifact of a checkpoint with those weights, or the one whose address begins so. Raises DeploymentError."""
    for info in artifact_list(checkpoint):
        if wanted == info.weights or (len(wanted) >= 6 and info.artifact.startswith(wanted)):
            return info
    raise DeploymentError(
        f"there is no artifact {wanted} of the checkpoint that is served; make one with `bailiwick models compile`"
    )


def artifacts_retire(*, actor: Actor, dry: bool = False) -> list[ArtifactInfo]:
    """Marks those as removed that no deployment names, now or to go back to, and that are not the newest of their kind of a
    checkpoint that one names; an entry for each, in one transaction. With `dry` nothing changes. Returns them.

    What they are of files is removed afterwards: `pruning.prune`.
    """
    with transaction.atomic():
        # Held to the end: no deployment begins to name what goes.
        served = [msgspec.convert(row.document, Deployment) for row in DeploymentRecord.objects.select_for_update()]
        versions = [version for each in served for version in (*each.versions, each.previous) if version is not None]
        kept = {version.compiled.artifact for version in versions if version.compiled is not None}
        checkpoints = {version.digest for version in versions}
        newest: set[tuple[str, str, str]] = set()
        retired = []
        for info in artifact_list():
            kind = info.checkpoint, info.weights, info.device
            if info.artifact not in kept and (info.checkpoint not in checkpoints or kind in newest):
                retired.append(info)
            newest.add(kind)
        if dry:
            return retired
        addresses = [info.artifact for info in retired]
        ArtifactRecord.objects.filter(address__in=addresses).update(removed_at=timezone.now())
        for info in retired:
            fields = {"artifact": info.artifact, "sha256": info.checkpoint, "weights": info.weights}
            log.record(actor=actor, action=Action.MODEL_REMOVED, targets=[info.artifact], before=fields)
    return retired


def _info(row: ArtifactRecord) -> ArtifactInfo:
    return ArtifactInfo(row.address, row.checkpoint, row.weights, row.device, row.report, row.made_at)  # type: ignore[arg-type]  # only `Weights` are written
