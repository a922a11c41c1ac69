"""Makes an organization with high limits in the database that the environment names, and prints its inference key."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from cell.access import Scope, system_actor  # noqa: E402  # Django has to be set up first
from workspaces.services import organization_bootstrap, serving_update  # noqa: E402

LIMITS = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000, "concurrency": 10_000}


def main() -> None:
    made = organization_bootstrap(
        handle="bench", name="Bench", email="bench@example.org", password="a long enough password"
    )
    workspace = made.workspace.ref
    actor = replace(system_actor("command", workspace.organization), scopes=frozenset(Scope))
    serving_update(actor=actor, workspace=workspace, changes=LIMITS)
    sys.stdout.write(made.api_key)


if __name__ == "__main__":
    main()
