"""What an embedded cell has before its processes start: a first organization, its secrets kept in the home for cell.json, and
models to serve.

Run by the supervisor as ``python -m bailiwick.embedded.bootstrap HOME``, configured as the web role.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from bailiwick.embedded.home import Home, write_json  # noqa: E402  # Django has to be set up before services are imported
from bailiwick.models import ModelError  # noqa: E402
from bailiwick.operator import prepare  # noqa: E402
from workspaces.services.organizations import organization_bootstrap  # noqa: E402

ADMIN_EMAIL = "admin@demo.example"


def bootstrap(home: Home) -> None:
    """Does nothing if the home has its organization already."""
    if home.people() is not None:
        return
    password = secrets.token_urlsafe(15)
    # The handle is unique in the cell: one that a bootstrap left that was killed before it could write must not be met again.
    made = organization_bootstrap(
        handle=f"demo-{uuid4().hex[:6]}",
        name="Demo organization",
        email=ADMIN_EMAIL,
        password=password,
        owner_name="Demo administrator",
        workspace_name="First workspace",
    )
    write_json(
        home.people_file,
        {
            "organization": made.organization.id,
            "workspace": made.workspace.id,
            "api_key": made.api_key,
            "admin_key": made.admin_key,
            "admin": {
                "organization": made.organization.handle,
                "email": ADMIN_EMAIL,
                "password": password,
                "totp_secret": made.totp_secret,
            },
        },
    )


def main() -> int:
    home = Home.at(Path(sys.argv[1]))
    bootstrap(home)
    try:
        prepare(home)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
