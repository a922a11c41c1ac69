"""Pseudonyms of subjects: the only form in which the platform keeps whom a request is about."""

from __future__ import annotations

import hmac
from uuid import UUID

from cell.keys import cell_keys

BYTES = 16
"""Of a pseudonym: 128 bits, so that two subjects of a workspace never share one."""
LONGEST_SUBJECT = 4096
"""Characters of a subject's name, wherever one is given: who can be sent about can also be exported and erased."""


def subject_key(workspace: UUID) -> bytes:
    """What keys the pseudonyms of a workspace's subjects. Differs between workspaces, so that none can be linked."""
    return cell_keys().derive(f"gateway-subject/{workspace.hex}")


def subject_pseudonym(key: bytes, subject: str) -> bytes:
    """HMAC-SHA256 of the `subject` as the application names it, cut to `BYTES`; `key` is the workspace's `subject_key`."""
    return hmac.digest(key, subject.encode(), "sha256")[:BYTES]
