"""Forms: how national identifiers are written, for `re`, and the triggers that many of them share.

A scanner that is compiled from every country's form reads text at a quarter of the speed: forms that differ only in what the
digits may be are a machine each. So the triggers say how many digits there are and in which groups, for all countries alike, and
the forms are looked at where a trigger has matched."""

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


_BREAK: Final = r"[ ./\r\n\t-]"
"""What may stand between two groups, and again, for the line feed and the indentation of `GAP`; the form is stricter."""


def _shapes(*shapes: str) -> str:
    """The trigger of digits in one of these groupings; ``4 6`` stands for four digits, something between, six digits."""
    grouped = (f"{_BREAK}{{1,9}}".join(f"[0-9]{{{size}}}" for size in shape.split()) for shape in shapes)
    return rf"\b(?:{'|'.join(grouped)})\b"


def parts(*expressions: str) -> str:
    """The trigger of these expressions with or without something between two."""
    return (_BREAK + "{0,9}").join(expressions)


NINE: Final = _shapes("9", "3 3 3", "4 2 3", "4 3 2", "3 2 4", "2 3 4")
TEN: Final = _shapes("10", "6 4", "4 6", "4 2 2 2", "3 3 4", "5 5", "3 3 2 2", "3 2 2 3", "4 3 3")
ELEVEN: Final = _shapes("11", "6 5", "6 3 2", "6 4 1", "2 3 3 3", "3 3 3 2", "1 6 4", "2 2 2 3 2")
THIRTEEN: Final = _shapes(
    "13",
    "3 4 4 2",
    "2 2 3 3 3",
    "1 6 6",
    "1 2 2 2 2 4",
    "1 2 2 2 2 3 1",
    "7 6",
    "7 2 3 1",
    "2 2 3 2 3 1",
    "8 5",
    "8 3 2",
    "4 2 2 3 2",
)
SEVEN_AND_LETTER: Final = rf"[0-9](?:[ .]?[0-9]{{3}}){{2}}{_BREAK}{{0,9}}[A-Z]{{1,2}}\b"
"""Seven digits or the last seven of eight, and a letter or two."""
