"""What is served under one name: versions of a model with their shares, or a cascade of two models. Imports no torch.

A deployment is one JSON file, `NAME.json`, so that a change of what is served is one rename, and so is taking it back
(docs/formats/deployment.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import msgspec

from inference.engine.window import PRESETS, Window, WindowError

FORMAT = "bailiwick-deployment/1"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SHORT_DIGEST = 12
"""Hex digits of a digest in a pinned name."""
_ADDRESS = re.compile(r"[0-9a-f]{64}")

Weights = Literal["as-they-are", "int8", "int4", "float8"]
"""What compiled code reads its weights from; `int4` on a processor alone, `float8` on a GPU that has it."""


class DeploymentError(ValueError):
    """A deployment cannot be served as written; the message says what to change."""


class Compiled(msgspec.Struct, frozen=True):
    """The artifact by which a version's checkpoint is computed."""

    artifact: str
    """Its address: SHA-256, hex, over what it holds."""
    path: str
    """Its folder; in a deployment file relative to that of the file."""
    weights: Weights


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    """One checkpoint of a deployment, and how it is computed."""

    path: str
    """Its folder; in a deployment file relative to that of the file."""
    digest: str = ""
    """SHA-256, hex, that its files must have (`Checkpoint.digest`); "" takes them as they are."""
    share: float = 1.0
    """Part of the requests that it answers, 0 to 1; one of 0 answers only those that name it."""
    compiled: Compiled | None = None
    """None is by torch's operators: the reference."""

    @property
    def identity(self) -> str:
        """What tells it from the other versions: the address of what computes it, or else the digest of its weights."""
        return self.digest if self.compiled is None else self.compiled.artifact


class Guards(msgspec.Struct, frozen=True):
    """What a canary that goes on by itself must keep, beside what serves."""

    kl: float = 0.05
    """Nats by which what would be said next may differ at a place, seldom more; of vectors, one less their cosine."""
    slower: float = 1.25
    """How many times the 95th percentile of the other's steps its steps may take, on the same tokens."""
    errors: float = 0.01
    """The part of its requests that may fail, or twice that of the other if that is more."""


class Stages(msgspec.Struct, frozen=True):
    """The steps of a canary. Who holds the row moves it from one to the next; an engine compares, counts and tells."""

    shares: tuple[float, ...] = (0.0, 0.01, 0.1, 0.5, 1.0)
    """Of the requests; with 0 nobody hears it, and what it would have said is compared."""
    stage: int = 0
    since: float = 0.0
    """When this stage began, in seconds since 1970."""
    hold_s: float = 600.0
    """The least time of each stage."""
    least: int = 100
    """Comparisons, and answers where it has a share, that a stage needs before the next."""
    guards: Guards = Guards()
    compared: int = 0
    """How many comparisons the engine had counted when the stage began."""
    answered: int = 0
    """Likewise of the canary's answers."""


