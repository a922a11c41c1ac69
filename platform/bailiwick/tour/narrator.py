"""What the person at the terminal sees of the tour."""

from __future__ import annotations

import sys
import textwrap
import time

WIDTH = 96


class Narrator:
    """Prints headings and facts; colours only where a terminal shows them."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty()
        self._began = time.monotonic()
        self._number = 0

    def heading(self, text: str) -> None:
        self._number += 1
        print(f"\n{self._paint('1', f'{self._number:>2}  {text}')}", flush=True)

    def fact(self, text: str) -> None:
        self._print(self._paint("32", "✓"), text)

    def quote(self, who: str, text: str) -> None:
        """What was said, cut to a line or two."""
        shown = textwrap.shorten(text, 2 * WIDTH, placeholder=" …")
        self._print(self._paint("2", "│"), f"{who}: {shown}")

    def failure(self, text: str) -> None:
        self._print(self._paint("31", "✗"), text)

    def end(self, passed: bool, text: str) -> None:
        seconds = time.monotonic() - self._began
        print(f"\n{self._paint('32;1' if passed else '31;1', text)} ({seconds:.0f} s)", flush=True)

    def _print(self, mark: str, text: str) -> None:
        lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        print(f"    {mark} {lines[0]}", flush=True)
        for line in lines[1:]:
            print(f"      {line}", flush=True)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
