"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of one tree, as the text that is signed. Needs only Python."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self

from audit.merkle import HASH_BYTES

_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


class MalformedCheckpoint(ValueError):
    """The signed text is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    """Names the tree: ``audit.<region>.bailiwick/<workspace id>``."""
    size: int
    root: bytes
    """32 bytes."""

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises MalformedCheckpoint."""
        match = _TEXT.fullmatch(text)
        root = decode(match[3]) if match else None
        if match is None or root is None or len(root) != HASH_BYTES:
            raise MalformedCheckpoint("a checkpoint is three lines: origin, size and root")
        return cls(match[1], int(match[2]), root)


def origin(region: str, tree: str) -> str:
    return f"{signer_name(region)}/{tree}"


def signer_name(region: str) -> str:
    """Name of the key that signs a cell's checkpoints, manifests and certificates."""
    return f"audit.{region}.bailiwick"


def encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decode(text: str) -> bytes | None:
    """Strict base64; None if `text` is anything else, or another spelling of the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if encode(raw) == text else None
