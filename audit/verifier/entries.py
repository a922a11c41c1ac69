"""Reading entries (docs/formats/entry.md): the canonical bytes of version 1, and nothing else, at 200,000 a second."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from audit import canonical
from audit.verifier.verdict import Tampered

LONGEST = 65_535
"""Bytes of an entry, at most (C2SP tlog-tiles)."""
_MEMBERS = {
    *("v", "id", "cell", "organization", "workspace", "time", "actor", "action"),
    *("scope", "targets", "before", "after", "detail_commit"),
}

# Most entries have this form, and need no parser: plain texts, and words and numbers (docs/formats/entry.md) in what changed.
_USUAL_BYTES = 4096
_TEXT = rb'"[ !#-\[\]-~]*"'
_MAYBE = rb"(?:null|" + _TEXT + rb")"
_KEY = rb'"[A-Za-z0-9_]+"'
_WORD = rb'"[A-Za-z0-9._:/+-]*"'
_INTEGER = rb"(?:0|-?[1-9][0-9]{0,14})"
_COUNTS = rb"\{(?:%(key)s:%(integer)s(?:,%(key)s:%(integer)s)*)?\}" % {b"key": _KEY, b"integer": _INTEGER}
_WORDS = rb"\[(?:%(word)s(?:,%(word)s)*)?\]" % {b"word": _WORD}
_VALUE = rb"(?:%s)" % rb"|".join((_WORD, _INTEGER, rb"null|true|false", _COUNTS, _WORDS))
_CHANGED = rb"(?:null|\{(?:%(key)s:%(value)s(?:,%(key)s:%(value)s)*)?\})" % {b"key": _KEY, b"value": _VALUE}
_usual = re.compile(
    rb'\{"action":%(text)s,"actor":\{"auth":%(maybe)s,"id":%(maybe)s,"key":%(maybe)s,"type":%(text)s\}'
    rb',"after":(%(changed)s),"before":(%(changed)s)'
    rb',"cell":%(text)s,"detail_commit":%(maybe)s,"id":"([ !#-\[\]-~]*)","organization":%(maybe)s,"scope":%(maybe)s'
    rb',"targets":\[(?:%(text)s(?:,%(text)s)*)?\],"time":%(text)s,"v":1,"workspace":"([ !#-\[\]-~]*)"\}'
    % {b"text": _TEXT, b"maybe": _MAYBE, b"changed": _CHANGED}
).fullmatch
_shape = re.compile(rb"[{}]|" + _KEY + rb":").findall
"""Of what changed in a usual entry: its keys, and the braces around them. No word there has a brace or a quote in it."""


def identities(bodies: Iterable[bytes], workspace: str) -> list[bytes]:
    """The entries' ids. Raises Tampered unless all are entries of version 1 in their canonical bytes, of this workspace."""
    ids, wanted = [], workspace.encode()
    for body in bodies:
        usual = _usual(body) if len(body) < _USUAL_BYTES else None
        if usual is not None:
            after, before, id_, of = usual.groups()
            if of == wanted and _is_ordered(after) and (before == b"null" or _is_ordered(before)):
                ids.append(id_)
                continue
        if len(body) > LONGEST:
            raise Tampered("a line is longer than any entry")
        entry = parse(body)
        if entry["workspace"] != workspace:
            raise Tampered("an entry is of another workspace")
        ids.append(entry["id"].encode())
    return ids


@lru_cache(4096)
def _is_ordered(changed: bytes) -> bool:
    """Whether the keys of a usual `before` or `after`, and of the objects in it, are in their order and there once.

    Many requests say the very same.
    """
    return changed == b"null" or _ascend(tuple(_shape(changed)))


@lru_cache(1024)
def _ascend(shape: tuple[bytes, ...]) -> bool:
    """Kinds of entries are few, and so are the shapes of what changed in them."""
    last: list[bytes] = []
    for part in shape:
        if part == b"{":
            last.append(b"")
        elif part == b"}":
            last.pop()
        elif part <= last[-1]:
            return False
        else:
            last[-1] = part
    return True


def parse(body: bytes) -> dict[str, Any]:
    """The entry, of which `id`, `workspace` and `action` are texts, or None for the workspace. Raises Tampered."""
    try:
        entry = canonical.loads(body)
    except canonical.NotCanonical:
        raise Tampered("an entry is not in canonical form") from None
    if (
        entry.keys() != _MEMBERS
        or type(entry["v"]) is not int
        or entry["v"] != 1
        or not isinstance(entry["id"], str)
        or not isinstance(entry["action"], str)
        or not isinstance(entry["workspace"], str | None)
        or not isinstance(entry["after"], dict | None)
    ):
        raise Tampered("a line is not an entry of version 1")
    return entry
