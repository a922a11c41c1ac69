"""A record that is written after its subject, or its workspace, was erased names nobody either, if its request began before.

It also gives the workspace's erasure the right to remove redaction policies, whose rules and lists may name people.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from cell.tenancy import AUDITOR, WEB, grant

STATEMENTS = [
    # After the whole statement, which writes a batch's records and payloads together, in an order of its own.
    """
    create function gateway_fence_subject() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
        if public.retention_fences(new.organization_id, new.workspace_id, new.subject, new.id) then
            update public.gateway_request set subject = null where id = new.id;
        end if;
        return null;
    end
    $$
    """,
    "create trigger gateway_request_subject_not_fenced after insert on gateway_request"
    " for each row when (new.subject is not null) execute function gateway_fence_subject()",
    # Only of a workspace that is being erased as a whole: as long as it lives, no version is ever deleted.
    f"""create policy erased on gateway_redaction_policy as restrictive for delete to {WEB} using (
        exists (select from retention_fence fence where fence.workspace_id = gateway_redaction_policy.workspace_id
                and fence.subject is null)
    )""",
    grant("gateway_redaction_policy", WEB, ["delete"]),
    # How many there are, for whoever verifies that none is left; not what they say.
    f"create policy audit on gateway_redaction_policy for select to {AUDITOR} using (true)",
    grant("gateway_redaction_policy", AUDITOR, ["select (workspace_id, version)"]),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0006_redaction_policy"), ("retention", "0004_scope_rights")]
    operations: ClassVar = [migrations.RunSQL([*STATEMENTS], migrations.RunSQL.noop)]
