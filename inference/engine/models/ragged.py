"""Texts of different lengths packed one after another without padding, and attention within each of them."""

from __future__ import annotations

from itertools import accumulate, chain

import torch
from torch.nn import functional


class Ragged:
    """Where each text lies in a packed [tokens, ...] tensor."""

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        """`lengths` are at least 1."""
        self.lengths = lengths
        self.longest = max(lengths)
        self.tokens = sum(lengths)
        self.bounds = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
        """[texts + 1]; text i lies from `bounds[i]` to before `bounds[i + 1]`."""
        self.counts = torch.tensor(lengths, device=device)

    @classmethod
    def pack(cls, texts: list[list[int]], device: torch.device) -> tuple[torch.Tensor, Ragged]:
        """Ids [tokens] of all texts, and where each lies."""
        return torch.tensor(list(chain.from_iterable(texts)), device=device), cls([len(ids) for ids in texts], device)

    def places(self) -> torch.Tensor:
        """[tokens]: how far each token is from the beginning of its text."""
        starts = torch.repeat_interleave(self.bounds[:-1], self.counts, output_size=self.tokens)
        return torch.arange(self.tokens, device=starts.device) - starts

    def first(self, values: torch.Tensor) -> torch.Tensor:
        """[tokens, width] to the first token of each text [texts, width]."""
        return values[self.bounds[:-1]]

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """[tokens, width] to the mean over each text [texts, width]."""
        return torch.segment_reduce(values, "mean", lengths=self.counts)

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attention of each text to itself alone: [tokens, heads, width] three times to [tokens, heads * width] in q's type."""
        if not q.is_cuda:
            return self.attend_one_by_one(q, k, v)
        if q.dtype in (torch.bfloat16, torch.float16):
            # Its module brings torch's whole compiler along: 145 MB that nobody on a processor needs.
            from torch.nn.attention.varlen import varlen_attn

            mixed = varlen_attn(q, k, v, self.bounds, self.bounds, self.longest, self.longest)
            return mixed.flatten(1)  # type: ignore[union-attr]  # a pair only where return_aux asks for one
        return self.attend_padded(q, k, v)

    def attend_one_by_one(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """As `attend`, one call a text and in float32, which a CPU computes several times as fast as bfloat16. On two cores
        the calls cost less than padding does, and as much as matmul, softmax and matmul written out."""
        # [1, heads, tokens, width], as views.
        q, k, v = (part.float().transpose(0, 1)[None] for part in (q, k, v))
        mixed = torch.cat(
            [
                functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
                for parts in zip(*(part.split(self.lengths, dim=2) for part in (q, k, v)), strict=True)
            ],
            dim=1,
        )
        return mixed[0]

    def attend_padded(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """As `attend`, without a loop and for every type: attention alone is padded to the longest text."""
        heads, width = q.shape[1:]
        inside = torch.arange(self.longest, device=q.device) < self.counts[:, None]
        padded = q.new_zeros(3, len(self.lengths), self.longest, heads, width)
        padded[:, inside] = torch.stack((q, k, v))
        q, k, v = padded.transpose(2, 3).unbind()
        mixed = functional.scaled_dot_product_attention(q, k, v, inside[:, None, None])
        return mixed.transpose(1, 2)[inside].flatten(1)
