"""Runs a decoder on a device: loads weights, holds the KV cache, turns plans into tensors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, cast

import torch

from inference.engine.architecture import DecoderConfig
from inference.engine.batches import PINNED_ROWS, Batches
from inference.engine.checkpoint import Checkpoint
from inference.engine.decode_graphs import DecodeGraphs
from inference.engine.errors import CheckpointError, NoKernels
from inference.engine.kv_store import KvStore
from inference.engine.models.decoder import Decoder
from inference.engine.models.layers import DtypeName, Linear, best_dtype, pack, weights_of
from inference.engine.models.threads import Threads, threads
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk
from inference.engine.stats import Memory

if TYPE_CHECKING:  # what compiles is imported where somebody asks for it
    from inference.engine.kernel_steps import KernelSteps
    from inference.engine.kernels import Kernels

_CHECKED_SHIFTS = (1, 3, 8)


class DecoderRunner:
    """A decoder and its cache on one device. For one thread at a time.

    Chunks of deterministic requests are computed apart from all others, in shapes that depend on the request alone: running
    answers in forwards of a fixed number of rows, prompt pieces each in a forward of `DETERMINISTIC_PIECE` tokens. Their bits
    are the same alone and in company, for the same weights, device and number of threads.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "cpu",
        dtype: DtypeName = "float32",
        graphs: bool = False,
        kernels: Kernels | None = None,
        counted: bool = False,
    ) -> None:
        """Loads the weights. Raises CheckpointError when they cannot be served.

        With `graphs` on a CUDA device, `reserve` captures the decode steps of common sizes, and steps of those sizes replay. With
        `kernels` it makes steps by those, as far as they go.
        With `counted` it stands in for something faster that could not be had.
        """
        if not isinstance(checkpoint.config, DecoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not a decoder")
        self.config = checkpoint.config
        self._device = torch.device(device)
        chosen = best_dtype(self._device) if dtype == "auto" else dtype
        try:
            self._network = self._load(checkpoint, chosen)
        except OverflowError as error:
            if dtype != "auto":
                raise CheckpointError(f"{error}; serve this checkpoint as float32 or bfloat16") from None
            self._network = self._load(checkpoint, "float32")
        self._dtype = self._network.norm.weight.dtype
        self.store = KvStore(self.config, self._device, self._dtype)
        token_bytes = 2 * self.config.kv_heads * self.config.head_dim * 4
        self._batches = Batches(self._device, token_bytes=token_bytes, max_tokens=self.config.max_tokens)
        self._pinned_rows = PINNED_ROWS if self._ignores_slots() else 1
        self._graphs: DecodeGraphs | None = None
        self._wants_graphs = graphs and self._device.type == "cuda"
        self._kernels: KernelSteps | None = None
        self._makes_kernels = kernels
        self.uncompiled = ""
        """Why there are no kernels that were asked for; known once the cache is reserved."""
        self.slow_path = 0
        """Steps that kernels did not take, where there are some, or decode steps that nothing captured fitted; all of them where it
        stands in for something faster."""
        self._stands_in = counted

    def reserve(self, blocks: int) -> None:
        """Makes a zeroed cache of `blocks` blocks; to be called once, before the first step."""
        # One block more takes what the padding rows of a captured step write.
        self.store.reserve(blocks + self._wants_graphs)
        if self._makes_kernels is not None:
            self._compile(self._makes_kernels)
        # After that, for it moves the weights.
        if self._wants_graphs:
            self._graphs = DecodeGraphs(self._network, self.store.layers, self._device, sink=blocks)

    def _compile(self, make: Kernels) -> None:
        try:
            self._kernels = make(self._network, self.store.layers)
        except NoKernels as error:
            self.uncompiled, self._stands_in = str(error), True

    @property
    def kernels(self) -> KernelSteps:
        """By which it steps where it can, once the cache is reserved. Raises NoKernels."""
        if self._kernels is None:
            raise NoKernels(self.uncompiled)
        return self._kernels

    @property
    def dtype(self) -> DtypeName:
        """Of the weights."""
        return cast(DtypeName, str(self._dtype).removeprefix("torch."))

    @property
    def memory(self) -> Memory:
        if self._kernels is None:
            return Memory(self._weights_bytes, self.store.bytes)
        # What both compute with is there once.
        tensors = (*self._network.parameters(), *self._kernels.weights.values())
        held = {tensor.data_ptr(): tensor.nbytes for tensor in tensors}
        return Memory(sum(held.values()), self.store.bytes, arena=self._kernels.bytes)

    def draw(self, chunks: list[Chunk], draws: Sequence[Draw | None]) -> tuple[torch.Tensor, list[Drawn | None]]:
        """What `step` gives, and what the step has drawn by draws that are plain; None where nothing is drawn yet."""
        if self._kernels is not None and not any(chunk.generation.deterministic for chunk in chunks):
            found = self._kernels.draw(chunks, draws)
            if found is not None:
                return found
        return self.step(chunks), [None] * len(draws)

    @torch.inference_mode()
    def step(self, chunks: list[Chunk]) -> torch.Tensor:
        """Computes the chunks; logits [those that sample, vocabulary], in order."""
        pinned = [chunk for chunk in chunks if chunk.generation.deterministic]
        if not pinned:
            return self._mixed(chunks)
        rows: dict[int, torch.Tensor] = {}
        others = [chunk for chunk in chunks if not chunk.generation.deterministic]
        if others:
            self._keep(rows, others, self._mixed(others))
        with _threads_that_divide(PINNED_ROWS, self._device):
            answers = [chunk for chunk in pinned if chunk.start >= chunk.generation.prompt_tokens]
            for start in range(0, len(answers), self._pinned_rows):
                some = answers[start : start + self._pinned_rows]
                self._keep(
                    rows, some, self._network(self._batches.pinned_answers(some, self._pinned_rows), self.store.layers)
                )
            for chunk in pinned:
                if chunk.start < chunk.generation.prompt_tokens:
                    self._keep(rows, [chunk], self._network(self._batches.pinned_piece(chunk), self.store.layers))
        found = [rows[id(chunk)] for chunk in chunks if chunk.samples]
        return torch.stack(found) if found else self.store.layers[0].new_empty(0, self.config.vocab_size)

    def wipe_buffers(self) -> int:
        """Zeroes what steps leave in buffers that outlive them; the number of bytes."""
        wiped = 0 if self._graphs is None else self._graphs.wipe()
        return wiped + (0 if self._kernels is None else self._kernels.wipe())

    def _mixed(self, chunks: list[Chunk]) -> torch.Tensor:
        self.slow_path += self._stands_in
        if self._kernels is not None:
            found = self._kernels.draw(chunks, [None] * sum(chunk.samples for chunk in chunks))
            if found is not None:
                return found[0]
        graphs = self._graphs if _are_answers(chunks) else None
        logits = None if graphs is None else graphs.step(chunks)
        if logits is not None:
            return logits
        if self._kernels is not None or graphs is not None:
            self.slow_path += not self._stands_in
        with self._threads.fit(sum(chunk.end - chunk.start for chunk in chunks)):
            return self._network(self._batches.mixed(chunks), self.store.layers)  # type: ignore[no-any-return]

    @staticmethod
    def _keep(rows: dict[int, torch.Tensor], chunks: Sequence[Chunk], logits: torch.Tensor) -> None:
        # A pinned forward has rows of padding behind the chunks' own.
        rows.update(zip((id(chunk) for chunk in chunks if chunk.samples), logits, strict=False))

    def _load(self, checkpoint: Checkpoint, dtype: str) -> Decoder:
        empty = partial(torch.empty, dtype=getattr(torch, dtype), device=self._device)
        network = Decoder(self.config, empty)
        network.load(checkpoint.weights())
        self._weights_bytes = weights_of(network)
        pack(network)
        self._threads = Threads.measured(network.layers)
        return network

    @torch.inference_mode()
    def _ignores_slots(self) -> bool:
        """Whether a matrix product of `PINNED_ROWS` rows gives a row the same bits wherever it stands.

        Kernels compute rows in groups, and some sum a last, smaller group in another order.
        """
        first = self._network.layers[0]
        matrices = [module for module in first.modules() if isinstance(module, Linear)] + [self._network.lm_head]
        generator = torch.Generator().manual_seed(0)
        for matrix in matrices:
            rows = torch.randn(PINNED_ROWS, matrix.columns, generator=generator).to(self._device, self._dtype)
            out = matrix(rows)
            if any(not torch.equal(matrix(rows.roll(by, 0)), out.roll(by, 0)) for by in _CHECKED_SHIFTS):
                return False
        return True


def _are_answers(chunks: Sequence[Chunk]) -> bool:
    """Whether each is one token of an answer that goes on."""
    return all(chunk.samples and chunk.end - chunk.start == 1 for chunk in chunks)


def _threads_that_divide(rows: int, device: torch.device) -> AbstractContextManager[None]:
    """A CPU's threads cut a tensor into equal parts; with a number of them that divides the rows no cut falls into a row,
    whose two parts would then be rounded as beginnings and ends of vectors are."""
    count = torch.get_num_threads()
    if device.type == "cpu":
        count = max(fewer for fewer in range(1, min(count, rows) + 1) if rows % fewer == 0)
    return threads(count)
