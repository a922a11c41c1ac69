"""What an artifact was made for: the fields of which each must be the same where it runs."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata

import msgspec
import torch

from compiler.artifact.refusal import AGAIN, Reason, Refused
from compiler.backends.cpu import isa
from compiler.backends.cpu.toolchain import KERNELS
from compiler.backends.triton.sources import TEMPLATES
from compiler.native.native import sources
from compiler.tune import device


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    """`cpu`, `cuda` or `hip`."""
    device: str
    """The model, as `compiler.tune.device` names it."""
    driver: str
    """Of a device that has one; empty for a processor."""
    system: str
    architecture: str
    instructions: tuple[str, ...]
    """Instruction sets that there is compiled code for, the best last; none where only the reference serves. Of a GPU its
    architecture, such as `sm_90`."""
    torch: str
    headers: str
    """SHA-256 over the kernels' headers, or a GPU's templates: a pool of threads serves what was compiled from the same."""
    compiler: str
    """Its version, for people: a host that only serves needs none. Empty where none was there. Of a GPU the Triton that compiles
    where kernels run: it has to be the same."""


def here(instructions: tuple[str, ...], compiler: str) -> Fingerprint:
    """Of this process's machine."""
    return _of(device.cpu(), instructions, headers_digest(), compiler)


def here_on_gpu(index: int = 0) -> Fingerprint:
    """Of this process's GPU number `index`. Raises NoDevice."""
    gpu = device.cuda(index)
    templates = {path.name: path.read_text() for path in sorted(TEMPLATES.glob("*.py"))}
    return _of(gpu, gpu.features, _digest(templates), _triton())


def _of(made_for: device.Device, instructions: tuple[str, ...], kernels: str, compiler: str) -> Fingerprint:
    return Fingerprint(
        kind=made_for.kind,
        device=made_for.name,
        driver=made_for.driver,
        system=platform.system(),
        architecture=platform.machine(),
        instructions=instructions,
        torch=str(torch.__version__),
        headers=kernels,
        compiler=compiler,
    )


def _triton() -> str:
    """Empty where it is not installed."""
    try:
        return f"triton {metadata.version('triton')}"
    except metadata.PackageNotFoundError:
        return ""


def headers() -> dict[str, str]:
    """Texts, by file name, of all that a step is compiled with beside itself."""
    kernels = {path.name: path.read_text() for path in sorted(KERNELS.glob("*.h"))}
    beside = sources("")
    del beside["step.cpp"]
    return kernels | beside


def headers_digest() -> str:
    return _digest(headers())


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    return digest.hexdigest()


def fits(made: Fingerprint, mine: Fingerprint) -> None:
    """Whether what was proven there is what runs here, but for instruction sets. Raises Refused."""
    if made.kind != mine.kind:
        raise Refused(Reason.DEVICE, f"the artifact is for {made.kind}, this engine is on {mine.kind}", AGAIN)
    for name, theirs, ours in (
        ("system", made.system, mine.system),
        ("architecture", made.architecture, mine.architecture),
        ("processor" if made.kind == "cpu" else "GPU", made.device, mine.device),
    ):
        if theirs != ours:
            raise Refused(Reason.DEVICE, f"the artifact is for the {name} {theirs!r}, this is {ours!r}", AGAIN)
    if made.driver != mine.driver:
        raise Refused(
            Reason.LIBRARY, f"the artifact was proven with the driver {made.driver!r}, this is {mine.driver!r}", AGAIN
        )
    if made.torch != mine.torch:
        raise Refused(
            Reason.LIBRARY,
            f"the artifact was proven with torch {made.torch}, this process has {mine.torch}",
            f"Install torch=={made.torch}, or compile the model again with the torch that is here",
        )


def fits_gpu(made: Fingerprint, mine: Fingerprint) -> None:
    """Likewise of a GPU, whose kernels are compiled where they run. Raises Refused."""
    fits(made, mine)
    if made.instructions != mine.instructions:
        theirs, ours = (", ".join(each.instructions) for each in (made, mine))
        raise Refused(Reason.INSTRUCTIONS, f"the artifact is for {theirs}, this GPU is {ours}", AGAIN)
    if made.compiler != mine.compiler:
        raise Refused(
            Reason.LIBRARY,
            f"the artifact was proven with {made.compiler or 'no Triton'}, this process has {mine.compiler or 'none'}",
            f"Install {made.compiler.replace(' ', '==')}, or compile the model again with what is here",
        )
    same_kernels(made, mine.headers)


def same_kernels(made: Fingerprint, headers: str) -> None:
    """That it was compiled with what `headers` is the digest of. Raises Refused."""
    if made.headers != headers:
        raise Refused(Reason.LIBRARY, "the artifact's kernels are of another release", AGAIN)


def chosen(made: Fingerprint) -> isa.Variant | None:
    """The best instruction set of an artifact for this machine; None where it has compiled code for none at all. Raises Refused."""
    fits(made, here((), ""))
    if not made.instructions:
        return None
    runs = [variant for variant in isa.runnable() if variant.name in made.instructions]
    if not runs:
        raise Refused(
            Reason.INSTRUCTIONS,
            f"the artifact is for {', '.join(made.instructions)}, and this machine runs none of them but "
            f"{', '.join(variant.name for variant in isa.runnable())}",
            AGAIN,
        )
    return runs[-1]
