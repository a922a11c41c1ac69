"""How far two answers are from each other, in the ways that matter to who reads them."""

from __future__ import annotations

import torch


def largest_error(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The largest difference; infinite where one is no number and the other is, 0 where both are not, or the same infinity."""
    mine, theirs = found.double(), truth.double()
    alike = (mine == theirs) | (mine.isnan() & theirs.isnan())
    difference = torch.where(alike, 0.0, (mine - theirs).abs()).nan_to_num(torch.inf, torch.inf)
    return float(difference.max()) if difference.numel() else 0.0


def divergence(found: torch.Tensor, truth: torch.Tensor) -> float:
    """Nats: KL divergence of softmax(found) from softmax(truth) along the last dimension, mean over rows."""
    mine, theirs = (tensor.double().log_softmax(-1) for tensor in (found, truth))
    each = torch.where(theirs == -torch.inf, 0.0, theirs.exp() * (theirs - mine)).sum(-1)
    return float(each.mean()) if each.numel() else 0.0


def agreement(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The part of rows whose largest element is in the same place: tokens that a greedy decoder would say alike."""
    same = found.argmax(-1) == truth.argmax(-1)
    return float(same.double().mean()) if same.numel() else 1.0


def least_cosine(found: torch.Tensor, truth: torch.Tensor) -> float:
    """Over rows along the last dimension; 1 for rows that are both zero."""
    mine, theirs = found.double(), truth.double()
    lengths = mine.norm(dim=-1) * theirs.norm(dim=-1)
    both = torch.where(lengths == 0, (mine == theirs).all(-1).double(), (mine * theirs).sum(-1) / lengths)
    return float(both.min()) if both.numel() else 1.0


def chi_square(counts: torch.Tensor, probabilities: torch.Tensor, least: float = 5.0) -> float:
    """The probability of counts at least as far off, if they were drawn with `probabilities`: small means that they were not.

    Pearson's test (1900). What is expected fewer than `least` times is counted together; drawing what cannot be drawn is 0.
    """
    counts, expected = counts.double().flatten(), probabilities.double().flatten() * counts.sum()
    if bool(((expected == 0) & (counts > 0)).any()):
        return 0.0
    rare = expected < least
    seen = torch.cat((counts[~rare], counts[rare].sum()[None]))
    wanted = torch.cat((expected[~rare], expected[rare].sum()[None]))
    kept = wanted > 0
    freedom = int(kept.sum()) - 1
    if freedom < 1:
        return 1.0
    statistic = ((seen[kept] - wanted[kept]) ** 2 / wanted[kept]).sum()
    half = torch.tensor(freedom / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(half, statistic / 2))
