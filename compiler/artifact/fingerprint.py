"""What an artifact was made for: the fields of which each must be the same where it runs."""

from __future__ import annotations

import hashlib
import platform

import msgspec
import torch

from compiler.artifact.refusal import AGAIN, Reason, Refused
from compiler.backends.cpu import isa
from compiler.backends.cpu.toolchain import KERNELS
from compiler.native.native import sources
from compiler.tune import device


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    """`cpu`."""
    device: str
    """The processor's model, as `compiler.tune.device` names it."""
    driver: str
    """Of a device that has one; empty for a processor."""
    system: str
    architecture: str
    instructions: tuple[str, ...]
    """Instruction sets that there is compiled code for, the best last; none where only the reference serves."""
    torch: str
    headers: str
    """SHA-256 over the kernels' headers: a pool of threads serves what was compiled from the same."""
    compiler: str
    """Its version, for people: a host that only serves needs none. Empty where none was there."""


def here(instructions: tuple[str, ...], compiler: str) -> Fingerprint:
    """Of this process's machine."""
    processor = device.cpu()
    return Fingerprint(
        kind=processor.kind,
        device=processor.name,
        driver=processor.driver,
        system=platform.system(),
        architecture=platform.machine(),
        instructions=instructions,
        torch=str(torch.__version__),
        headers=headers_digest(),
        compiler=compiler,
    )


def headers() -> dict[str, str]:
    """Texts, by file name, of all that a step is compiled with beside itself."""
    kernels = {path.name: path.read_text() for path in sorted(KERNELS.glob("*.h"))}
    beside = sources("")
    del beside["step.cpp"]
    return kernels | beside


def headers_digest() -> str:
    digest = hashlib.sha256()
    for name, text in sorted(headers().items()):
        digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    return digest.hexdigest()


def chosen(made: Fingerprint) -> isa.Variant | None:
    """The best instruction set of an artifact for this machine; None where it has compiled code for none at all. Raises Refused."""
    mine = here((), "")
    if made.kind != mine.kind:
        raise Refused(Reason.DEVICE, f"the artifact is for {made.kind}, this release runs those for {mine.kind}", AGAIN)
    for name, theirs, ours in (
        ("system", made.system, mine.system),
        ("architecture", made.architecture, mine.architecture),
        ("processor", made.device, mine.device),
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
