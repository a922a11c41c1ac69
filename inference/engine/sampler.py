"""Draws the next token of every row of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

GREEDY_BELOW = 1e-5
"""Temperatures below this divide logits into infinities; they mean greedy."""
_CANDIDATES = 256
"""A cut that needs no more tokens than this is exact without sorting the vocabulary."""


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


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row's token; None when its logits are not finite."""

    token: int | None
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their log-probabilities, likeliest first; before temperature and cuts."""


def sample(logits: torch.Tensor, draws: list[Draw]) -> list[Drawn]:
    """The next token of each row of `logits` [len(draws), vocabulary]. Rows do not influence each other."""
    logits = logits.float()
    finite = torch.isfinite(logits.sum(dim=-1)).tolist()
    tokens = logits.argmax(dim=-1).tolist()
    warm = [row for row, draw in enumerate(draws) if draw.temperature >= GREEDY_BELOW and finite[row]]
    if warm:
        drawn = _draw(logits[warm], [draws[row] for row in warm])
        for row, token in zip(warm, drawn, strict=True):
            tokens[row] = token
    asked = [row for row, draw in enumerate(draws) if draw.logprobs is not None and finite[row]]
    reported = _logprobs(logits[asked], [(tokens[row], draws[row].logprobs or 0) for row in asked]) if asked else []
    results = [Drawn(token if finite[row] else None) for row, token in enumerate(tokens)]
    for row, result in zip(asked, reported, strict=True):
        results[row] = result
    return results


def _draw(logits: torch.Tensor, draws: list[Draw]) -> list[int]:
    """Inverse-transform sampling: one uniform a row picks the token at that share of the kept probability mass."""
    device = logits.device
    probabilities = torch.softmax(logits / torch.tensor([[draw.temperature] for draw in draws], device=device), dim=-1)
    tokens = [0] * len(draws)
    free = [row for row, draw in enumerate(draws) if draw.top_p >= 1.0 and draw.top_k <= 0]
    if free:
        _pick(probabilities[free], None, [draws[row].uniform for row in free], free, tokens)
    cut = [row for row, draw in enumerate(draws) if draw.top_p < 1.0 or draw.top_k > 0]
    width = min(_CANDIDATES, logits.shape[-1])
    while cut:
        values, ids = probabilities[cut].topk(width, dim=-1)
        before = values.cumsum(dim=-1, dtype=torch.float64) - values
        k = torch.tensor(
            [[draws[row].top_k if draws[row].top_k > 0 else logits.shape[-1]] for row in cut], device=device
        )
        p = torch.tensor([[draws[row].top_p] for row in cut], device=device, dtype=torch.float64)
        rank = torch.arange(width, device=device)
        # A token is kept when it is among the k likeliest and the likelier ones do not reach p of what those k hold.
        kept = rank < k
        mass = torch.where(k < logits.shape[-1], (values * kept).sum(dim=-1, keepdim=True, dtype=torch.float64), 1.0)
        kept &= before < p * mass
        # Known to be exact when the k likeliest are all here, or when there is no k and the cut falls among those here.
        here = (k <= width) | ((k >= logits.shape[-1]) & ~kept[:, -1:])
        exact = [whole or width == logits.shape[-1] for whole in here[:, 0].tolist()]
        done = [i for i, whole in enumerate(exact) if whole]
        rows = [cut[i] for i in done]
        _pick((values * kept)[done], ids[done], [draws[row].uniform for row in rows], rows, tokens)
        cut = [row for row, whole in zip(cut, exact, strict=True) if not whole]
        width = logits.shape[-1]
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
    most = min(max(count for _, count in wanted), logits.shape[-1])
    values, ids = scores.topk(most, dim=-1)
    chosen = scores.gather(-1, torch.tensor([[token] for token, _ in wanted], device=logits.device))[:, 0].tolist()
    return [
        Drawn(token, logprob, tuple(zip(row_ids[:count], row_values[:count], strict=True)))
        for (token, count), logprob, row_ids, row_values in zip(
            wanted, chosen, ids.tolist(), values.tolist(), strict=True
        )
    ]
