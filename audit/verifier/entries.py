"""Reading entries (docs/formats/entry.md): the canonical bytes of version 1, and nothing else, at 200,000 a second."""

from __future__ import annotations

import re
from typing import Any

from audit import canonical
from audit.verifier.verdict import Tampered

LONGEST = 65_535
"""Bytes of an entry, at most (C2SP tlog-tiles)."""
_MEMBERS = {
    *("v", "id", "cell", "organization", "workspace", "time", "actor", "action"),
    *("scope", "targets", "before", "after", "detail_commit"),
}

# Most entries have this form, and need no parser: plain words, and `before` and `after` without an escape.
_USUAL_BYTES = 4096
_TEXT = rb'"[ !#-\[\]-~]*"'
_MAYBE = rb"(?:null|" + _TEXT + rb")"
_USUAL = re.compile(
    rb'\{"action":%(text)s,"actor":\{"auth":%(maybe)s,"id":%(maybe)s,"key":%(maybe)s,"type":%(text)s\}'
    rb',"after":(null|\{[ !#-\[\]-~"]*\}),"before":(null|\{[ !#-\[\]-~"]*\})'
    rb',"cell":%(text)s,"detail_commit":%(maybe)s,"id":(%(text)s),"organization":%(maybe)s,"scope":%(maybe)s'
    rb',"targets":\[(?:%(text)s(?:,%(text)s)*)?\],"time":%(text)s,"v":1,"workspace":(%(maybe)s)\}'
    % {b"text": _TEXT, b"maybe": _MAYBE}
)


def identity(body: bytes) -> tuple[str, str | None]:
    """The entry's id and its workspace's. Raises Tampered unless `body` is an entry of version 1 in its canonical bytes."""
    usual = _USUAL.fullmatch(body) if len(body) < _USUAL_BYTES else None
    if usual is not None and _is_canonical(usual[1]) and _is_canonical(usual[2]):
        workspace = usual[4]
        return usual[3][1:-1].decode(), None if workspace == b"null" else workspace[1:-1].decode()
    entry = parse(body)
    return entry["id"], entry["workspace"]


def _is_canonical(changed: bytes) -> bool:
    """Whether `before` or `after` surely is; what is deep is left to `parse`, which counts from the entry's own brace."""
    if changed == b"null":
        return True
    try:
        canonical.loads(changed)
    except canonical.NotCanonical:
        return False
    return changed.count(b"{") + changed.count(b"[") < 32


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
