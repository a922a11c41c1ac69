"""Draws the next token of every row of a batch at once.

One unit, in this order: logit bias, penalties, grammar mask, temperature, top-k, top-p, min-p, and a draw that a supplied
uniform number decides. Rows do not influence each other, and a row pays only for the options it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy
import torch

from inference.engine.history import History

GREEDY_BELOW = 1e-5
"""Temperatures below this divide logits into infinities; they mean greedy."""
_CANDIDATES = 256
"""A cut that needs no more tokens than this is exact without sorting the vocabulary."""


class Constraint(Protocol):
    """What a grammar asks of one row; `inference.engine.matcher.Matcher` is one."""

    def allowed(self) -> numpy.ndarray:
        """The tokens that may come next, as a bitmask of bytes, lowest bit first."""
        ...

    def settle(self, token: int) -> int:
        """Takes the drawn token, or another in its place, and returns which."""
        ...


@dataclass(frozen=True, slots=True)
class Penalties:
    """Of one row; see `protocol.Sampling`."""

    presence: float
    frequency: float
    repetition: float
    history: History


@dataclass(frozen=True, slots=True)
class Draw:
    """How to draw one row."""

    temperature: float
    top_k: int
    top_p: float
    uniform: float
    """A number in [0, 1) that decides the draw; the same number and logits give the same token."""
    logprobs: int | None
    """Alternatives to report; None reports nothing."""
    min_p: float = 0.0
    bias: dict[int, float] | None = None
    penalties: Penalties | None = None
    constraint: Constraint | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked that needs more than logits, and nothing of them but a token: then a step can end with it."""
        return not (self.bias or self.penalties or self.constraint or self.logprobs is not None)

    @property
    def cuts(self) -> bool:
        return self.top_k > 0 or self.top_p < 1.0 or self.min_p > 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row's token; None when its logits are not finite."""

    token: int | None
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their log-probabilities, likeliest first; the model's own, before any option."""


@dataclass(slots=True)
class Counts:
    """What the sampler has done, for metrics."""

    draws: int = 0
    sorted: int = 0
    """Draws whose cut needed the whole vocabulary in order: the slow exact path."""


def sample(logits: torch.Tensor, draws: list[Draw], counts: Counts | None = None) -> list[Drawn]:
    """The next token of each row of `logits` [len(draws), vocabulary]; `logits` is left as it was."""
    counts = counts if counts is not None else Counts()
    counts.draws += len(draws)
    logits = logits.float()
    finite = torch.isfinite(logits.sum(dim=-1)).tolist()
    shaped = _shaped(logits, draws, finite)
    tokens = shaped.argmax(dim=-1).tolist()
    warm = [row for row, draw in enumerate(draws) if draw.temperature >= GREEDY_BELOW and finite[row]]
    if warm:
        drawn = _draw(shaped[warm], [draws[row] for row in warm], counts)
        for row, token in zip(warm, drawn, strict=True):
            tokens[row] = token
    for row, draw in enumerate(draws):
        if draw.constraint is not None and finite[row]:
            tokens[row] = draw.constraint.settle(tokens[row])
    asked = [row for row, draw in enumerate(draws) if draw.logprobs is not None and finite[row]]
    reported = _logprobs(logits[asked], [(tokens[row], draws[row].logprobs or 0) for row in asked]) if asked else []
    results = [Drawn(token if finite[row] else None) for row, token in enumerate(tokens)]
    for row, result in zip(asked, reported, strict=True):
        results[row] = result
    return results


def _shaped(logits: torch.Tensor, draws: list[Draw], finite: Sequence[bool]) -> torch.Tensor:
    """The logits with bias, penalties and masks applied; the same tensor when no row has any."""
    biased = [(row, draw.bias) for row, draw in enumerate(draws) if draw.bias]
    penalized = [
        (row, draw.penalties) for row, draw in enumerate(draws) if draw.penalties is not None and draw.penalties.history
    ]
    masked = [(row, draw.constraint) for row, draw in enumerate(draws) if draw.constraint is not None and finite[row]]
    if not (biased or penalized or masked):
        return logits
    shaped = logits.clone()
    device = logits.device
    if biased:
        rows = torch.tensor([row for row, bias in biased for _ in bias], device=device)
        ids = torch.tensor([token for _, bias in biased for token in bias], device=device)
        values = torch.tensor([value for _, bias in biased for value in bias.values()], device=device)
        shaped[rows, ids] += values
    if penalized:
        _penalize(shaped, penalized)
    if masked:
        width = logits.shape[-1]
        bits = numpy.stack([constraint.allowed() for _, constraint in masked])
        allowed = torch.from_numpy(numpy.unpackbits(bits, axis=1, count=width, bitorder="little")).to(device).bool()
        rows = torch.tensor([row for row, _ in masked], device=device)
        shaped[rows] = shaped[rows].masked_fill_(~allowed, float("-inf"))
    return shaped


