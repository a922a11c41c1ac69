"""What a program is compiled for: the processor of this machine, by the instruction sets that it has, or a GPU of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch

from compiler.artifact.fingerprint import Fingerprint, here_on_gpu
from compiler.backends.cpu import isa
from compiler.backends.triton.capabilities import Capabilities, UnknownDevice, here
from compiler.backends.triton.graph import Record, Recorded
from compiler.tune.device import Device, NoDevice


@dataclass(frozen=True)
class Processor:
    variants: tuple[isa.Variant, ...]
    """From the least to the most able. The last serves; each is proven."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(variant.name for variant in self.variants)


@dataclass(frozen=True)
class Gpu:
    device: torch.device
    chip: Capabilities
    fingerprint: Fingerprint
    record: Record = Recorded
    upcast: bool = False
    """For Triton's interpreter."""

    @classmethod
    def at(cls, name: str) -> Self:
        """As torch names it: `cuda`, or `cuda:1`. Raises ValueError where there is none."""
        device = torch.device(name)
        try:
            return cls(device, here(device.index or 0), here_on_gpu(device.index or 0))
        except (UnknownDevice, NoDevice) as error:
            raise ValueError(f"nothing compiled for {name} could be proven here: {error}") from error

    @property
    def model(self) -> Device:
        """As a tuner's store knows it."""
        made = self.fingerprint
        return Device(made.kind, made.device, made.instructions, self.chip.units, 1, 0, made.driver)


Target = Processor | Gpu


def target_of(name: str) -> Target:
    """``cpu`` is the best instruction set here, ``cpu:avx2,avx512`` are these, ``cuda:1`` is a GPU as torch numbers them. Raises
    ValueError for what cannot be proven here."""
    kind, _, asked = name.partition(":")
    if kind == "cuda" and (not asked or asked.isdigit()):
        return Gpu.at(name)
    if kind != "cpu":
        raise ValueError(
            f"no target {name!r}: there is `cpu`, or `cpu:` and instruction sets with commas between them, `cuda` and `cuda:N`"
        )
    if not asked:
        return Processor((isa.best(),))
    wanted = {isa.variant(each.strip()) for each in asked.split(",")}
    if missing := wanted - set(isa.runnable()):
        names = ", ".join(sorted(variant.name for variant in missing))
        raise ValueError(
            f"this machine does not run {names}, so nothing compiled for it could be proven; compile there"
        )
    return Processor(tuple(variant for variant in isa.runnable() if variant in wanted))
