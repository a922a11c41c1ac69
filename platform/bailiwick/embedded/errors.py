"""What can go wrong with an embedded cell, in words that say what to do."""

from __future__ import annotations


class CellError(Exception):
    """The cell cannot do what was asked. The message is for the person at the terminal and holds no secret."""
