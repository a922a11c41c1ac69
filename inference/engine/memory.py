"""Which blocks each choice has, and how many more it was promised. Imports no torch.

A request comes in when the blocks for its known tokens and an answer of ordinary length can be promised to it. A promise is
always kept: blocks beyond it are given only from what nobody was promised.
"""

from __future__ import annotations

from inference.engine.blocks import BLOCK_TOKENS, DETERMINISTIC_PIECE, BlockPool, blocks_for
from inference.engine.prefix import PUBLIC, Domain
from inference.engine.request import EXPECTED_ANSWER, Choice, Generation


class Memory:
    """The blocks of one model's running requests. For the step thread alone."""

    def __init__(self, pool: BlockPool) -> None:
        self._pool = pool
        self.promised = 0
        """Blocks promised and not taken yet; never more than are available."""

    def fits(self, generation: Generation) -> bool:
        """Whether the request's blocks can be promised now."""
        need = 0
        reused: set[int] = set()
        for choice in generation.unfinished or [generation.add_choice([], 0)]:
            found = self._find(generation, choice)
            need += _promise(generation, choice, len(found))
            reused.update(block for block in found if not self._pool.holders(block))
        return need + len(reused) <= self._pool.available - self.promised

    def seat(self, generation: Generation) -> None:
        """Gives a request that fits what the cache has of it already, and promises it the rest."""
        queried = hit = 0
        for choice in generation.unfinished:
            found = self._find(generation, choice)
            self._pool.share(found)
            choice.blocks = found
            choice.published = len(found)
            choice.computed = len(found) * BLOCK_TOKENS
            choice.promised = _promise(generation, choice, len(found))
            self.promised += choice.promised
            if not choice.paid:
                choice.paid = generation.cached_tokens = hit = choice.computed
                queried = len(choice.tokens)
        self._pool.index.count(queried, hit)

    def grow(self, choice: Choice) -> bool:
        """One more block for an answer that has filled its last; False when nobody may give one."""
        if not choice.promised and self._pool.available <= self.promised:
            return False
        self._take(choice, 1)
        return True

    def cover(self, choice: Choice, tokens: int) -> None:
        """Blocks for the choice's first `tokens` tokens, which were promised."""
        missing = blocks_for(tokens) - len(choice.blocks)
        if missing > 0:
            self._take(choice, missing)

    def fork(self, generation: Generation) -> list[tuple[int, int]]:
        """Adds the other choices of a computed prompt; returns the (from, to) blocks to copy for them.

        Full prompt blocks are shared; the last, partly filled one is copied because each choice writes on in its own.
        """
        first = generation.choices[0]
        whole = generation.prompt_tokens // BLOCK_TOKENS
        shared = first.blocks[:whole]
        tail = blocks_for(generation.prompt_tokens + _room(generation, first)) - whole
        copies = []
        for _ in range(generation.sampling.n - 1):
            self._pool.share(shared)
            choice = generation.add_choice(list(shared), generation.prompt_tokens)
            choice.chain = self._pool.index.chain(_domain(generation))
            choice.published, choice.paid = whole, generation.prompt_tokens
            choice.promised, first.promised = tail, first.promised - tail
            if generation.prompt_tokens % BLOCK_TOKENS:
                self._take(choice, 1)
                copies.append((first.blocks[whole], choice.blocks[whole]))
        return copies

    def publish(self, generation: Generation, choice: Choice) -> None:
        """Makes the choice's full blocks findable."""
        full = choice.computed // BLOCK_TOKENS
        if generation.deterministic:
            # Only what was computed in whole pieces has the bits that another deterministic request would compute.
            pieces = min(choice.computed, generation.prompt_tokens) // DETERMINISTIC_PIECE
            full = pieces * DETERMINISTIC_PIECE // BLOCK_TOKENS
        chain = choice.chain
        while chain is not None and choice.published < full:
            self._pool.index.publish(chain, choice.published, choice.tokens, choice.blocks[choice.published])
            choice.published += 1

    def free(self, choice: Choice, *, keep: bool = True) -> None:
        """Takes back all that a choice has and was promised; without `keep` nobody else is given what is in its blocks."""
        self._pool.release(choice.blocks, keep=keep)
        self.promised -= choice.promised
        choice.blocks, choice.promised = [], 0

    def _take(self, choice: Choice, count: int) -> None:
        choice.blocks += self._pool.allocate(count)
        kept = min(count, choice.promised)
        choice.promised -= kept
        self.promised -= kept

    def _find(self, generation: Generation, choice: Choice) -> list[int]:
        """The blocks in which the choice's beginning is already."""
        index = self._pool.index
        if choice.chain is None or not index.is_current(choice.chain):
            choice.chain = index.chain(_domain(generation))
        if choice.chain is None:
            return []
        unit = DETERMINISTIC_PIECE // BLOCK_TOKENS if generation.deterministic else 1
        return index.match(choice.chain, choice.tokens, unit)


def _promise(generation: Generation, choice: Choice, found: int) -> int:
    """Blocks to promise to a choice of which `found` blocks are there, its forks included."""
    whole = blocks_for(len(choice.tokens) + _room(generation, choice))
    forks = generation.sampling.n - 1 if len(generation.choices) == 1 else 0
    return whole - found + forks * (whole - generation.prompt_tokens // BLOCK_TOKENS)


def _room(generation: Generation, choice: Choice) -> int:
    """Tokens of the answer still to come for which blocks are promised."""
    left = choice.limit - len(choice.tokens)
    return left if generation.deterministic else min(left, EXPECTED_ANSWER)


def _domain(generation: Generation) -> Domain:
    scope = generation.cache
    workspace = PUBLIC if scope == "public" else generation.workspace
    return Domain(scope, workspace, generation.key if scope == "key" else "", generation.deterministic)
