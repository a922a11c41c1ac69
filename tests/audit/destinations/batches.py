"""Batches, and the reach of a cell that may send to this machine."""

from __future__ import annotations

from audit.actions import Action
from audit.destinations import Batch, Reach
from audit.formats import Format, forms
from tests.audit.formats.entries import LOG, entry, fields

HERE = Reach.of(["127.0.0.0/8", "::1/128"])
BODIES = [
    entry(Action.KEY_ISSUED.value).body(),
    entry(Action.INFERENCE_COMPLETED.value, after=fields(Action.INFERENCE_COMPLETED)).body(),
    entry(Action.EXPORT_COMPLETED.value, after={"state": "failed"}).body(),
]


def batch(name: Format = Format.OCSF, key: str = "batch-00000001", bodies: list[bytes] | None = None) -> Batch:
    (form,) = forms([name], LOG)
    return Batch.of(key, form, 7, BODIES if bodies is None else bodies)
