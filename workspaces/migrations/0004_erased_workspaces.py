"""A workspace may be erased, which is the last of its states. Whoever verifies that sees its state and which keys are revoked."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import AUDITOR, grant

RIGHTS = [
    f"create policy audit on workspaces_workspace for select to {AUDITOR} using (true)",
    f"create policy audit on workspaces_key for select to {AUDITOR} using (true)",
    grant("workspaces_workspace", AUDITOR, ["select (id, state)"]),
    grant("workspaces_key", AUDITOR, ["select (workspace_id, revoked_at)"]),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("workspaces", "0003_serving_policy")]

    operations: ClassVar = [
        migrations.RemoveConstraint(model_name="workspace", name="workspace_state"),
        migrations.AddConstraint(
            model_name="workspace",
            constraint=models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended", "erased"]), name="workspace_state"
            ),
        ),
        migrations.RunSQL([*RIGHTS], migrations.RunSQL.noop),
    ]
