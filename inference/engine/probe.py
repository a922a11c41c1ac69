"""A request of nobody: tokens that are computed to be looked at, apart from all requests."""

from __future__ import annotations

from inference.engine.protocol import Delta, EngineError, Result, Sampling
from inference.engine.request import Choice, Generation
from inference.engine.scheduler import Chunk
from inference.engine.tokenizer import Tokenizer


class _Nobody:
    """A sink that hears nothing."""

    def send(self, deltas: list[Delta]) -> None:
        pass

    def finish(self, outcome: Result | EngineError) -> None:
        pass


class Probe:
    """Tokens on blocks of a cache, computed piece by piece."""

    def __init__(self, tokenizer: Tokenizer, tokens: list[int], blocks: list[int]) -> None:
        self._generation = Generation(
            workspace="",
            lane="standard",
            sink=_Nobody(),
            tokenizer=tokenizer,
            prompt=tokens,
            max_tokens=1,
            sampling=Sampling(),
            seed=0,
            stream=False,
            stop_ids=frozenset(),
        )
        self._choice: Choice = self._generation.add_choice(blocks, 0)

    @property
    def tokens(self) -> list[int]:
        return self._choice.tokens

    @property
    def blocks(self) -> list[int]:
        return self._choice.blocks

    @property
    def left(self) -> int:
        """Tokens that are not computed yet."""
        return len(self._choice.tokens) - self._choice.computed

    def chunk(self, most: int) -> Chunk:
        """The next tokens, at most so many; counted as computed. It samples if it is the last."""
        start = self._choice.computed
        self._choice.computed = min(start + most, len(self._choice.tokens))
        return Chunk(self._generation, self._choice, start, self._choice.computed)

    def last(self) -> Chunk:
        """The last token again, which is computed already."""
        return Chunk(self._generation, self._choice, self._choice.computed - 1, self._choice.computed)

    def wipe(self) -> None:
        self._generation.wipe()
