"""What a GPU can, known from its name: kernels are chosen and compiled for a device that is not here."""

from __future__ import annotations

from dataclasses import dataclass

import torch


class UnknownDevice(ValueError):
    """No kernels are planned for such a device; the message names those that there are."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    name: str
    """`sm_90` or `gfx942`, as compilers call it."""
    kind: str
    """`cuda` or `hip`."""
    lanes: int
    """Threads that go together: a warp, or a wavefront."""
    units: int
    """Multiprocessors of the largest device of this kind, unless a device says itself."""
    shared_bytes: int
    """Memory that the programs of a multiprocessor's block share, the most that one may ask for."""
    async_copies: bool
    """Copies to shared memory that threads do not wait for."""
    warpgroups: bool
    """Matrix products of four warps together (wgmma)."""
    halves: frozenset[torch.dtype]
    """Types that tensor cores multiply with sums in float32."""
    float8: bool
    """Whether it turns floats of eight bits (e4m3) into others by itself."""
    graphs: bool
    """A whole step recorded once and launched as one."""

    @property
    def architecture(self) -> int | str:
        """As Triton's `GPUTarget` wants it."""
        return int(self.name.removeprefix("sm_")) if self.kind == "cuda" else self.name


_HALVES = frozenset({torch.float16, torch.bfloat16})
_KIB = 1 << 10

KNOWN: dict[str, Capabilities] = {
    known.name: known
    for known in (
        # CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; 1 KiB of a block's memory is the system's.
        Capabilities("sm_80", "cuda", 32, 108, 163 * _KIB, True, False, _HALVES, False, True),
        Capabilities("sm_86", "cuda", 32, 84, 99 * _KIB, True, False, _HALVES, False, True),
        Capabilities("sm_89", "cuda", 32, 144, 99 * _KIB, True, False, _HALVES, True, True),
        Capabilities("sm_90", "cuda", 32, 132, 227 * _KIB, True, True, _HALVES, True, True),
        # The fifth generation has instructions of its own in the place of wgmma.
        Capabilities("sm_100", "cuda", 32, 148, 227 * _KIB, True, False, _HALVES, True, True),
        # CDNA 3: 64 KiB of local memory; its copies go through registers, and its floats of eight bits are others (fnuz).
        Capabilities("gfx942", "hip", 64, 304, 64 * _KIB, False, False, _HALVES, False, True),
    )
}


def capabilities(name: str | int) -> Capabilities:
    """Of `sm_90`, its number 90, or `gfx942`. Raises UnknownDevice."""
    wanted = f"sm_{name}" if isinstance(name, int) else name.partition(":")[0]
    if wanted not in KNOWN:
        raise UnknownDevice(
            f"there are no kernels for {wanted}, only for {', '.join(KNOWN)}; the reference serves there"
        )
    return KNOWN[wanted]


def here(index: int = 0) -> Capabilities:
    """Of GPU number `index` of this machine. Raises UnknownDevice where there is none."""
    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        seen = torch.cuda.device_count()
        raise UnknownDevice(
            f"torch sees {seen} GPUs, number {index} was asked for; plan for one by its name, such as sm_90"
        )
    facts = torch.cuda.get_device_properties(index)
    hip = torch.version.hip is not None
    return capabilities(str(facts.gcnArchName) if hip else facts.major * 10 + facts.minor)