class CascadeRule(msgspec.Struct, frozen=True):
    """Two deployments: `small` answers where it is sure enough, otherwise `large` does."""

    small: str
    large: str
    threshold: float
    """The small model's answer stands when the geometric mean of its tokens' probabilities is at least this."""


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Either `versions`, the one that is replaced last, or `cascade`."""

    name: str
    format: str = FORMAT
    versions: list[Version] = []
    cascade: CascadeRule | None = None
    window: str | dict[str, Any] | None = None
    """How embeddings are batched where the workspace says nothing: a preset's name or the five knobs; None is the engine's own."""
    previous: Version | None = None
    """What a rollback goes back to. The engine does not look at it."""
    stages: Stages | None = None
    """How the canary goes on by itself; None where a person gives it its share."""

    def checked(self) -> Deployment:
        """Itself. Raises DeploymentError."""
        if NAME.fullmatch(self.name) is None:
            raise DeploymentError(
                "a model's name has lower-case letters, digits, dots, underscores and hyphens, 64 at most"
            )
        if self.format != FORMAT:
            raise DeploymentError(f"this release reads the format {FORMAT}, not {self.format!r}")
        if bool(self.versions) == (self.cascade is not None):
            raise DeploymentError("a deployment has either versions or a cascade")
        if self.cascade is not None and not 0.0 < self.cascade.threshold <= 1.0:
            raise DeploymentError("the threshold of a cascade must be above 0 and at most 1")
        if self.cascade is not None and self.name in (self.cascade.small, self.cascade.large):
            raise DeploymentError("a cascade cannot be one of its own models")
        if any(not 0.0 <= version.share <= 1.0 for version in self.versions):
            raise DeploymentError("a share must be from 0 to 1")
        if self.versions and abs(sum(version.share for version in self.versions) - 1.0) > 1e-6:
            raise DeploymentError("the shares of a deployment's versions must come to 1")
        if len({version.identity or version.path for version in self.versions}) < len(self.versions):
            raise DeploymentError("two versions of a deployment are the same checkpoint, served alike")
        for version in self.versions:
            if version.compiled is not None and not (version.digest and _ADDRESS.fullmatch(version.compiled.artifact)):
                raise DeploymentError("a compiled version names its artifact's address and its checkpoint's digest")
        if self.stages is not None:
            self._check_stages(self.stages)
        self.batching()
        return self

    def _check_stages(self, stages: Stages) -> None:
        if len(self.versions) != 2 or len({version.digest for version in self.versions}) > 1:
            raise DeploymentError("a canary goes on by itself beside the same checkpoint, served otherwise")
        shares = stages.shares
        if not shares or list(shares) != sorted(set(shares)) or not (shares[0] >= 0.0 and shares[-1] <= 1.0):
            raise DeploymentError("the shares of a canary's stages rise, from 0 to at most 1")
        if not 0 <= stages.stage < len(shares) or self.versions[1].share != shares[stages.stage]:
            raise DeploymentError("a canary's share is that of its stage")
        guards = stages.guards
        if not (
            stages.hold_s >= 0 and stages.least >= 1 and guards.kl > 0 and guards.slower > 1 and 0 < guards.errors < 0.5
        ):
            raise DeploymentError(
                "a stage is held for at least 0 s and 1 comparison; guards are above 0, slower above 1"
            )

    def batching(self) -> Window | None:
        """The window it asks for. Raises DeploymentError."""
        if self.window is None:
            return None
        if isinstance(self.window, dict):
            try:
                return Window.parse(self.window)
            except WindowError as error:
                raise DeploymentError(f"window: {error}") from error
        if self.window not in PRESETS:
            raise DeploymentError(f"window: there is no preset {self.window!r}; there are {', '.join(PRESETS)}")
        return PRESETS[self.window]


def pick(versions: Sequence[Version], request: str) -> int:
    """Which of the versions answers the request of this id: by their shares, and always the same one for the same id."""
    point = crc32(request.encode()) / 2**32
    for position, version in enumerate(versions):
        point -= version.share
        if point < 0:
            return position
    return max(range(len(versions)), key=lambda position: versions[position].share)  # the shares' rounding


def pinned(name: str, identity: str) -> str:
    """The name under which one version is asked for whatever the shares are."""
    return f"{name}.{identity[:SHORT_DIGEST]}"


def read(file: Path) -> Deployment:
    """The deployment of a file, its paths made absolute. Raises DeploymentError."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Deployment)
    except (OSError, msgspec.DecodeError) as error:
        raise DeploymentError(f"{file} cannot be read as a deployment: {error}") from error
    if found.name != file.stem:
        raise DeploymentError(f"{file} is the deployment of {found.name!r}; name the file after it")
    return resolved(found, file.parent).checked()


def resolved(deployment: Deployment, folder: Path) -> Deployment:
    """The deployment with the folders of its checkpoints and artifacts as paths below `folder`."""
    return msgspec.structs.replace(deployment, versions=[_resolved(version, folder) for version in deployment.versions])


def _resolved(version: Version, folder: Path) -> Version:
    compiled = version.compiled
    if compiled is not None:
        compiled = msgspec.structs.replace(compiled, path=str(folder / compiled.path))
    return msgspec.structs.replace(version, path=str(folder / version.path), compiled=compiled)


def text(deployment: Deployment) -> bytes:
    """What its file holds. Raises DeploymentError."""
    return msgspec.json.format(msgspec.json.encode(deployment.checked()), indent=2) + b"\n"


def write(deployment: Deployment, file: Path) -> None:
    """Puts the deployment in place in one step, durably: a reader finds the old one or the new one."""
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as opened:
        opened.write(text(deployment))
        opened.flush()
        os.fsync(opened.fileno())
    partial.rename(file)
    descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def found_in(folder: Path) -> list[Path]:
    """Deployment files and checkpoint folders of `folder`, by name. Hidden ones are in the making, or only referred to."""
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(entry for entry in entries if entry.is_dir() or entry.suffix == ".json")
