"""Actions: what a policy can have done with a finding."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What happens to a finding."""

    REVERSIBLE = "reversible"
    """It becomes a placeholder, which is put back into the answer."""
    MASK = "mask"
    """It becomes a placeholder, which stays."""
    HASH = "hash"
    """It becomes a placeholder made with the workspace's key, which stays, and is the same in every request."""
    BLOCK = "block"
    """The request is refused (`errors.Blocked`)."""
    FLAG = "flag"
    """It stays in the text and is counted."""
    ALLOW = "allow"
    """It is not looked for."""


ACTIONS: Final = ", ".join(Action)
"""Them all, for messages."""
