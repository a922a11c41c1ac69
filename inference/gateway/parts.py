"""What a gateway is made of, as it sees it: an engine, an audit writer, redactors and a vault for payloads.

They are constructor arguments, so that a test or a benchmark can put real parts of another kind in their places.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol
from uuid import UUID

from audit.groupcommit import Item
from inference.engine.protocol import Delta, Request, Result
from inference.gateway.long_texts import LongTexts
from inference.gateway.spans import Spans
from inference.redaction import OutputFilter, PlaceholderMap, Policy, Recognised
from retention.vault import PayloadRow


class EngineStream(Protocol):
    """A streamed answer; `inference.engine.client.EngineStream` is one."""

    result: Result | None

    async def __aenter__(self) -> EngineStream: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancels the operation unless it has ended."""
        ...

    def __aiter__(self) -> AsyncIterator[list[Delta]]: ...


class Engine(Protocol):
    """All of it raises EngineFailure."""

    async def call(self, request: Request) -> Result: ...

    async def ask(self, question: Request) -> Result:
        """For questions about the engine itself, which it answers at once or never."""
        ...

    def stream(self, request: Request) -> EngineStream: ...


class Redaction(Protocol):
    @property
    def policy(self) -> Policy:
        """What it redacts by."""
        ...

    def redact_texts(
        self, texts: Sequence[str], *, routes: Sequence[str] | None = None, recognised: Recognised | None = None
    ) -> tuple[list[str], PlaceholderMap]:
        """`routes` are which part of the request each text is; one that is `Framed` gives a text for each leaf. `recognised` is
        what the policy's model found. Raises RedactionError.
        """
        ...

    def output(self) -> OutputFilter | None:
        """What looks through one answer; None if nobody wants it."""
        ...


class RedactionSource(Protocol):
    def find(self, workspace: UUID, version: int) -> Redaction | None:
        """What redacts by that version of the workspace's policy, if it is at hand."""
        ...

    async def load(self, workspace: UUID, version: int) -> Redaction:
        """The same from where policies are kept. Raises ApiError."""
        ...


class AuditWriter(Protocol):
    """Takes entries in order: once one is durable, so are those before it that were not rejected."""

    @property
    def available(self) -> bool: ...

    @property
    def pending(self) -> int:
        """Entries accepted and not yet durable."""
        ...

    def submit(self, item: Item) -> asyncio.Future[None]:
        """Queues `item`; the future is done when it is durable. Both raise AuditUnavailable; outcomes are never refused."""
        ...


class PayloadVault(Protocol):
    async def prepare(
        self, workspace: UUID, organization: UUID, request: UUID, prompt: bytes, answer: bytes
    ) -> PayloadRow | None:
        """The sealed row of a request, its key durable; None if it was erased meanwhile. Raises KeyStoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    engine: Engine
    audit: AuditWriter
    audit_limit: int
    """Pending entries beyond which no request is admitted."""
    redactors: RedactionSource
    vault: PayloadVault
    spans: Spans | None = None
    """None while nobody collects them."""
    long_texts: LongTexts = field(default_factory=LongTexts)
