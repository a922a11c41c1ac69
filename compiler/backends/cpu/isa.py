"""Instruction sets that the kernels are compiled for, and which of them this machine runs."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Literal

import torch

Name = Literal["generic", "avx2", "avx512", "avx512_bf16"]

_AVX2 = ("-mavx2", "-mfma")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mprefer-vector-width=512")


@dataclass(frozen=True, slots=True)
class Variant:
    """One compilation of the same sources. Each is a shared object of its own: in one object the linker would keep a single
    copy of an inline function, and might keep the one with instructions that an older machine does not have."""

    name: Name
    flags: tuple[str, ...]
    """For GCC and Clang. Empty is the architecture's own base, such as SSE2 on x86-64."""
    arch: str | None
    """The machine, as `platform.machine()` says it; None for every one."""


GENERIC = Variant("generic", (), None)
VARIANTS = (
    GENERIC,
    Variant("avx2", _AVX2, "x86_64"),
    Variant("avx512", _AVX512, "x86_64"),
    Variant("avx512_bf16", (*_AVX512, "-mavx512bf16"), "x86_64"),
)
"""From the least to the most able. `avx512` has byte dot products (VNNI), as every server since 2019 but Skylake."""


def compilable() -> tuple[Variant, ...]:
    """The variants that a compiler of this architecture can make."""
    return tuple(variant for variant in VARIANTS if variant.arch in (None, platform.machine()))


def runnable() -> tuple[Variant, ...]:
    """The variants that this processor and its operating system run, the best last."""
    return tuple(variant for variant in compilable() if _runs(variant.name))


def best() -> Variant:
    return runnable()[-1]


def variant(name: str) -> Variant:
    """The variant of this name. Raises ValueError where there is none."""
    for known in VARIANTS:
        if known.name == name:
            return known
    raise ValueError(f"no instruction set {name!r}; there are {', '.join(known.name for known in VARIANTS)}")


def _runs(name: Name) -> bool:
    # Torch asks cpuid and whether the operating system saves the wide registers.
    if name == "generic":
        return True
    if name == "avx2":
        return torch.cpu._is_avx2_supported()
    vnni = torch.cpu._is_avx512_supported() and torch.cpu._is_vnni_supported()
    return vnni if name == "avx512" else vnni and torch.cpu._is_avx512_bf16_supported()
