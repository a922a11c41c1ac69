"""What came of a compilation, for whoever has to decide about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """`str` of it is for people."""

    target: str
    """Processor and instruction sets."""
    quantize: str | None
    contract: Mapping[str, Any]
    buckets: Sequence[Mapping[str, int]]
    """Sizes that compiled code serves."""
    fallbacks: Sequence[Mapping[str, Any]]
    """Of each bucket that the reference serves, `sizes` and `reason`."""
    parity: Sequence[Mapping[str, Any]]
    measurements: Sequence[Mapping[str, Any]]
    padded: Sequence[str]
    """Axes along which a call may be filled up."""
    weights_bytes: int
    arena_bytes: int
    """Of the largest bucket, with what its launches need for themselves."""

    @property
    def is_compiled(self) -> bool:
        """Whether compiled code serves every bucket."""
        return not self.fallbacks and bool(self.buckets)

    def __str__(self) -> str:
        lines = [
            f"for       {self.target}",
            f"weights   {self.weights_bytes / 1e6:.1f} MB{f' ({self.quantize})' if self.quantize else ''}, "
            f"arena {self.arena_bytes / 1e6:.3f} MB",
        ]
        lines += [f"compiled  {_sizes(sizes)}" for sizes in self.buckets]
        lines += [f"reference {_sizes(each['sizes'])}: {each['reason']}" for each in self.fallbacks]
        for each in self.parity:
            lines += [
                f"parity    {_sizes(each['sizes'])}, {each['instructions']}, {finding['what']}: error {_number(finding['error'])} "
                f"of {_number(finding['allowed'])} allowed, torch's own {_number(finding['eager_error'])}"
                for finding in each["findings"]
            ]
        lines += [
            f"memory    {_sizes(each['sizes'])}, {each['instructions']}: {each['predicted_bytes'] / 1e6:.3f} MB predicted beside "
            f"the weights, {each['resident_bytes'] / 1e6:.3f} MB measured"
            for each in self.measurements
        ]
        lines += [
            f"time      {_sizes(each['sizes'])}, {each['instructions']}: {each['median_ns'] / 1e6:.3f} ms, "
            f"torch's operators {each['reference_ns'] / 1e6:.3f} ms"
            for each in self.measurements
        ]
        if self.padded:
            lines.append(f"padded    along {', '.join(self.padded)}")
        return "\n".join(lines)


def _sizes(sizes: Mapping[str, int]) -> str:
    return " ".join(f"{name}={size}" for name, size in sizes.items()) or "the one shape"


def _number(content: Any) -> str:
    return content if isinstance(content, str) else f"{content:.2g}"
