"""Where one answer is in its grammar, and how it gets home in time. Imports no torch.

A model under a grammar may write a string for ever, and an answer that `max_tokens` cuts off is no answer. So each
answer always knows a way out: tokens that complete it from where it is, never more of them than it may still write. A
token is taken only if such a way exists behind it; otherwise the first token of the known way is taken in its place.
The way at the start is known before the request is admitted, so every admitted answer is complete within `max_tokens`.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy
from llguidance import LLMatcher

from inference.engine.protocol import TOOL_CALL_OPEN, FinishReason
from inference.engine.vocabulary import Vocabulary
from inference.engine.way_out import JOINTS, joint, way_out

SLOW_S = 0.25
"""A mask that takes longer holds up every answer of the step: the answer that needs it goes home the way it knows."""
STEP_EFFORT = 64
"""Places the search for a new way may look at between two tokens: a few milliseconds at most."""
_OPEN_MARK = TOOL_CALL_OPEN.encode()


@dataclass(frozen=True, slots=True)
class CompiledGrammar:
    """A grammar ready to be followed, with the shortest way through it that was found."""

    vocabulary: Vocabulary
    start: LLMatcher
    way: bytes
    plan: tuple[int, ...]
    """`way` in the fewest tokens."""
    pieces: tuple[bytes, ...] = JOINTS
    """What may complete a part of it that was just begun."""
    free_text: bool = False
    """Whether text of any kind is an answer too: then one that `max_tokens` cuts ends with `length`, as without a grammar."""

    @property
    def least_tokens(self) -> int:
        return len(self.plan)

    def matcher(self, budget: int) -> Matcher:
        """For one answer of at most `budget` tokens, which are at least `least_tokens`."""
        return Matcher(self, budget)


class Matcher:
    """One answer's place in its grammar. It knows what was accepted, so computing tokens again does not move it."""

    __slots__ = (
        "_blind",
        "_chosen",
        "_left",
        "_mark",
        "_pieces",
        "_plan",
        "_state",
        "_tail",
        "_vocabulary",
        "_way",
        "ended",
    )

    def __init__(self, grammar: CompiledGrammar, budget: int) -> None:
        self._vocabulary = grammar.vocabulary
        self._state = grammar.start.deep_copy()
        self._way = grammar.way
        self._plan = list(grammar.plan)
        self._pieces = grammar.pieces
        self._left = budget
        self._blind = False
        """The library gave up on this text: the known way is followed without it."""
        self._chosen = False
        self._mark = not grammar.free_text
        """Whether the answer is bound to the grammar's end; free text is until it calls a tool."""
        self._tail = b""
        self.ended = False
        """Nothing may follow."""

    @property
    def end(self) -> int:
        """The id that ends the answer and stands for no text."""
        return self._vocabulary.end

    @property
    def reason(self) -> FinishReason:
        """Why the answer ended, if it ended here."""
        return "stop" if self._chosen or (self._mark and not self._way) else "length"

    def allowed(self) -> numpy.ndarray:
        """The tokens that may come next, as a bitmask of bytes, lowest bit first."""
        began = perf_counter()
        mask = b"" if self._blind else self._state.compute_bitmask()
        if self._blind or self._state.is_error() or perf_counter() - began > SLOW_S:
            self._blind = True
            return numpy.full((self._vocabulary.library.vocab_size + 31) // 32 * 4, 255, dtype=numpy.uint8)
        return numpy.frombuffer(mask, dtype=numpy.uint8)

    def settle(self, token: int) -> int:
        """Takes `token` if the answer can still be completed behind it, and otherwise the next token of the known way."""
        if self._blind or not self._take(token):
            token = self._force()
        self._left -= 1
        if not self._mark:
            self._tail = (self._tail + self._vocabulary.bytes_of(token))[-64:]
            self._mark = _OPEN_MARK in self._tail
        return token

    def _take(self, token: int) -> bool:
        vocabulary, state = self._vocabulary, self._state
        if token in vocabulary.ends:
            self._chosen = self.ended = state.is_accepting()
            return self.ended
        if vocabulary.completes(state, [token]):
            self._way, self._plan = b"", []
        elif self._plan and self._plan[0] == token:
            self._way, self._plan = self._way[len(vocabulary.bytes_of(token)) :], self._plan[1:]
        else:
            way = self._way_after(token)
            plan = None if way is None else vocabulary.fit(state, [token], way, self._left - 1)
            if way is None or plan is None:
                return False
            self._way, self._plan = way, plan
        if not state.consume_token(token):
            self._blind = True
        self.ended = state.is_stopped()
        return True

    def _way_after(self, token: int) -> bytes | None:
        vocabulary, state, way = self._vocabulary, self._state, self._way
        piece = vocabulary.bytes_of(token)
        if piece and way.startswith(piece):
            return way[len(piece) :]
        if way and vocabulary.completes(state, [token, *vocabulary.spell(way)]):
            return way
        joined = joint(vocabulary, state, token, way, self._pieces)
        if joined is not None:
            return joined
        after = state.deep_copy()
        return way_out(vocabulary, after, way, STEP_EFFORT) if after.consume_token(token) else None

    def _force(self) -> int:
        if not self._plan:
            self.ended = True
            return self._vocabulary.end
        token = self._plan.pop(0)
        self._way = self._way[len(self._vocabulary.bytes_of(token)) :]
        if not self._blind and not self._state.consume_token(token):
            self._blind = True
        self.ended = not self._plan if self._blind else self._state.is_stopped()
        return token