def _penalize(shaped: torch.Tensor, penalized: list[tuple[int, Penalties]]) -> None:
    """Applies repetition, then frequency and presence, to the tokens seen so far: one gather and one scatter for all rows."""
    device = shaped.device
    sizes = torch.tensor([len(penalties.history.tokens) for _, penalties in penalized], device=device)
    rows = torch.tensor([row for row, _ in penalized], device=device).repeat_interleave(sizes)
    ids = torch.tensor([token for _, penalties in penalized for token in penalties.history.tokens], device=device)
    seen = torch.tensor(
        [count for _, penalties in penalized for count in penalties.history.counts],
        device=device,
        dtype=torch.float32,
    )

    def each(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, device=device).repeat_interleave(sizes)

    repetition = each([penalties.repetition for _, penalties in penalized])
    values = shaped[rows, ids]
    values = torch.where(values > 0, values / repetition, values * repetition)
    values -= each([penalties.frequency for _, penalties in penalized]) * seen
    values -= each([penalties.presence for _, penalties in penalized]) * (seen > 0)
    shaped[rows, ids] = values


def _draw(logits: torch.Tensor, draws: list[Draw], counts: Counts) -> list[int]:
    """Inverse-transform sampling: one uniform a row picks the token at that share of the kept probability mass."""
    device = logits.device
    probabilities = torch.softmax(logits / torch.tensor([[draw.temperature] for draw in draws], device=device), dim=-1)
    vocabulary = logits.shape[-1]
    tokens = [0] * len(draws)
    free = [row for row, draw in enumerate(draws) if not draw.cuts]
    if free:
        _pick(probabilities[free], None, [draws[row].uniform for row in free], free, tokens)
    cut = [row for row, draw in enumerate(draws) if draw.cuts]
    width = min(_CANDIDATES, vocabulary)
    while cut:
        values, ids = probabilities[cut].topk(width, dim=-1)
        before = values.cumsum(dim=-1, dtype=torch.float64) - values
        k = torch.tensor([[draws[row].top_k if draws[row].top_k > 0 else vocabulary] for row in cut], device=device)
        p = torch.tensor([[draws[row].top_p] for row in cut], device=device, dtype=torch.float64)
        least = torch.tensor([[draws[row].min_p] for row in cut], device=device)
        rank = torch.arange(width, device=device)
        # A token is kept when it is among the k likeliest and the likelier ones do not reach p of what those k hold.
        kept = rank < k
        mass = torch.where(k < vocabulary, (values * kept).sum(dim=-1, keepdim=True, dtype=torch.float64), 1.0)
        kept &= (before < p * mass) | (p >= 1.0)
        kept &= values >= least * values[:, :1]
        # Known to be exact when the k likeliest are all here, or when the cut falls among those here and does not hang on
        # the mass of some that are not.
        here = (k <= width) | (((k >= vocabulary) | (p >= 1.0)) & ~kept[:, -1:])
        exact = [whole or width == vocabulary for whole in here[:, 0].tolist()]
        done = [i for i, whole in enumerate(exact) if whole]
        rows = [cut[i] for i in done]
        _pick((values * kept)[done], ids[done], [draws[row].uniform for row in rows], rows, tokens)
        cut = [row for row, whole in zip(cut, exact, strict=True) if not whole]
        counts.sorted += len(cut)
        width = vocabulary
    return tokens


def _pick(
    weights: torch.Tensor, ids: torch.Tensor | None, uniforms: list[float], rows: list[int], tokens: list[int]
) -> None:
    if not rows:
        return
    total = weights.cumsum(dim=-1, dtype=torch.float64)
    targets = (
        torch.tensor([[uniform] for uniform in uniforms], device=weights.device, dtype=torch.float64) * total[:, -1:]
    )
    # right=True: a target on a border belongs to the token that begins there, so tokens of no weight are never picked.
    picked = torch.searchsorted(total, targets, right=True).clamp_(max=weights.shape[-1] - 1)
    chosen = picked if ids is None else ids.gather(-1, picked)
    for row, token in zip(rows, chosen[:, 0].tolist(), strict=True):
        tokens[row] = token


def _logprobs(logits: torch.Tensor, wanted: list[tuple[int, int]]) -> list[Drawn]:
    scores = torch.log_softmax(logits, dim=-1)
    vocabulary = logits.shape[-1]
    most = min(max(count for _, count in wanted), vocabulary)
    values, ids = scores.topk(most, dim=-1)
    # A constraint may end a row with an id of its own, beyond the vocabulary, whose probability nobody reads.
    tokens = torch.tensor([[min(token, vocabulary - 1)] for token, _ in wanted], device=logits.device)
    chosen = scores.gather(-1, tokens)[:, 0].tolist()
    return [
        Drawn(token, logprob, tuple(zip(row_ids[:count], row_values[:count], strict=True)))
        for (token, count), logprob, row_ids, row_values in zip(
            wanted, chosen, ids.tolist(), values.tolist(), strict=True
        )
    ]
