"""Erasing a scope from every model of an engine, with a receipt, and looking for what should be gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from time import time

import msgspec

from inference.engine.engine import Engine
from inference.engine.journal import log
from inference.engine.protocol import Embed, Generate, Tag
from inference.engine.receipts import Erased, ModelErased, ModelVerified, Scope, Verified
from inference.engine.scrub import can_scrub, scrub, scrub_stack, wipes_freed
from inference.engine.served import ServedModel

REMEMBERED = 256
"""Receipts kept for a later `verify`; a prompt that more erasures overtook while it was being read is refused."""


class Eraser:
    """Erasures of one engine. For the loop thread."""

    def __init__(self, engine: Engine, reader: Executor) -> None:
        """`reader` is the thread on which long prompts are read."""
        self._engine = engine
        self._reader = reader
        self._receipts: OrderedDict[int, Erased | Scope] = OrderedDict()
        self.count = 0
        """Erasures that have begun."""

    async def erase(self, scope: Scope, models: Sequence[ServedModel]) -> Erased:
        """Erases the scope from each model between two of its steps."""
        self.count += 1
        number = self.count
        self._receipts[number] = scope
        if len(self._receipts) > REMEMBERED:
            self._receipts.popitem(last=False)
        started = time()
        wiped = []
        for model in models:
            done = await asyncio.wrap_future(self._engine.ask(partial(model.worker.erase, scope)))
            wiped.append(
                ModelErased(
                    model=model.info.name,
                    digest=model.info.digest,
                    epoch=done.epoch,
                    requests=done.requests,
                    blocks=done.blocks,
                    bytes=done.bytes,
                    held=done.held,
                )
            )
        for model in models:
            if model.grammars is not None:
                model.grammars.erase(scope.workspace)
        scrubbed = 0
        if can_scrub():
            loop = asyncio.get_running_loop()
            await asyncio.wrap_future(self._engine.ask(scrub_stack))
            await loop.run_in_executor(self._reader, scrub_stack)
            scrub_stack()
            scrubbed = await loop.run_in_executor(None, scrub)
        receipt = self._receipts[number] = sealed(Erased(scope, wiped, started, time(), scrubbed, wipes_freed()))
        log("engine.erased", blocks=sum(m.blocks for m in wiped), requests=sum(m.requests for m in wiped))
        return receipt

    async def verify(self, scope: Scope, models: Sequence[ServedModel]) -> Verified:
        """Asks each model's index and samples its memory."""
        seen = []
        for model in models:
            found = await asyncio.wrap_future(self._engine.ask(partial(model.worker.verify, scope)))
            seen.append(ModelVerified(model.info.name, found.requests, found.indexed, found.sampled, found.nonzero))
        receipts = (r for r in reversed(self._receipts.values()) if isinstance(r, Erased) and r.scope == scope)
        return Verified(scope, seen, next(receipts, None))

    def overtook(self, before: int, wire: Generate | Embed | Tag) -> bool:
        """Whether a request was erased since `count` was `before`: while its prompt was being read."""
        if self.count - before > REMEMBERED:
            return True
        key = wire.key if isinstance(wire, Generate) else ""
        since = (self._receipts[number] for number in range(before + 1, self.count + 1))
        scopes = (receipt.scope if isinstance(receipt, Erased) else receipt for receipt in since)
        return any(scope.covers(wire.workspace, key, wire.subject, wire.request) for scope in scopes)


def sealed(receipt: Erased) -> Erased:
    """The receipt with its digest."""
    fields = msgspec.to_builtins(receipt)
    del fields["sha256"]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return msgspec.structs.replace(receipt, sha256=hashlib.sha256(text.encode()).hexdigest())
