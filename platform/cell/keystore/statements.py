"""What is asked of the key store by all who make keys, on whichever kind of connection."""

from __future__ import annotations

SELECT_CHAIN = """
select parent.version, parent.wrapped, parent.own_root, epoch.id, epoch.wrapped
from keystore_workspace_key parent
left join keystore_epoch_key epoch on epoch.workspace_id = parent.workspace_id and epoch.day = %s
where parent.workspace_id = %s
"""
INSERT_WORKSPACE = """
insert into keystore_workspace_key (id, workspace_id, organization_id, wrapped, created_at)
values (%s, %s, %s, %s, clock_timestamp()) on conflict do nothing
"""
# Under the version that wraps it and no other: a rotation that is under way is waited for, one that is over refuses.
INSERT_EPOCH = """
insert into keystore_epoch_key (id, workspace_id, day, wrapped, parent_version, created_at)
select %s, %s, %s, %s, %s, clock_timestamp()
from keystore_workspace_key parent
where parent.workspace_id = %s and parent.version = %s and parent.wrapped is not null
for share of parent
on conflict do nothing
"""
INSERT_DATA = """
insert into keystore_data_key (id, workspace_id, epoch_id, wrapped, created_at)
select fresh.id, fresh.workspace_id, fresh.epoch_id, fresh.wrapped, clock_timestamp()
from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[]) as fresh (id, workspace_id, epoch_id, wrapped)
join keystore_epoch_key epoch on epoch.id = fresh.epoch_id and epoch.wrapped is not null
for share of epoch
on conflict (id) do nothing
returning id
"""
