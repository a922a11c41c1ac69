"""The co-signatures that a reader sees: lines under checkpoints, and which checkpoints have some. Within the reader's scope."""

from __future__ import annotations

from collections import Counter

from audit.models import Cosignature

_MOST_LINES = 20
"""Under one checkpoint: a note has at most a hundred."""
_LOOKED_AT = 50
"""Of the newest, when one of several checkpoints is to be chosen."""


def lines(tree: str, size: int) -> str:
    """What goes under the checkpoint of `tree` at `size`; empty if nobody co-signed it."""
    found = Cosignature.objects.filter(tree=tree, size=size).order_by("vkey")
    return "".join(found.values_list("line", flat=True)[:_MOST_LINES])


def newest(tree: str) -> int | None:
    """Size of the newest checkpoint of `tree` that somebody co-signed; None if there is none."""
    return Cosignature.objects.filter(tree=tree).order_by("-size").values_list("size", flat=True).first()


def covering(tree: str, index: int) -> int | None:
    """Size of a co-signed checkpoint whose tree holds leaf `index`: of the newest ones that which most co-signed.

    None if nobody co-signed any.
    """
    sizes = Cosignature.objects.filter(tree=tree, size__gt=index).order_by("-size").values_list("size", flat=True)
    found = Counter(sizes[:_LOOKED_AT])
    return max(found, key=lambda size: (found[size], size), default=None)
