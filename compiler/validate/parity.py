"""Holds compiled code against the truth and against torch, and says whether its contract is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from compiler.ir.interpret import Computed, interpret
from compiler.ir.program import Program
from compiler.validate.contract import Contract, Kind
from compiler.validate.oracle import NoOracle, Oracle, oracle_of
from compiler.validate.samples import filled, varied
from compiler.validate.statistics import agreement, divergence, largest_error, least_cosine

Candidate = Callable[[Sequence[torch.Tensor], Mapping[str, torch.Tensor]], Sequence[torch.Tensor]]
"""Gives the outputs, and writes to the caches that it is given."""
SAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """Of one output, or of a cache, over all samples."""

    what: str
    error: float
    """The largest, from the truth; of a bitwise contract from torch."""
    eager_error: float
    """Torch's own, likewise."""
    allowed: float
    agreement: float
    """Of the largest elements' places along the last dimension, which are tokens if these are logits."""
    kl: float
    cosine: float
    reason: str
    """Why this is not enough; empty where it is."""

    def plain(self) -> dict[str, Any]:
        """For a manifest: JSON has no infinities."""
        return {
            name: str(each) if each in (torch.inf,) or each != each else each for name, each in asdict(self).items()
        }


@dataclass(frozen=True)
class Parity:
    truth: str
    """The oracle's dtype; `eager` where the program has no other precision."""
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> list[str]:
        return [f"{finding.what}: {finding.reason}" for finding in self.findings if finding.reason]

    @property
    def holds(self) -> bool:
        return not self.reasons


class Parities:
    """Tries candidates for one program, of which it has the truth. The same candidate gives the same findings."""

    def __init__(self, program: Program, contract: Contract, *, meaning: Program | None = None) -> None:
        """`program` is as it was captured; `meaning` is what it became where that is meant to be another, by quantization."""
        self._program, self._contract, self._meaning = program, contract, meaning
        self._oracle: Oracle | None
        try:
            self._oracle = oracle_of(program)
        except NoOracle:
            self._oracle = None

    def of(self, candidate: Candidate, example: Sequence[torch.Tensor]) -> Parity:
        """On `example`, and on variations of it over caches that are not empty."""
        rounds = []
        for seed in range(SAMPLES):
            inputs = example if seed == 0 else varied(example, seed)
            states = self._program.states if seed == 0 else filled(self._program.states, seed)
            rounds.append(self._round(candidate, inputs, states))
        names = list(rounds[0])
        dtype = "eager" if self._oracle is None else str(self._oracle.dtype).removeprefix("torch.")
        return Parity(dtype, tuple(self._finding(name, [each[name] for each in rounds]) for name in names))

    def _round(
        self, candidate: Candidate, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]
    ) -> dict[str, _Three]:
        program = self._program
        eager = _named(interpret(program.graph, inputs, weights=program.weights, states=states))
        truth = eager if self._oracle is None else _named(self._oracle.compute(inputs, states))
        meant = truth
        if self._meaning is not None:
            meaning = self._meaning
            meant = _named(interpret(meaning.graph, inputs, weights=meaning.weights, states=states))
        mine = {name: state.clone() for name, state in states.items()}
        outputs = tuple(candidate(inputs, mine))
        found = _named(Computed(outputs, {name: mine[name] for name in program.graph.states}))
        return {name: _Three(found[name], eager[name], truth[name], meant[name]) for name in eager}

    def _finding(self, what: str, rounds: Sequence[_Three]) -> Finding:
        contract, dtype = self._contract, rounds[0].eager.dtype
        bitwise, quantized = contract.kind is Kind.BITWISE, self._meaning is not None
        error = max(largest_error(each.found, each.eager if bitwise else each.meant) for each in rounds)
        eager_error = 0.0 if bitwise or quantized else max(largest_error(each.eager, each.truth) for each in rounds)
        scale = max(_scale(each.meant) for each in rounds)
        allowed = (
            0.0 if bitwise else contract.ratio * eager_error + contract.slack_of(dtype, quantized=quantized) * scale
        )
        fractions = dtype.is_floating_point and rounds[0].found.dim() > 0
        kl = max(divergence(each.found, each.truth) for each in rounds) if fractions else 0.0
        cosine = min(least_cosine(each.found, each.truth) for each in rounds) if fractions else 1.0
        agreed = min(agreement(each.found, each.truth) for each in rounds) if fractions else 1.0
        finding = (what, error, eager_error, allowed, agreed, kl, cosine)
        return Finding(*finding, self._reason(rounds, error, allowed, kl, cosine))

    def _reason(self, rounds: Sequence[_Three], error: float, allowed: float, kl: float, cosine: float) -> str:
        for each in rounds:
            if bool(each.truth.isfinite().all()) and not bool(each.eager.isfinite().all()):
                dtype = str(each.eager.dtype).removeprefix("torch.")
                return f"the module itself gives what is no number in {dtype}; serve it in bfloat16 or float32"
        if not error <= allowed:
            return f"the error is {error:.3g}, and {allowed:.3g} is allowed"
        if self._contract.kind is Kind.DISTRIBUTIONAL and not (
            kl <= self._contract.kl and cosine >= self._contract.cosine
        ):
            return f"the divergence is {kl:.3g} nats and the least cosine {cosine:.4f}; give it weights of more bits"
        return ""


@dataclass(frozen=True)
class _Three:
    found: torch.Tensor
    eager: torch.Tensor
    truth: torch.Tensor
    meant: torch.Tensor


def _named(computed: Computed) -> dict[str, torch.Tensor]:
    outputs = {f"output {number}": tensor for number, tensor in enumerate(computed.outputs)}
    return {**outputs, **{f"cache {name}": state for name, state in sorted(computed.states.items())}}


def _scale(tensor: torch.Tensor) -> float:
    finite = tensor.double()[tensor.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0
