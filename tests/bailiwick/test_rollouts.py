"""Files that engines read are copies of rows, and become so again whatever died in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django.plugin import DjangoDbBlocker

from bailiwick.embedded.home import Home
from bailiwick.operator import mend
from cell.access import system_actor
from inference.engine import deployment as files
from inference.engine.deployment import Stages
from inference.gateway import rollout
from inference.gateway.deployments import deployment_change

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def test_a_file_that_is_no_copy_of_its_row_is_written_anew(tmp_path: Path) -> None:
    home, name = Home.at(tmp_path), f"chat-{uuid4().hex[:8]}"
    home.models.mkdir()
    file = home.models / f"{name}.json"
    first = rollout.first(name, OLD)
    now = rollout.staged(first, rollout.compiled(OLD, NEW, "int8"), Stages())
    for changed in (first, now):
        deployment_change(
            actor=system_actor("command"), name=name, change=lambda _, to=changed: to, serve=lambda _: None
        )  # type: ignore[misc]
    files.write(first, file)  # and then whoever had changed it died

    assert mend(home, [now]) == [name]
    assert file.read_bytes() == files.text(now)
    assert mend(home, [now]) == []
    # Whoever has read the row before it was changed writes nothing old.
    assert mend(home, [first]) == []
    assert file.read_bytes() == files.text(now)
    file.unlink()
    assert mend(home, [now]) == [name]
