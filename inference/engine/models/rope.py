"""Rotary position embedding and its scalings, as transformers' `modeling_rope_utils` computes them.

Sources: RoFormer (arXiv 2104.09864); linear and NTK scaling as first posted by kaiokendev and bloc97; YaRN (arXiv
2309.00071); the Llama 3.1 scaling of its reference code.
"""

from __future__ import annotations

import math

import torch

from inference.engine.architecture import RopeConfig


class Rope:
    """Cosines and signed sines of every position, computed once."""

    def __init__(
        self, config: RopeConfig, head_dim: int, positions: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """For positions below `positions`. Angles are float32 whatever the type of the network."""
        frequencies, scale = inverse_frequencies(config, head_dim)
        angles = torch.arange(positions, dtype=torch.float32, device=device)[:, None] * frequencies.to(device)
        cosine, sine = (angles.cos() * scale).to(dtype), (angles.sin() * scale).to(dtype)
        self._table = torch.cat((cosine, cosine, -sine, sine), -1).view(positions, 2, 1, head_dim)

    @property
    def table(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and signed sines [positions, head_dim] of all positions."""
        cosine, signed_sine = self._table.squeeze(2).unbind(1)
        return cosine, signed_sine

    def __call__(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and signed sines [tokens, 1, head_dim] for `rotate_`, of positions [tokens]."""
        cosine, signed_sine = self._table.index_select(0, positions).unbind(1)
        return cosine, signed_sine


def rotate_(heads: torch.Tensor, cosine: torch.Tensor, signed_sine: torch.Tensor) -> None:
    """Rotates heads [tokens, heads, head_dim] in place. The sign of the half rotation is in the sine, which saves a negation."""
    turned = heads.roll(heads.shape[-1] // 2, -1)
    heads.mul_(cosine).addcmul_(turned, signed_sine)


def inverse_frequencies(config: RopeConfig, head_dim: int) -> tuple[torch.Tensor, float]:
    """Inverse frequencies [head_dim / 2] in float32, and the factor on sine and cosine.

    Dynamic scaling changes nothing up to the model's own length, which is also the longest this engine serves.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.int64, device="cpu").float() / head_dim
    plain = 1.0 / (config.theta**exponents)
    if config.kind == "linear":
        return plain / config.factor, 1.0
    if config.kind == "llama3":
        return _llama3(config, plain), 1.0
    if config.kind == "yarn":
        return _yarn(config, head_dim, plain), _yarn_attention(config)
    return plain, 1.0


def _llama3(config: RopeConfig, plain: torch.Tensor) -> torch.Tensor:
    """Long waves are slowed by the factor, short ones kept, those between interpolated."""
    length = config.original_max_position
    wavelength = 2 * math.pi / plain
    share = (length / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor)
    smooth = (1 - share) * plain / config.factor + share * plain
    slowed = torch.where(wavelength > length / config.low_freq_factor, plain / config.factor, smooth)
    return torch.where(wavelength < length / config.high_freq_factor, plain, slowed)


def _yarn(config: RopeConfig, head_dim: int, plain: torch.Tensor) -> torch.Tensor:
    def dimension(rotations: float) -> float:
        turns = config.original_max_position / (rotations * 2 * math.pi)
        return head_dim * math.log(turns) / (2 * math.log(config.theta))

    low, high = dimension(config.beta_fast), dimension(config.beta_slow)
    if config.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(head_dim // 2, dtype=torch.float32, device="cpu") - low) / (high - low)).clamp(0, 1)
    return plain / config.factor * ramp + plain * (1 - ramp)


def _yarn_attention(config: RopeConfig) -> float:
    def mscale(weight: float) -> float:
        return 1.0 if config.factor <= 1 else 0.1 * weight * math.log(config.factor) + 1.0

    if config.attention_factor is not None:
        return config.attention_factor
    if config.mscale and config.mscale_all_dim:
        return mscale(config.mscale) / mscale(config.mscale_all_dim)
    return mscale(1.0)
