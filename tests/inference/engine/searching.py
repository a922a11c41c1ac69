"""Texts that are like no other, and searches of an engine's memory for them."""

from __future__ import annotations

import secrets
import struct

from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints
from tests.process_memory import memory


def unlike_any() -> tuple[str, list[int]]:
    """A text, and its tokens: the tests' tokenizer knows no pairs of its letters, so that they are one a letter, all different."""
    text = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(120))
    ids = Tokenizer(checkpoints.tokenizer(), None).encode(text)
    assert len(ids) == 120
    return text, ids


def needles(text: str, ids: list[int]) -> dict[str, bytes]:
    """Parts of a text and its tokens, as memory may hold them."""
    return {
        "text": text[40:60].encode(),
        "int64": struct.pack("<8q", *ids[40:48]),
        "int32": struct.pack("<8i", *ids[40:48]),
    }


def found(pid: int, needles: dict[str, bytes]) -> dict[str, int]:
    """How often each is in the memory of a process."""
    counts = dict.fromkeys(needles, 0)
    for _, data in memory(pid):
        for name, needle in needles.items():
            counts[name] += data.count(needle)
    return counts
