"""The stores of this app: sealed payload rows, and the keys that open them."""

from __future__ import annotations

from django.db.models import QuerySet

from cell.keystore import custody, witness
from cell.tenancy import workspace_scope
from retention.models import Payload
from retention.stores import ANY_SCOPE, Evidence, Target, ask_auditor, keystore_auditor


class DataKeys:
    """The data keys of the requests, in the key store; of a workspace, every key it has. Destroying them reaches every copy of
    the payloads, in backups too.
    """

    name = "data-keys"
    method = "keys destroyed"
    holds_keys = True
    scopes = ANY_SCOPE

    def plan(self, target: Target) -> int:
        if target.whole:
            return custody.material_in(target.workspace.id)
        return custody.material_of(target.workspace.id, target.requests)

    def execute(self, target: Target) -> None:
        if target.whole:
            custody.destroy_workspace_key(target.workspace.id)
        else:
            custody.erase_data_keys(target.workspace.id, target.requests)

    def verify(self, target: Target) -> Evidence:
        trace = _trace(target)
        # Without its tombstone a late writer could make the key again: that is as bad as the key itself.
        missing = (0 if trace.tombstones else 1) if target.whole else len(target.requests) - trace.tombstones
        return Evidence(
            remaining=trace.with_material + missing,
            details={
                "keys_with_material": trace.with_material,
                "refuses_new_keys": missing == 0,
                "asked_as": trace.role,
                "server": trace.server,
                "lsn": trace.lsn,
            },
        )


def _trace(target: Target) -> witness.KeyTrace:
    store = keystore_auditor()
    if target.whole:
        return witness.workspace_trace_of(store, target.workspace.id)
    return witness.trace_of(store, target.workspace.id, *target.requests)


class PayloadRows:
    """The sealed prompts and answers."""

    name = "payload-rows"
    method = "rows deleted"
    holds_keys = False
    scopes = ANY_SCOPE

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return _rows(target).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            _rows(target).delete()

    def verify(self, target: Target) -> Evidence:
        where, values = target.where("id")
        answer = ask_auditor(f"select count(*) from retention_payload where {where}", values)
        return Evidence(remaining=answer.count, details={"rows": answer.count, **answer.details})


def _rows(target: Target) -> QuerySet[Payload]:
    rows = Payload.objects.filter(workspace_id=target.workspace.id)
    return rows if target.whole else rows.filter(id__in=target.requests)
