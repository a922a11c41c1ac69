"""What is served under one name: versions of a model with their shares, or a cascade of two models. Imports no torch.

A deployment is one JSON file, `NAME.json`, so that a change of what is served is one rename, and so is taking it back
(docs/formats/deployment.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from inference.engine.window import PRESETS, Window, WindowError

FORMAT = "bailiwick-deployment/1"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SHORT_DIGEST = 12
"""Hex digits of a digest in a pinned name."""


class DeploymentError(ValueError):
    """A deployment cannot be served as written; the message says what to change."""


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    """One checkpoint of a deployment."""

    path: str
    """Its folder; in a deployment file relative to that of the file."""
    digest: str = ""
    """SHA-256, hex, that its files must have (`Checkpoint.digest`); "" takes them as they are."""
    share: float = 1.0
    """Part of the requests that it answers, 0 to 1; one of 0 answers only those that name it."""


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
        if len({version.digest or version.path for version in self.versions}) < len(self.versions):
            raise DeploymentError("two versions of a deployment are the same checkpoint")
        self.batching()
        return self

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


def pinned(name: str, digest: str) -> str:
    """The name under which one version is asked for whatever the shares are."""
    return f"{name}.{digest[:SHORT_DIGEST]}"


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
    """The deployment with its checkpoints' folders as paths below `folder`."""
    versions = [msgspec.structs.replace(version, path=str(folder / version.path)) for version in deployment.versions]
    return msgspec.structs.replace(deployment, versions=versions)


def write(deployment: Deployment, file: Path) -> None:
    """Puts the deployment in place in one step, durably: a reader finds the old one or the new one."""
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as opened:
        opened.write(msgspec.json.format(msgspec.json.encode(deployment.checked()), indent=2) + b"\n")
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
