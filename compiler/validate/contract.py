"""What a compilation promises, and what it has to show for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import torch


class Kind(StrEnum):
    BITWISE = "bitwise"
    """The same bits as torch's own operators give."""
    NEAR = "near"
    """No further from the truth than they are, within `ratio` and `slack`."""
    DISTRIBUTIONAL = "distributional"
    """What is drawn from it is drawn alike: for weights of fewer bits, which are other weights."""


def _slack() -> dict[str, float]:
    # About 50 roundings of each type, of which a sum in another order makes some.
    return {"float64": 1e-12, "float32": 5e-6, "bfloat16": 4e-3, "float16": 1e-3}


@dataclass(frozen=True)
class Contract:
    kind: Kind = Kind.NEAR
    ratio: float = 1.5
    """How many times torch's own error is allowed: two ways to round differ by chance."""
    slack: Mapping[str, float] = field(default_factory=_slack)
    """By dtype of the output, as a part of its largest element: what is allowed on top."""
    quantized_slack: float = 0.02
    """The same for programs over quantized weights, held against their own meaning: a number on an edge may round either way."""
    kl: float = 0.05
    """Nats, mean over rows, of softmax over the last dimension: for DISTRIBUTIONAL, against the program before quantization."""
    cosine: float = 0.99
    """The least, over rows, likewise."""

    def plain(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {**asdict(self), "kind": str(self.kind), "slack": dict(self.slack)}

    def slack_of(self, dtype: torch.dtype, *, quantized: bool) -> float:
        if quantized:
            return self.quantized_slack
        return self.slack.get(str(dtype).removeprefix("torch."), 0.0)


def contract_for(quantize: str | None) -> Contract:
    if quantize is None:
        return Contract()
    # Half bytes, and floats with three bits after the first, move every vector by a few hundredths, and what is drawn hardly:
    # there the divergence decides.
    return (
        Contract(Kind.DISTRIBUTIONAL, cosine=0.95) if quantize in ("int4", "float8") else Contract(Kind.DISTRIBUTIONAL)
    )


def contract_from(plain: Mapping[str, Any]) -> Contract:
    """That which `plain` gave this of."""
    return Contract(**{**plain, "kind": Kind(plain["kind"])})
