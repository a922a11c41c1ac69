"""The two stores of this app: sealed payload rows, and the keys that open them."""

from __future__ import annotations

from cell.config import config
from cell.keystore import custody, witness
from cell.tenancy import workspace_scope
from retention.models import Payload
from retention.stores import Evidence, MissingAuditor, Target, ask_auditor


class DataKeys:
    """The data key of the request, in the key store. Destroying it reaches every copy of the payload, in backups too."""

    name = "data-keys"
    method = "key destroyed"
    holds_keys = True

    def plan(self, target: Target) -> int:
        return custody.material_of(target.workspace.id, target.request)

    def execute(self, target: Target) -> None:
        custody.erase_data_key(target.workspace.id, target.request)

    def verify(self, target: Target) -> Evidence:
        trace = _trace(target)
        # Without its tombstone a late writer could make the key again: that is as bad as the key itself.
        fenced = trace.tombstones == 1
        return Evidence(
            remaining=trace.with_material + (0 if fenced else 1),
            details={
                "keys_with_material": trace.with_material,
                "refuses_new_keys": fenced,
                "asked_as": trace.role,
                "server": trace.server,
                "lsn": trace.lsn,
            },
        )


def _trace(target: Target) -> witness.KeyTrace:
    store = config().keystore_auditor_database
    if store is None:
        raise MissingAuditor(
            "BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL is not set: this process cannot verify an erasure"
        )
    return witness.trace_of(store, target.workspace.id, target.request)


class PayloadRows:
    """The sealed prompt and answer."""

    name = "payload-rows"
    method = "row deleted"
    holds_keys = False

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return Payload.objects.filter(workspace_id=target.workspace.id, id=target.request).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            Payload.objects.filter(workspace_id=target.workspace.id, id=target.request).delete()

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor("select count(*) from retention_payload where id = %s", (target.request,))
        return Evidence(remaining=answer.count, details={"rows": answer.count, **answer.details})
