"""Placeholders: what stands in for a value in one request, and the way back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from .action import Action
from .evidence import Evidence
from .keyed_hash import keyed_hash
from .stream import IGNORABLE, RestoringStream, key

SHAPE_TRIGGER: Final = rf"\[{IGNORABLE}\[{IGNORABLE}[A-Za-z]"
"""Vectorscan expression of everything that could be taken for a placeholder."""
PLAIN: Final = "DATA"
"""Stands for every type where placeholders are plain."""
_NONCE_FIRST: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_NONCE_REST: Final = _NONCE_FIRST + "23456789"


def fresh_nonce(texts: Iterable[str]) -> str:
    """Four characters that no one could foresee and that are in none of the `texts`. It starts with a letter, so that it
    cannot lengthen the number before it."""
    folded = [text.upper() for text in texts]
    while True:
        nonce = secrets.choice(_NONCE_FIRST) + "".join(secrets.choice(_NONCE_REST) for _ in range(3))
        if not any(nonce in text for text in folded):
            return nonce


class Issuer:
    """Issues the placeholders of one request: ``[[EMAIL_1]]``, ``[[EMAIL_1_K7QX]]`` with a nonce, ``[[DATA_1]]`` when plain.

    The same value of the same type gets the same placeholder. Only reversible values are kept for restoring.
    """

    def __init__(self, nonce: str | None, *, plain: bool = False, hash_key: bytes | None = None) -> None:
        """`hash_key` is needed for what becomes a hash."""
        self._suffix = f"_{nonce}]]" if nonce else "]]"
        self._plain = plain
        self._hash_key = hash_key
        self._issued: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._originals: dict[str, str] = {}

    def placeholder(self, kind: str, value: str, action: Action) -> str:
        """What stands in for a `value` of type `kind`; `action` is the type's."""
        issued = self._issued.get((kind, value))
        if issued is None:
            issued = self._issued[kind, value] = self._new(kind, value, action)
            if action is Action.REVERSIBLE:
                self._originals[key(issued)] = value
        return issued

    def _new(self, kind: str, value: str, action: Action) -> str:
        shown = PLAIN if self._plain else kind
        if action is Action.HASH and self._hash_key is not None:
            # The same in every request, so without a nonce: it is never restored, and may be typed by anybody.
            return f"[[{shown}_H{keyed_hash(self._hash_key, kind, value)}]]"
        number = self._numbers[shown] = self._numbers.get(shown, 0) + 1
        return f"[[{shown}_{number}{self._suffix}"

    def close(self, evidence: Evidence) -> PlaceholderMap:
        return PlaceholderMap(self._originals, evidence)


class PlaceholderMap:
    """The originals behind the placeholders of one request. It lives in memory and dies with the request: it cannot be
    pickled or copied, and neither its repr nor anything public but `restore` and `stream` gives a value away."""

    __slots__ = ("_keys", "_originals", "evidence")

    def __init__(self, originals: Mapping[str, str], evidence: Evidence) -> None:
        """`originals` by placeholder key (`stream.key`)."""
        self._originals = originals
        self._keys = sorted(originals)
        self.evidence = evidence
        """What was found and replaced, in counts."""

    def restore(self, text: str, *, in_json: bool = False) -> str:
        """`text` with the original in the place of every reversible placeholder that this request issued.

        With `in_json`, `text` is JSON source (a tool call's arguments) and originals are escaped for its strings.
        """
        stream = self.stream(in_json=in_json)
        return stream.feed(text) + stream.finish()

    def stream(self, *, in_json: bool = False) -> RestoringStream:
        """An incremental `restore`, one for each channel of a streamed answer."""
        return RestoringStream(self._originals, self._keys, in_json=in_json)

    def __len__(self) -> int:
        """How many placeholders can be restored."""
        return len(self._originals)

    def __repr__(self) -> str:
        return f"<PlaceholderMap of {len(self)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A placeholder map holds personal data and stays in the memory of its request.")
