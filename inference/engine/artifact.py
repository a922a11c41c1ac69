"""The artifact of a model that a cell serves: a signed folder with the step of one checkpoint, for one processor or GPU, and its
weights as that code reads them. What is in it, member by member: docs/formats/artifact.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from compiler.artifact.addressed import Addressed, FileEntry, manifest_of
from compiler.artifact.fingerprint import Fingerprint
from compiler.artifact.publication import KERNELS, MANIFEST, check_files, check_signature, publish, read, write
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.signature import Sign, Verify
from compiler.artifact.step_folder import Held, write_step
from compiler.backends.cpu.toolchain import SEALED
from inference.engine.deployment import Compiled, Weights

FORMAT: Final = "bailiwick-served/2"


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found out when it was made: by `proving.proved`."""

    parity: dict[str, Any]
    measurements: tuple[dict[str, Any], ...]
    threads: int
    """With which it was measured; 0 on a GPU."""


class Manifest(Addressed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["bailiwick-served/2"] = FORMAT
    checkpoint: str
    """Digest of the checkpoint's files."""
    weights: Weights
    dtype: Literal["bfloat16", "float16", "float32"]
    """Of what is not quantized."""
    fingerprint: Fingerprint
    contract: dict[str, Any]
    """What parity had to show: `compiler.validate.contract.Contract`."""
    evidence: Proof


def save(fill: Callable[[Path], dict[str, FileEntry]], into: Path, sign: Sign, **said: Any) -> Path:
    """Writes the folder `into`/ADDRESS with the files that `fill` writes to a folder, and `said`, the other members of the
    manifest; returns that. Raises compiler.artifact.publication.Unsaved."""
    return publish(into, lambda work: Manifest(files=fill(work), **said), sign)


def step_files(held: Held, objects: Sequence[Path], work: Path) -> dict[str, FileEntry]:
    """Writes a processor's step and its shared objects. Raises OSError."""
    files = {
        f"{KERNELS}/{path.name}": write(work / KERNELS / path.name, [path.read_bytes()]) for path in sorted(objects)
    }
    files |= write_step(held, work)
    files[f"{KERNELS}/{SEALED}"] = write(work / KERNELS / SEALED, [])
    return files


def manifest_in(path: Path) -> Manifest:
    """Of an artifact's folder, unchecked against anything but itself. Raises Refused."""
    return manifest_of(read(path, MANIFEST), Manifest, FORMAT)


def opened(
    compiled: Compiled, checkpoint: str, verify: Verify | None, fits: Callable[[Fingerprint], object]
) -> Manifest:
    """The manifest of a version's artifact, after all has been checked that can be without running any of it. `fits` raises Refused
    for what was made for another device. Raises Refused."""
    path = Path(compiled.path)
    if verify is None:
        raise Refused(
            Reason.SIGNATURE,
            "this engine trusts no key, and runs no code that nobody vouches for",
            "Give it --trust FILE",
        )
    content = read(path, MANIFEST)
    check_signature(path, content, verify)
    manifest = manifest_of(content, Manifest, FORMAT)
    if manifest.address != compiled.artifact:
        raise Refused(Reason.BYTES, f"what is in {path} is the artifact {manifest.address}", FETCH)
    if manifest.checkpoint != checkpoint or manifest.weights != compiled.weights:
        raise Refused(
            Reason.BYTES,
            f"the artifact is of the checkpoint {manifest.checkpoint[:12]}…, weights {manifest.weights}",
            "Begin a canary with an artifact of the checkpoint that is served",
        )
    fits(manifest.fingerprint)
    check_files(path, manifest)
    return manifest
