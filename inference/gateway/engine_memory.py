"""What engines keep of a request in memory: its place in a queue, its prompt's keys and values in the cache."""

from __future__ import annotations

import asyncio
import socket

from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from inference.engine.client import EngineClient
from inference.engine.protocol import Erase, Request, Result, Verify
from inference.engine.receipts import Erased, Scope, Verified
from retention.models import ErasureScope
from retention.stores import ANY_SCOPE, Evidence, Target

ENGINE_WAIT_S = 8.0
"""An engine answers between two steps; one that does not within this time hangs, and the erasure's job tries again."""


class EngineMemory:
    """The engine of this cell. It ends the requests that still run, draws new keys for the workspace's cache and zeroes what
    was cached; memory of an engine that is not running is gone with its process.
    """

    name = "engine-memory"
    method = "cache keys drawn anew, blocks zeroed"
    holds_keys = False
    scopes = ANY_SCOPE

    def plan(self, target: Target) -> int:
        seen = _ask(Verify(_scope(target)))
        return sum(model.requests for model in seen.models) if isinstance(seen, Verified) else 0

    def execute(self, target: Target) -> None:
        _ask(Erase(_scope(target)))

    def verify(self, target: Target) -> Evidence:
        """The engine looks again with other code: it asks its index and reads memory back."""
        seen = _ask(Verify(_scope(target)))
        if not isinstance(seen, Verified):
            return Evidence(remaining=0, details={"engine": "not running"})
        details: dict[str, str | int | bool] = {
            "engine": "answered",
            "models": len(seen.models),
            "sampled_blocks": sum(model.sampled for model in seen.models),
            "nonzero_blocks": sum(model.nonzero for model in seen.models),
        }
        if seen.receipt is not None:
            details |= {
                "receipt_sha256": seen.receipt.sha256,
                "wiped_blocks": sum(model.blocks for model in seen.receipt.models),
                "wiped_bytes": sum(model.bytes for model in seen.receipt.models),
            }
        # What other requests of the workspace have cached since is theirs.
        return Evidence(remaining=sum(model.requests + model.nonzero for model in seen.models), details=details)


def forget_cache(workspace: WorkspaceRef) -> int:
    """Draws new keys for the workspace's cache and zeroes what was cached, ending no request. Returns how many blocks there were.

    Raises EngineFailure or TimeoutError when the engine cannot answer.
    """
    cell = config().cell
    # Of a request that nobody made: an erasure of one forgets the workspace's cache, and ends that one alone.
    scope = Scope(tagged(Tag.WORKSPACE, cell, workspace.id), request=tagged(Tag.REQUEST, cell, uuid7()))
    done = _ask(Erase(scope))
    return sum(model.blocks + model.held for model in done.models) if isinstance(done, Erased) else 0


def _scope(target: Target) -> Scope:
    cell = config().cell
    workspace = tagged(Tag.WORKSPACE, cell, target.workspace.id)
    match target.scope:
        case ErasureScope.REQUEST:
            return Scope(workspace, request=tagged(Tag.REQUEST, cell, target.requests[0]))
        case ErasureScope.SUBJECT:
            return Scope(workspace, subject=(target.subject or b"").hex())
        case ErasureScope.WORKSPACE:
            return Scope(workspace)


def _ask(question: Request) -> Result | None:
    """The engine's answer; None when no engine listens. Raises EngineFailure or TimeoutError when it cannot answer."""
    path = config().engine_socket
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ENGINE_WAIT_S)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    async def ask() -> Result:
        client = EngineClient(path)
        try:
            return await asyncio.wait_for(client.call(question), ENGINE_WAIT_S)
        finally:
            await client.close()

    return asyncio.run(ask())
