"""Forms: the parts of which the triggers of national identifiers are made, as Vectorscan and `re` both read them."""

from __future__ import annotations

from typing import Final

GAP: Final = r"(?:[ .-]|\r?\n[ \t]{0,8})?"
"""What may stand between two groups: a separator, or the end of a line and the next one's indentation."""
DAY: Final = "(?:0[1-9]|[12][0-9]|3[01])"
MONTH: Final = "(?:0[1-9]|1[0-2])"
YYMMDD: Final = f"[0-9]{{2}}{MONTH}{DAY}"
DDMMYY: Final = f"{DAY}{MONTH}[0-9]{{2}}"


def groups(*sizes: int) -> str:
    """Digits in groups of these sizes, with or without a gap between two."""
    return GAP.join(f"[0-9]{{{size}}}" for size in sizes)
