"""A web process admits nothing while its database does not know every erasure of the ledger."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from django.utils import timezone

from bailiwick.embedded.cluster import ROOT
from cell.tenancy import workspace_scope
from retention import fences
from retention.backups import admission
from retention.erasure import target_of
from retention.models import Erasure, Replay
from tests.bailiwick.backing_up import whole
from tests.factories import make_organization
from tests.retention.conftest import committed, owner
from tests.retention.erasing import ask, erasure_ledger
from tests.retention.erasing import run as work
from tests.retention.requests import serve

__all__ = ["committed", "owner"]
pytestmark = pytest.mark.usefixtures("committed")


@contextlib.contextmanager
def web(cluster) -> Iterator[str]:
    """A web process of the tests' cell, and where it is; it has no engine."""
    public, internal = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with public, internal:
        fds = (public.fileno(), internal.fileno())
        command = [sys.executable, "-m", "bailiwick.server", "--fd", str(fds[0]), "--internal-fd", str(fds[1])]
        process = subprocess.Popen(command, env=whole(cluster.environ()), cwd=ROOT, pass_fds=fds)
        try:
            yield f"http://127.0.0.1:{public.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(20)


def health(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=20) as answer:
            return json.load(answer)["status"]
    except urllib.error.HTTPError as refused:
        return json.load(refused)["status"]


def becomes(url: str, status: str, within_s: float = 30) -> bool:
    deadline = time.monotonic() + within_s
    while health(url) != status:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_it_waits_for_an_erasure_that_was_announced_and_admits_only_what_is_replayed(cluster, owner) -> None:
    organization = make_organization()
    workspace = organization.workspace
    info = ask(organization, serve(workspace))
    with workspace_scope(workspace):
        row = Erasure.objects.get(pk=info.id)
    # As a worker leaves it that dies between the ledger and the database.
    fences.announce(erasure_ledger(), target_of(workspace, row), timezone.now())
    assert admission.look() == 1

    with web(cluster) as url:
        assert becomes(url, "starting")
        time.sleep(1.5)
        assert health(url) == "starting"
        assert work(workspace, info).state == "primary-erased"
        assert becomes(url, "ok")
        assert admission.look() == 0
        mark = erasure_ledger().end()
        known = Replay.objects.get()
        assert (known.lines, known.head, known.position) == (mark.lines, mark.head, mark.position)

        # As if a restore began under it.
        owner("update retention_replay set restoring = gen_random_uuid()")
        try:
            assert becomes(url, "starting")
            with pytest.raises(admission.NotReplayed, match="was not finished"):
                admission.look()
        finally:
            owner("update retention_replay set restoring = null")
        assert becomes(url, "ok")
