"""Putting originals back into an answer while it streams.

A placeholder is recognised by its *key*: its letters and digits in upper case between its brackets. Spaces, underscores,
hyphens, backslashes, asterisks and backticks, up to three between two characters, do not matter, because models change
them (``\\[\\[EMAIL\\_1\\]\\]``, ``[[ email 1 ]]``). Keys are prefix-free, so the leftmost match is the only one.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from .shadow import unescaped

IGNORABLE: Final = r"[ \\_*`-]{0,3}"
WRITTEN: Final = re.compile(rf"\[{IGNORABLE}\[{IGNORABLE}(?:[A-Za-z0-9]{IGNORABLE}){{2,48}}\]{IGNORABLE}\]")
"""Everything that could be a placeholder, however a model writes it."""
_LONG_GAP: Final = re.compile(r"[ \\_*`-]{4}")
_LONGEST: Final = 4 * (48 + 4)
"""Characters of the longest written form."""
_TO_KEY: Final = {
    **{ord(ignored): None for ignored in " \\_*`-"},
    **{ord(lower): lower.upper() for lower in "abcdefghijklmnopqrstuvwxyz"},
}
_BACKSLASHES: Final = 2
"""How many backslashes before an escaped placeholder belong to it: one from Markdown, two when that is inside JSON."""


def key(placeholder: str) -> str:
    """What identifies `placeholder` however it is written: ``[[EMAIL1]]`` for ``[[EMAIL_1]]``."""
    return placeholder.translate(_TO_KEY)


class RestoringStream:
    """Restores the originals in one channel of an answer (one choice's content, one tool call's arguments …).

    ``"".join(feed(chunk) …) + finish()`` equals restoring the whole text at once, however it was cut into chunks. Held back
    is only what is a proper prefix of a placeholder that was issued. What was inserted is never looked at again.
    With `in_json`, originals are escaped for the JSON string that the placeholder stands in.
    """

    __slots__ = ("_held", "_in_json", "_keys", "_originals")

    def __init__(self, originals: Mapping[str, str], keys: list[str], *, in_json: bool = False) -> None:
        """`originals` by `key`; `keys` are theirs in ascending order."""
        self._originals = originals
        self._keys = keys
        self._in_json = in_json
        self._held = ""

    def feed(self, chunk: str) -> str:
        """What can be passed on now that `chunk` has arrived; may be empty."""
        if self._held:
            chunk = self._held + chunk
            self._held = ""
        elif "[" not in chunk and not chunk.endswith("\\"):
            return chunk
        return self._restore(chunk, last=False) if self._keys else chunk

    def finish(self) -> str:
        """What was still held back, as literal text: a placeholder that was cut off is not guessed."""
        held, self._held = self._held, ""
        return self._restore(held, last=True)

    def _restore(self, text: str, *, last: bool) -> str:
        pieces: list[str] = []
        done = 0
        bracket = text.find("[")
        while bracket >= 0:
            written = WRITTEN.match(text, bracket)
            if written is not None:
                original = self._originals.get(written.group().translate(_TO_KEY))
                if original is not None:
                    start = _with_backslashes(text, bracket, done) if "\\" in written.group() else bracket
                    pieces.append(text[done:start])
                    pieces.append(_in_a_string(original) if self._in_json else original)
                    done = written.end()
                    bracket = text.find("[", done)
                    continue
            elif not last and self._may_become_placeholder(text, bracket):
                return self._hold(text, _with_backslashes(text, bracket, done), pieces, done)
            bracket = text.find("[", bracket + 1)
        end = len(text)
        return self._hold(text, end if last else _with_backslashes(text, end, done), pieces, done)

    def _hold(self, text: str, start: int, pieces: list[str], done: int) -> str:
        self._held = text[start:]
        pieces.append(text[done:start])
        return "".join(pieces)

    def _may_become_placeholder(self, text: str, start: int) -> bool:
        """Whether ``text[start:]`` is a proper prefix of a placeholder that was issued, however written."""
        if len(text) - start > _LONGEST:
            return False
        prefix = text[start:]
        if _LONG_GAP.search(prefix):
            return False
        prefix = prefix.translate(_TO_KEY)
        place = bisect_left(self._keys, prefix)
        return place < len(self._keys) and self._keys[place].startswith(prefix)


def _in_a_string(original: str) -> str:
    """`original` as it stands in a JSON string. What a caller had escaped is not escaped a second time."""
    return json.dumps(unescaped(original), ensure_ascii=False)[1:-1]


def _with_backslashes(text: str, position: int, floor: int) -> int:
    """The start of the (at most two) backslashes right before `position`, not below `floor`."""
    floor = max(floor, position - _BACKSLASHES)
    while position > floor and text[position - 1] == "\\":
        position -= 1
    return position
