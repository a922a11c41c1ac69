"""What an engine answers to `protocol.Erase` and `protocol.Verify`, and the scope of both."""

from __future__ import annotations

import msgspec


class Scope(msgspec.Struct, omit_defaults=True, frozen=True):
    """Whose data is meant: all of a workspace's, or within it one key's, one subject's or one request's."""

    workspace: str
    key: str = ""
    subject: str = ""
    request: str = ""

    def covers(self, workspace: str, key: str, subject: str, request: str) -> bool:
        return (
            self.workspace == workspace
            and self.key in ("", key)
            and self.subject in ("", subject)
            and self.request in ("", request)
        )


class ModelErased(msgspec.Struct):
    """What was wiped of one model's memory."""

    model: str
    digest: str
    """Of its weights, as in `ModelInfo`."""
    epoch: int
    """Number of the workspace's last cache key, which is gone; 0 when it had none."""
    requests: int
    """Requests of the scope that were ended."""
    blocks: int
    """Cache blocks that were zeroed."""
    bytes: int
    """Device memory that was zeroed, buffers included."""
    held: int
    """Blocks that other requests of the workspace still read: they are found by nobody and zeroed when those end."""


class Erased(msgspec.Struct, tag="erased", tag_field="kind"):
    """The receipt of an Erase. `sha256` is over the rest of it as JSON with sorted keys."""

    scope: Scope
    models: list[ModelErased]
    started_at: float
    ended_at: float
    """Seconds since 1970."""
    scrubbed_bytes: int = 0
    """Host memory, free at the time, that was overwritten; 0 where the process cannot do it."""
    wiped_as_freed: bool = False
    """Whether the process overwrites host memory as it frees it, so that no fragment can have stayed elsewhere."""
    sha256: str = ""


class ModelVerified(msgspec.Struct):
    model: str
    requests: int
    """Requests of the scope, running or waiting."""
    indexed: int
    """Blocks of the workspace that a request could find."""
    sampled: int
    """Free blocks whose memory was read back."""
    nonzero: int
    """Of those, the ones that were not zero."""


class Verified(msgspec.Struct, tag="verified", tag_field="kind"):
    scope: Scope
    models: list[ModelVerified]
    receipt: Erased | None = None
    """Of the last erase of just this scope, while the engine remembers it."""

    @property
    def remaining(self) -> int:
        return sum(model.requests + model.indexed + model.nonzero for model in self.models)
