"""What leaves this app: frozen values, never models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from retention.models import PAYLOAD_DAYS


@dataclass(frozen=True, slots=True)
class Policy:
    """How long data of one workspace lives, and whether payloads are stored at all."""

    store_payloads: bool = False
    payload_days: int = PAYLOAD_DAYS
    reason: str = ""
    """Why some days are outside of what may be chosen freely; empty if none are."""
    version: int = 0
    """0 until somebody decides."""
    updated_at: datetime | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    """Days of other classes of data, as far as somebody decided them."""

    def days(self, data_class: str, default: int) -> int:
        """The days that were decided for the class, or `default`."""
        return self.payload_days if data_class == "payloads" else self.classes.get(data_class, default)


@dataclass(frozen=True, slots=True)
class PayloadText:
    """What was stored of a request: redacted prompt and answer, opened."""

    prompt: bytes
    answer: bytes
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureInfo:
    """Where an erasure stands. `id` and `request` are numbers; the API shows them as tagged ids."""

    id: UUID
    scope: str
    """`request`, `subject` or `workspace`."""
    request: UUID | None
    subject: str | None
    """The subject's pseudonym, in hexadecimal."""
    state: str
    """`received`, `scoped`, `held`, `fenced`, `shredding`, `sweeping`, `verifying`, `primary-erased`, `beyond-recovery` or
    `partial`."""
    manifest: Mapping[str, int] | None
    """Items found in each store when the scope was frozen."""
    received_at: datetime
    due_at: datetime
    """When the law wants it done (GDPR 12(3): one month)."""
    fenced_at: datetime | None
    erased_at: datetime | None
    certified: bool
    """Whether the certificate can be downloaded."""
    beyond_recovery: bool
    """Whether the second one can, which says that no backup brings it back."""


@dataclass(frozen=True, slots=True)
class HoldInfo:
    """A legal hold or a restriction."""

    id: UUID
    scope: str
    """`request`, `subject` or `workspace`."""
    request: UUID | None
    subject: str | None
    """The subject's pseudonym, in hexadecimal."""
    reason: str
    placed_at: datetime
    released_at: datetime | None
