"""Canonical JSON (RFC 8785) for documents that are hashed or signed, in the part of it that needs no care with numbers.

Needs only Python, so that what writes a document and what verifies it offline are the same lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LARGEST_INTEGER = (1 << 53) - 1
_DEEPEST = 64
"""Objects and lists in one another: what no document of ours comes near, and every reader can follow."""
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class NotCanonical(ValueError):
    """The document or its bytes are outside the form. Never repeats what is in them."""


def dumps(document: Mapping[str, Any]) -> bytes:
    """The canonical bytes. Raises NotCanonical for fractions, large integers, keys that are not ASCII and a depth over 64."""
    _check(document)
    try:
        return _encode(document).encode()
    except UnicodeEncodeError:
        raise NotCanonical("a string holds half of a surrogate pair") from None


def loads(data: bytes) -> dict[str, Any]:
    """Reads an object from its canonical bytes and from no others, so that no byte can change unseen. Raises NotCanonical."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise NotCanonical("not JSON") from None
    if not isinstance(document, dict) or dumps(document) != data:
        raise NotCanonical("not an object in canonical form")
    return document


def _check(value: object, room: int = _DEEPEST) -> None:
    if room < 0:
        raise NotCanonical("objects and lists are at most 64 deep")
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > _LARGEST_INTEGER:
            raise NotCanonical("integers are within ±(2⁵³ - 1)")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical("keys are ASCII")
            _check(item, room - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, room - 1)
    else:
        raise NotCanonical("values are objects, lists, strings, integers, truth values and null")
