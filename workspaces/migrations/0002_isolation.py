"""What Django cannot say: composite references, row-level security, the rights of the web role, and the two look-ups that
come before the tenant is known."""

from django.db import migrations

from cell.tenancy import WEB, grant, isolate

# A row that points into another organization, or a workspace that claims another region, cannot be stored.
REFERENCES = [
    """alter table workspaces_workspace add constraint workspace_in_this_cell
       foreign key (region) references cell_identity (region)""",
    """alter table workspaces_membership add constraint membership_workspace
       foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
    """alter table workspaces_membership add constraint membership_member
       foreign key (organization_id, member_id) references workspaces_member (organization_id, id) on delete cascade""",
    """alter table workspaces_key add constraint key_workspace
       foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
    """alter table workspaces_key add constraint key_secret_hash check (octet_length(secret_hash) = 32)""",
]

ISOLATION = [
    "alter table workspaces_organization enable row level security",
    "alter table workspaces_organization force row level security",
    """create policy tenant on workspaces_organization
       using (id = nullif(current_setting('app.organization_id', true), '')::uuid)
       with check (id = nullif(current_setting('app.organization_id', true), '')::uuid)""",
    *(
        statement
        for table in ("workspaces_workspace", "workspaces_member", "workspaces_membership", "workspaces_key")
        for statement in isolate(table, "organization_id")
    ),
]

# Columns that never change are not even updatable: a region, an owner, a secret.
GRANTS = [
    grant("workspaces_organization", WEB, ["select", "insert", "update (name, version)"]),
    grant(
        "workspaces_workspace",
        WEB,
        ["select", "insert", "update (name, region_locked, state, requests_per_minute, concurrency, version)"],
    ),
    grant(
        "workspaces_member",
        WEB,
        ["select", "insert", "update (name, role, is_active, password, totp_secret, totp_counter, version)", "delete"],
    ),
    grant("workspaces_membership", WEB, ["select", "insert", "update (role)", "delete"]),
    grant("workspaces_key", WEB, ["select", "insert", "update (expires_at, revoked_at)"]),
    # Web sessions hold a member's id and the time of sign-in, and belong to the cell.
    grant("django_session", WEB, ["select", "insert", "update", "delete"]),
]

# These run as the owner: who is asking is not known yet, so no tenant can be set. Each takes what only its holder knows and
# answers with one row. The search path is fixed, so that no other schema can put a table of the same name first.
RESOLVE_KEY = """
create function resolve_key(p_key_id text)
returns table (
    key uuid, secret_hash bytea, organization_id uuid, workspace_id uuid, scopes text[], expires_at timestamptz,
    revoked_at timestamptz, cidrs text[], region text, environment text, state text, requests_per_minute integer,
    concurrency integer
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.id, k.secret_hash, k.organization_id, k.workspace_id, k.scopes::text[], k.expires_at,
           k.revoked_at, k.cidrs::text[], w.region::text, w.environment::text, w.state::text, w.requests_per_minute,
           w.concurrency
    from public.workspaces_key k
    left join public.workspaces_workspace w on w.id = k.workspace_id
    where k.key_id = p_key_id
$$
"""

TOUCH_KEY = """
create function touch_key(p_key uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with touched as (
        update public.workspaces_key set last_used_at = date_trunc('hour', now())
        where id = p_key and (last_used_at is null or last_used_at < date_trunc('hour', now()))
        returning 1
    )
    select exists (select from touched)
$$
"""

RESOLVE_MEMBER = """
create function resolve_member(p_email text)
returns table (member uuid, organization_id uuid, handle text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select m.id, m.organization_id, o.handle::text
    from public.workspaces_member m join public.workspaces_organization o on o.id = m.organization_id
    where m.email = p_email and m.is_active
$$
"""

ORGANIZATION_OF_MEMBER = """
create function organization_of_member(p_member uuid) returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select organization_id from public.workspaces_member where id = p_member and is_active
$$
"""

SIGNATURES = ["resolve_key(text)", "touch_key(uuid)", "resolve_member(text)", "organization_of_member(uuid)"]

FUNCTIONS = [
    RESOLVE_KEY,
    TOUCH_KEY,
    RESOLVE_MEMBER,
    ORGANIZATION_OF_MEMBER,
    *(f"revoke all on function {signature} from public" for signature in SIGNATURES),
    *(f"grant execute on function {signature} to {WEB}" for signature in SIGNATURES),
]


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0001_initial"),
        ("cell", "0001_initial"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunSQL([*REFERENCES, *ISOLATION, *GRANTS, *FUNCTIONS], migrations.RunSQL.noop)]
