"""How a deployment changes: a canary beside what serves, promoted or taken back. Plain functions of the old to the new one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from inference.engine.deployment import CascadeRule, Deployment, DeploymentError, Version

CHECKPOINTS = ".checkpoints"
"""Folder beside the deployment files; below it one folder for each digest."""


def version(digest: str, share: float = 1.0) -> Version:
    return Version(f"{CHECKPOINTS}/{digest}", digest, share)


def first(name: str, digest: str) -> Deployment:
    """A name that nothing is served under yet."""
    return Deployment(name, versions=[version(digest)]).checked()


def canary(deployment: Deployment, digest: str, share: float) -> Deployment:
    """The version of that digest answers `share` of the requests beside what serves; one that does already gets another share.
    Raises DeploymentError."""
    main = _main(deployment)
    if digest == main.digest:
        raise DeploymentError(f"these very weights are what {deployment.name} serves already")
    if not 0.0 <= share < 1.0:
        raise DeploymentError("a canary's share is from 0 to below 100 percent; `promote` gives it all")
    return replace(deployment, versions=[replace(main, share=1.0 - share), version(digest, share)]).checked()


def reweighed(deployment: Deployment, share: float) -> Deployment:
    """The canary there is, with another share. Raises DeploymentError."""
    return canary(deployment, _canary(deployment).digest, share)


def promoted(deployment: Deployment) -> Deployment:
    """The canary answers everything, and a rollback goes back to what served before. Raises DeploymentError."""
    new = _canary(deployment)
    return replace(
        deployment, versions=[replace(new, share=1.0)], previous=replace(_main(deployment), share=1.0)
    ).checked()


def rolled_back(deployment: Deployment) -> Deployment:
    """Without its canary; one that has none goes back to what served before it. Raises DeploymentError."""
    main = replace(_main(deployment), share=1.0)
    if len(deployment.versions) > 1:
        return replace(deployment, versions=[main]).checked()
    if deployment.previous is None:
        raise DeploymentError(f"{deployment.name} has served nothing else: there is nothing to go back to")
    return replace(deployment, versions=[deployment.previous], previous=main).checked()


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
        said["versions"] = {version.digest: round(version.share * 1000) for version in deployment.versions}
    if deployment.previous is not None:
        said["previous"] = deployment.previous.digest
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
