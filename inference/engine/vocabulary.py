"""A model's tokens as the grammar library sees them: bytes, and the ways to spell a text with them. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy
from llguidance import LLMatcher, LLTokenizer

from inference.engine.errors import CheckpointError


class Vocabulary:
    """Made once for each model, which takes about 10 µs a token; for every thread."""

    def __init__(self, tokenizer_json: str, size: int, stop_ids: Iterable[int]) -> None:
        """`size` is the width of the model's logits. Raises CheckpointError for a tokenizer that the library cannot read."""
        try:
            plain = LLTokenizer(tokenizer_json)
            whole = max(size, plain.vocab_size)
            stops = sorted(token for token in stop_ids if token < plain.vocab_size)
            self.library = LLTokenizer(tokenizer_json, n_vocab=whole, eos_token=stops or None)
        except Exception as error:  # noqa: BLE001  # the package raises plain exceptions of several classes
            raise CheckpointError(f"tokenizer.json: no grammars for this tokenizer ({error})") from None
        self.ends = frozenset(stops or [self.library.eos_token])
        """Ids that end an answer and stand for no text; the library needs one even where the checkpoint names none."""
        self.end = min(self.ends)
        self.bytes_of = lru_cache(1 << 16)(self._bytes_of)
        self._single = self._single_bytes(whole)
        self.single_ids = numpy.array([token for token in self._single if token is not None], dtype=numpy.int64)
        self.single_values = [byte for byte, token in enumerate(self._single) if token is not None]

    def spell(self, text: bytes) -> list[int]:
        """Tokens of `text` that every grammar which takes the text takes, one a byte where the tokenizer has such tokens."""
        ids = [self._single[byte] for byte in text]
        return self.library.tokenize_bytes(text) if None in ids else [token for token in ids if token is not None]

    def fit(self, state: LLMatcher, before: list[int], text: bytes, room: int) -> list[int] | None:
        """Tokens, at most `room`, that spell `text` where it completes the answer behind `before`; None when none are found."""
        ids = self.spell(text)
        if len(ids) > room:
            ids = self.library.tokenize_bytes(text)
            if len(ids) > room or not self.completes(state, before + ids):
                return None
        return ids

    def completes(self, state: LLMatcher, ids: list[int]) -> bool:
        """Whether the answer may end after `ids`."""
        return state.validate_tokens([*ids, self.end]) == len(ids) + 1

    def _bytes_of(self, token: int) -> bytes:
        return self.library.decode_bytes([token])

    def _single_bytes(self, size: int) -> list[int | None]:
        single: list[int | None] = [None] * 256
        for token in range(size):
            if token not in self.ends and not self.library.is_special_token(token):
                raw = self.library.decode_bytes([token])
                if len(raw) == 1 and single[raw[0]] is None:
                    single[raw[0]] = token
        return single
