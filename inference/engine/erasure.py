"""Erasing a scope from every model of an engine, with a receipt, and looking for what should be gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from functools import partial
from time import time

import msgspec

from inference.engine.engine import Engine
from inference.engine.protocol import Erased, ModelErased, ModelVerified, Scope, Verified
from inference.engine.served import ServedModel


async def erase(engine: Engine, models: Iterable[ServedModel], scope: Scope) -> Erased:
    """Erases the scope from each model between two of its steps."""
    started = time()
    receipts = []
    for model in models:
        wiped = await asyncio.wrap_future(engine.ask(partial(model.worker.erase, scope)))
        receipts.append(
            ModelErased(
                model=model.info.name,
                digest=model.info.digest,
                epoch=wiped.epoch,
                requests=wiped.requests,
                blocks=wiped.blocks,
                bytes=wiped.bytes,
                held=wiped.held,
            )
        )
    return sealed(Erased(scope, receipts, started, time()))


async def verify(engine: Engine, models: Iterable[ServedModel], scope: Scope) -> Verified:
    """Asks each model's index and samples its memory."""
    seen = []
    for model in models:
        found = await asyncio.wrap_future(engine.ask(partial(model.worker.verify, scope)))
        seen.append(ModelVerified(model.info.name, found.requests, found.indexed, found.sampled, found.nonzero))
    return Verified(scope, seen)


def sealed(receipt: Erased) -> Erased:
    """The receipt with its digest."""
    fields = msgspec.to_builtins(receipt)
    del fields["sha256"]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return msgspec.structs.replace(receipt, sha256=hashlib.sha256(text.encode()).hexdigest())
