"""What a program is compiled for: the processor of this machine, by the instruction sets that it has."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.backends.cpu import isa


@dataclass(frozen=True)
class Target:
    variants: tuple[isa.Variant, ...]
    """From the least to the most able. The last serves; each is proven."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(variant.name for variant in self.variants)


def target_of(name: str) -> Target:
    """``cpu`` is the best instruction set here, ``cpu:avx2,avx512`` are these. Raises ValueError for what cannot be proven here."""
    kind, _, asked = name.partition(":")
    if kind != "cpu":
        raise ValueError(f"no target {name!r}: there is `cpu`, or `cpu:` and instruction sets with commas between them")
    if not asked:
        return Target((isa.best(),))
    wanted = {isa.variant(each.strip()) for each in asked.split(",")}
    if missing := wanted - set(isa.runnable()):
        names = ", ".join(sorted(variant.name for variant in missing))
        raise ValueError(
            f"this machine does not run {names}, so nothing compiled for it could be proven; compile there"
        )
    return Target(tuple(variant for variant in isa.runnable() if variant in wanted))
