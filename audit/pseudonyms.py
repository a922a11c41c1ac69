"""How entries name people: HMAC-SHA256 of a member's number under a random key of the workspace, which can be destroyed.

Then nobody, the cell's operator included, can find a person behind the pseudonyms that were written with it, and entries that
come later name everyone anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from audit.entry import pseudonym
from cell.access import WorkspaceRef
from cell.keys import cell_keys
from cell.keystore import named

PURPOSE = "audit-pseudonym"
KEY_TTL_S = 60.0
"""How long a process uses a key before it asks the key store again."""
_MOST = 4096
_CELL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Known:
    key: named.NamedKey
    until: float


_known: dict[UUID, _Known] = {}


def member_pseudonym(member: UUID, *, workspace: WorkspaceRef | None = None, organization: UUID | None = None) -> str:
    """How entries of the workspace (or, without one, of the organization) name `member` now.

    Differs between workspaces. Whoever may see members can find the one behind an entry by computing this for each. Raises
    KeyStoreUnavailable.
    """
    return pseudonym(_key(owner_of(workspace, organization)).key, member.bytes)


def member_pseudonyms(
    member: UUID, *, workspace: WorkspaceRef | None = None, organization: UUID | None = None
) -> tuple[str, ...]:
    """Every name that entries may have for `member`: that of now, and that of entries from before workspaces had a key of their
    own for this, when it was derived from the cell's root. The latter is not told any more once the key was destroyed."""
    owner = owner_of(workspace, organization)
    known = _key(owner)
    names = [pseudonym(known.key, member.bytes)]
    if known.number == 1:
        names.append(pseudonym(_derived(workspace, organization), member.bytes))
    return tuple(names)


def destroy(owner: UUID) -> bool:
    """Destroys the key of `owner`; other processes may name people by it for KEY_TTL_S more. Returns whether there was one."""
    destroyed = named.destroy_named_key(owner, PURPOSE)
    _known.pop(owner, None)
    return destroyed


def owner_of(workspace: WorkspaceRef | None, organization: UUID | None) -> UUID:
    """Whose keys entries of this workspace, organization or cell take."""
    if workspace is not None:
        return workspace.id
    return _CELL if organization is None else organization


def _key(owner: UUID) -> named.NamedKey:
    known, at = _known.get(owner), time.monotonic()
    if known is None or known.until < at:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[owner] = _Known(named.named_key(owner, PURPOSE), at + KEY_TTL_S)
    return known.key


def _derived(workspace: WorkspaceRef | None, organization: UUID | None) -> bytes:
    if workspace is not None:
        owner = f"workspace/{workspace.id.hex}"
    else:
        owner = "cell" if organization is None else f"organization/{organization.hex}"
    return cell_keys().derive(f"audit-pseudonym/{owner}")
