"""Which artifacts the cell has made: rows that are written once, with the entry that tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor
from inference.engine.deployment import DeploymentError, Weights
from inference.gateway.models import ArtifactRecord


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
            ArtifactRecord.objects.get_or_create(
                address=outcome.artifact,
                defaults={
                    "checkpoint": outcome.checkpoint,
                    "weights": outcome.weights,
                    "device": device,
                    "report": dict(report),
                    "made_at": timezone.now(),
                },
            )
        log.record(actor=actor, action=Action.MODEL_COMPILED, targets=[model], after=outcome.fields(model))


def artifact_list(checkpoint: str | None = None) -> list[ArtifactInfo]:
    """The newest first; of one checkpoint where its digest is given."""
    rows = ArtifactRecord.objects.order_by("-made_at")
    if checkpoint is not None:
        rows = rows.filter(checkpoint=checkpoint)
    return [
        ArtifactInfo(row.address, row.checkpoint, row.weights, row.device, row.report, row.made_at)  # type: ignore[arg-type]  # only `Weights` are written
        for row in rows
    ]


def artifact_named(checkpoint: str, wanted: str) -> ArtifactInfo:
    """The newest artifact of a checkpoint with those weights, or the one whose address begins so. Raises DeploymentError."""
    for info in artifact_list(checkpoint):
        if wanted == info.weights or (len(wanted) >= 6 and info.artifact.startswith(wanted)):
            return info
    raise DeploymentError(
        f"there is no artifact {wanted} of the checkpoint that is served; make one with `bailiwick models compile`"
    )
