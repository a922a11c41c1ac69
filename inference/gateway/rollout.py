"""How a deployment changes: a canary beside what serves, promoted or taken back. Plain functions of the old to the new one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from inference.engine.deployment import (
    CascadeRule,
    Compiled,
    Deployment,
    DeploymentError,
    Stages,
    Version,
    Weights,
)

CHECKPOINTS = ".checkpoints"
"""Folder beside the deployment files; below it one folder for each digest."""
ARTIFACTS = ".artifacts"
"""The same for artifacts, by their addresses."""


def version(digest: str, share: float = 1.0) -> Version:
    return Version(f"{CHECKPOINTS}/{digest}", digest, share)


def compiled(checkpoint: str, artifact: str, weights: Weights) -> Version:
    return replace(version(checkpoint), compiled=Compiled(artifact, f"{ARTIFACTS}/{artifact}", weights))


def first(name: str, digest: str) -> Deployment:
    """A name that nothing is served under yet."""
    return Deployment(name, versions=[version(digest)]).checked()


def canary(deployment: Deployment, new: Version, share: float) -> Deployment:
    """The version answers `share` of the requests beside what serves; one that does already gets another share, and no longer goes
    on by itself. Raises DeploymentError."""
    if not 0.0 <= share < 1.0:
        raise DeploymentError("a canary's share is from 0 to below 100 percent; `promote` gives it all")
    return _beside(deployment, new, share, None)


def reweighed(deployment: Deployment, share: float) -> Deployment:
    """The canary there is, with another share. Raises DeploymentError."""
    return canary(deployment, _canary(deployment), share)


def staged(deployment: Deployment, new: Version, stages: Stages) -> Deployment:
    """The version goes through the stages beside what serves, which is of the same checkpoint. Raises DeploymentError."""
    return _beside(deployment, new, stages.shares[stages.stage], stages)


def advanced(deployment: Deployment, *, now: float, compared: int, answered: int) -> Deployment:
    """Its canary in the next stage, or promoted after the last. Raises DeploymentError."""
    stages = deployment.stages
    if stages is None:
        raise DeploymentError(f"{deployment.name} has no canary that goes on by itself")
    if stages.stage + 1 == len(stages.shares):
        return promoted(deployment)
    next_ = replace(stages, stage=stages.stage + 1, since=now, compared=compared, answered=answered)
    return staged(deployment, _canary(deployment), next_)


def promoted(deployment: Deployment) -> Deployment:
    """The canary answers everything, and a rollback goes back to what served before. Raises DeploymentError."""
    new, main = replace(_canary(deployment), share=1.0), replace(_main(deployment), share=1.0)
    return replace(deployment, versions=[new], previous=main, stages=None).checked()


def rolled_back(deployment: Deployment) -> Deployment:
    """Without its canary; one that has none goes back to what served before it. Raises DeploymentError."""
    main = replace(_main(deployment), share=1.0)
    if len(deployment.versions) > 1:
        return replace(deployment, versions=[main], stages=None).checked()
    if deployment.previous is None:
        raise DeploymentError(f"{deployment.name} has served nothing else: there is nothing to go back to")
    return replace(deployment, versions=[deployment.previous], previous=main).checked()


def _beside(deployment: Deployment, new: Version, share: float, stages: Stages | None) -> Deployment:
    main = _main(deployment)
    if new.identity == main.identity:
        raise DeploymentError(f"this very version is what {deployment.name} serves already")
    versions = [replace(main, share=1.0 - share), replace(new, share=share)]
    return replace(deployment, versions=versions, stages=stages).checked()


def cascade(deployment: Deployment | None, name: str, small: str, large: str, threshold: float) -> Deployment:
    """`name` as a cascade; in place of another only if that is one too. Raises DeploymentError."""
    if deployment is not None and deployment.cascade is None:
        raise DeploymentError(f"there is a model {name} already; take another name for the cascade")
    return Deployment(name, cascade=CascadeRule(small, large, threshold)).checked()


def batched(deployment: Deployment, window: str | dict[str, Any]) -> Deployment:
    """Its embeddings batched under a preset or the five knobs where a workspace asks for nothing. Raises DeploymentError."""
    return replace(deployment, window=window).checked()


def fields(deployment: Deployment | None) -> dict[str, object] | None:
    """What the audit log says of a deployment: digests, shares in thousandths, and numbers."""
    if deployment is None:
        return None
    said: dict[str, object] = {"model": deployment.name}
    if deployment.versions:
        said["versions"] = {version.identity: round(version.share * 1000) for version in deployment.versions}
        if made := [version.identity for version in deployment.versions if version.compiled is not None]:
            said["artifacts"] = made
    if deployment.previous is not None:
        said["previous"] = deployment.previous.identity
    if deployment.stages is not None:
        said["stage"] = deployment.stages.stage
    rule = deployment.cascade
    if rule is not None:
        said |= {"small": rule.small, "large": rule.large, "threshold_millionths": round(rule.threshold * 1e6)}
    window = deployment.batching()
    if window is not None:
        said |= {
            "window": window.name,
            "batch_window_us": round(window.batch_window_ms * 1000),
            "max_batch_size": window.max_batch_size,
            "p95_budget_us": round(window.p95_budget_ms * 1000),
        }
    return said


def _main(deployment: Deployment) -> Version:
    if not deployment.versions:
        raise DeploymentError(f"{deployment.name} is a cascade; change the models that it is of")
    return deployment.versions[0]


def _canary(deployment: Deployment) -> Version:
    if len(deployment.versions) < 2:
        raise DeploymentError(f"{deployment.name} has no canary; begin one with `bailiwick models canary`")
    return deployment.versions[1]
