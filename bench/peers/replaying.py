"""``python -m bench.peers.replaying TOMBSTONES``: how long it takes to replay the ledger of erasures in a cell that was put back.

The database is as after a restore from before all of them: every request is there with its payload and its key. Each workspace has
a hundred tombstones: 90 of single requests, 9 of subjects with three requests each, and one more request, or of every tenth
workspace the whole of it. Prints one JSON object. The databases are the environment's, whose owner this is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from bench.peers.erasing import fill  # noqa: E402  # Django has to be set up first
from cell.access import Environment, Scope, WorkspaceRef, system_actor  # noqa: E402
from cell.config import config  # noqa: E402
from cell.ids import Tag, tagged, uuid7  # noqa: E402
from cell.pseudonyms import subject_key, subject_pseudonym  # noqa: E402
from retention.backups.admission import erasure_ledger  # noqa: E402
from retention.backups.replay import replay  # noqa: E402
from retention.ledger import GENESIS, LedgerLine  # noqa: E402
from workspaces.services import organization_bootstrap, workspace_create  # noqa: E402

IN_A_WORKSPACE, SUBJECTS, OF_SUBJECT, WHOLE_OF = 100, 9, 3, 10


def main(tombstones: int) -> None:
    made = organization_bootstrap(
        handle="bench", name="Bench", email="bench@example.org", password="a long enough password"
    )
    organization = made.workspace.ref.organization
    actor = replace(system_actor("command", organization), scopes=frozenset(Scope))
    workspaces = [
        workspace_create(
            actor=actor, organization=organization, name=f"Bench {number}", environment=Environment.PRODUCTION
        ).ref
        for number in range(-(-tombstones // IN_A_WORKSPACE))
    ]
    told = (scope for number, workspace in enumerate(workspaces) for scope in _erased(workspace, number))
    _write(told, tombstones)
    began = monotonic()
    done = replay(erasure_ledger())
    seconds = monotonic() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "tombstones": done.mark.lines, "verified": done.verified}))


def _erased(workspace: WorkspaceRef, number: int) -> Iterator[dict[str, Any]]:
    """What the ledger tells of one workspace, whose requests are in the database again."""
    name = tagged(Tag.WORKSPACE, config().cell, workspace.id)
    alone = fill(workspace, IN_A_WORKSPACE - SUBJECTS - 1, None)
    subjects = [f"somebody-{index}" for index in range(SUBJECTS)]
    for subject in subjects:
        fill(workspace, OF_SUBJECT, subject)
    before = uuid7().hex
    for request in alone:
        yield {"workspace": name, "request": tagged(Tag.REQUEST, config().cell, request)}
    for subject in subjects:
        pseudonym = subject_pseudonym(subject_key(workspace.id), subject).hex()
        yield {"workspace": name, "scope": "subject", "subject": pseudonym, "before": before}
    if number % WHOLE_OF == 0:
        yield {"workspace": name, "scope": "workspace", "before": before}
    else:
        [other] = fill(workspace, 1, None)
        yield {"workspace": name, "request": tagged(Tag.REQUEST, config().cell, other)}


def _write(told: Iterator[dict[str, Any]], count: int) -> None:
    """The ledger, whole at once: a worker makes each of its lines durable, which is not what is measured."""
    path = erasure_ledger().path
    path.parent.mkdir(mode=0o700)
    previous, at = GENESIS, datetime.now(UTC).isoformat()
    with path.open("wb") as file:
        for number, fields in zip(range(count), told, strict=False):
            erasure = tagged(Tag.ERASURE, config().cell, uuid7())
            line = LedgerLine(
                **{"request": None, **fields}, erasure=erasure, fenced_at=at, previous=previous, number=number
            )
            raw = line.encode()
            previous = hashlib.sha256(raw).hexdigest()
            file.write(raw)


if __name__ == "__main__":
    main(int(sys.argv[1]))
