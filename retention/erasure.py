"""The erasure of a request, of a subject or of a workspace: a state machine that only goes forward and ends in the same place
whatever dies on the way.

    received → scoped → [held] → fenced → shredding → sweeping → verifying → primary-erased → beyond-recovery
                                                                         ⇄ partial

Each state says what is done; the step that follows it may be cut off anywhere and is simply done again. A step moves the
row on with its version and an audit entry, in one transaction that holds the job's lease. Only from `partial`, where a store
still holds something, it goes back: when somebody asks for the erasure again. The certificate is signed when the
entry that ends the erasure stands in the sealed log. The last step, which waits for the last backup to age out, is in `ageing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import F

from audit import log
from audit.actions import Action
from cell.access import WorkspaceRef, system_actor
from cell.ids import Tag
from cell.jobs import Again, Lease, handler
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope
from retention import fences, holds, stores
from retention.backups.admission import erasure_ledger
from retention.certificate import certificate_of, statement_of
from retention.clock import shared_now
from retention.models import Erasure, ErasureScope, ErasureState, Tombstone
from retention.stores import Evidence, Store, Target

KIND = "erasure.run"
_MOST_VERIFICATIONS = 20
"""How often stores may be found not to be clean before an operator has to look."""
_SEALED_SOON_S = 0.5
_HELD_S = 60.0
"""Until a held erasure looks again whether it is released."""
_LEASE_S = 12.0
"""Much longer than a step takes, and short enough that an erasure soon goes on when its worker died."""

logger = get_logger(__name__)


class StillThere(Exception):
    """A store was asked to erase and still holds something."""


class MovedMeanwhile(Exception):
    """Another worker moved the erasure on: what this one was about to say is old."""


def register_job() -> None:
    """Makes this process able to run erasures. Once, from AppConfig.ready."""
    handler(KIND, lease_s=_LEASE_S, max_attempts=None, backoff_limit_s=30.0)(run)


def run(lease: Lease) -> Mapping[str, Any]:
    """Takes an erasure as far as it goes. Returns its last state."""
    workspace = _workspace_of(lease)
    while True:
        row = row_of(workspace, UUID(lease.args["erasure"]))
        if row.state == ErasureState.PARTIAL or row.certificate is not None:
            return {"state": row.state}
        _STEPS[ErasureState(row.state)](lease, row, target_of(workspace, row))
        if not lease.completed:
            lease.extend()


def _scope(lease: Lease, row: Erasure, target: Target) -> None:
    """Freezes what there is to erase."""
    _advance(lease, row, ErasureState.SCOPED, manifest=plan_of(target))


def _fence(lease: Lease, row: Erasure, target: Target) -> None:
    """From here on nothing of the target can be stored: first in the ledger outside of the database, then in it.

    What a legal hold or a restriction covers waits for its end instead.
    """
    if holds.held(target):
        if row.state != ErasureState.HELD:
            _advance(lease, row, ErasureState.HELD)
        raise Again(_HELD_S)
    fenced_at = shared_now()

    def erect() -> None:
        fences.lock(target)
        # Requests of the subject that came since count, too, and so do holds; what comes later finds the fence.
        fenced = target_of(target.workspace, row)
        if holds.held(fenced, lock=True):
            raise Again(_HELD_S)
        fences.announce(erasure_ledger(), fenced, fenced_at)
        fences.erect(fenced, fenced_at)

    _advance(lease, row, ErasureState.FENCED, effect=erect, fenced_at=fenced_at)


def _begin(lease: Lease, row: Erasure, target: Target) -> None:
    _advance(lease, row, ErasureState.SHREDDING)


def _shred(lease: Lease, row: Erasure, target: Target) -> None:
    """Keys first: what they sealed is unreadable from now on, wherever copies of it are."""
    _execute(target, [store for store in stores.registered(target.scope) if store.holds_keys])
    _advance(lease, row, ErasureState.SWEEPING)


def _sweep(lease: Lease, row: Erasure, target: Target) -> None:
    _execute(target, [store for store in stores.registered(target.scope) if not store.holds_keys])
    _advance(lease, row, ErasureState.VERIFYING)


def _verify(lease: Lease, row: Erasure, target: Target) -> None:
    """Asks every store again, with other code and another credential. Nothing is said to be gone that answered otherwise."""
    evidence = evidence_of(row, target)
    if unclean := unclean_of(evidence):
        _again_or_partial(lease, row, target, unclean)
        return
    _finish(lease, row, target, evidence)


def _again_or_partial(lease: Lease, row: Erasure, target: Target, unclean: list[str]) -> None:
    if row.verifications + 1 >= _MOST_VERIFICATIONS:
        _advance(lease, row, ErasureState.PARTIAL, verifications=F("verifications") + 1)
        return
    _execute(target, [stores.store_named(name) for name in unclean])
    with lease.transaction():
        _update(row, verifications=F("verifications") + 1)
    raise StillThere


def _finish(lease: Lease, row: Erasure, target: Target, evidence: Mapping[str, Evidence]) -> None:
    erased_at = shared_now()
    statement = statement_of(row, target, evidence, erased_at)
    _advance(
        lease,
        row,
        ErasureState.PRIMARY_ERASED,
        erased_at=erased_at,
        statement=statement.body,
        shown={"statement_sha256": statement.sha256, "stores": sorted(evidence)},
    )


def _certify(lease: Lease, row: Erasure, target: Target) -> None:
    """Signs the certificate as soon as the log is sealed over the entry that commits to its statement."""
    certificate = certificate_of(row.statement, row.entry_id, target.workspace)
    if certificate is None:
        raise Again(_SEALED_SOON_S)
    with lease.transaction():
        _update(row, certificate=certificate)
        lease.complete({"state": row.state})


_Step = Callable[[Lease, Erasure, Target], None]

_STEPS: Mapping[ErasureState, _Step] = {
    ErasureState.RECEIVED: _scope,
    ErasureState.SCOPED: _fence,
    ErasureState.HELD: _fence,
    ErasureState.FENCED: _begin,
    ErasureState.SHREDDING: _shred,
    ErasureState.SWEEPING: _sweep,
    ErasureState.VERIFYING: _verify,
    ErasureState.PRIMARY_ERASED: _certify,
}

_ACTIONS = {ErasureState.PRIMARY_ERASED: Action.ERASURE_COMPLETED, ErasureState.PARTIAL: Action.ERASURE_FAILED}


def _execute(target: Target, chosen: list[Store]) -> None:
    for store in chosen:
        store.execute(target)


def _advance(
    lease: Lease,
    row: Erasure,
    state: ErasureState,
    *,
    effect: Callable[[], None] | None = None,
    shown: Mapping[str, object] | None = None,
    **changes: Any,
) -> None:
    """Moves on, with `effect`, the changed columns and the entry, in one transaction. Raises MovedMeanwhile or LeaseLost."""
    workspace = _workspace_of(lease)
    with lease.transaction():
        if effect is not None:
            effect()
        action = _ACTIONS.get(state, Action.ERASURE_ADVANCED)
        entry = log.record(
            actor=system_actor("job", workspace.organization),
            action=action,
            workspace=workspace,
            targets=targets_of(row),
            before={"state": row.state},
            after={"state": state.value, **(shown or {})},
        )
        if action is Action.ERASURE_COMPLETED:
            changes["entry_id"] = entry
        _update(row, state=state, **changes)
    logger.info("erasure.advanced", erasure=str(row.id), state=state.value)


def _update(row: Erasure, **changes: Any) -> None:
    changed = Erasure.objects.filter(pk=row.id, state=row.state, version=row.version).update(
        version=row.version + 1, **changes
    )
    if changed != 1:
        raise MovedMeanwhile


def row_of(workspace: WorkspaceRef, erasure: UUID) -> Erasure:
    with workspace_scope(workspace):
        return Erasure.objects.get(workspace_id=workspace.id, pk=erasure)


def target_of(workspace: WorkspaceRef, row: Erasure) -> Target:
    """What `row` is to erase. Of a subject: the requests that are recorded, and from its fence on those that stand behind it."""
    scope = ErasureScope(row.scope)
    subject = None if row.subject is None else bytes(row.subject)
    requests: tuple[UUID, ...] = ()
    if scope is ErasureScope.REQUEST and row.request_id is not None:
        requests = (row.request_id,)
    elif scope is ErasureScope.SUBJECT and subject is not None:
        with workspace_scope(workspace):
            buried = Tombstone.objects.filter(workspace_id=workspace.id, erasure_id=row.id)
            known = buried.values_list("request_id", flat=True).order_by("request_id")
            requests = tuple(known if row.fenced_at else stores.requests_of(workspace, subject))
    return Target(workspace, row.id, scope, requests, subject)


def targets_of(row: Erasure) -> list[tuple[Tag, UUID]]:
    """What an entry about the erasure names."""
    return [(Tag.ERASURE, row.id), *([] if row.request_id is None else [(Tag.REQUEST, row.request_id)])]


def plan_of(target: Target) -> dict[str, int]:
    """How much each store holds of the target."""
    return {store.name: store.plan(target) for store in stores.registered(target.scope)}


def evidence_of(row: Erasure, target: Target) -> dict[str, Evidence]:
    """What every store that is registered, and every one that the manifest names, still holds."""
    named = {store.name for store in stores.registered(target.scope)} | set(row.manifest or {})
    return {name: stores.store_named(name).verify(target) for name in sorted(named)}


def unclean_of(evidence: Mapping[str, Evidence]) -> list[str]:
    """The stores that still hold something, or cannot say."""
    return sorted(name for name, found in evidence.items() if found.remaining != 0)


def _workspace_of(lease: Lease) -> WorkspaceRef:
    if lease.workspace is None:
        raise ValueError("an erasure belongs to a workspace")
    return lease.workspace
