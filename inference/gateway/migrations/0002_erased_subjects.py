"""A record that is written after its request was erased names no subject, whoever writes it.

Only rows with a subject are looked at: the trigger costs the others nothing.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

STATEMENTS = [
    """
    create function gateway_forget_erased_subject() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
        -- Shared with other writers, exclusive with the fence: an erasure waits for this row and then clears it.
        perform pg_advisory_xact_lock_shared(public.retention_lock_of(new.id));
        if public.retention_is_erased(new.id) then
            new.subject := null;
        end if;
        return new;
    end
    $$
    """,
    "create trigger gateway_request_subject_not_erased before insert on gateway_request"
    " for each row when (new.subject is not null) execute function gateway_forget_erased_subject()",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0001_initial"), ("retention", "0002_rights")]
    operations: ClassVar = [migrations.RunSQL([*STATEMENTS], migrations.RunSQL.noop)]
