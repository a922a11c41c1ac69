"""What an erasure needs goes away in the middle of it, or somebody comes back from before it: it ends in the same place, and
certifies nothing until it has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection

import msgspec
import pytest

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell import jobs
from cell.config import config
from cell.key_config import RootRef
from cell.keys import RootedKeys, RootUnavailable, cell_keys, open_root
from cell.keystore import custody
from cell.keystore.rotation import rotate_workspace_key
from cell.objects import ObjectStore, open_store
from retention import stores
from retention.erasures import erasure_get
from retention.models import ErasureScope
from retention.payloads import payload_open
from retention.stores import Evidence, Target
from tests.factories import make_organization
from tests.peers.proxy import Proxy, proxy
from tests.peers.transit import Transit, transit
from tests.retention.erasing import ALL_STATES, ask, assert_gone, download, job_of, run, states
from tests.retention.faults import end_lease
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")
VERSIONS = 1_005


class Files:
    """A store of this test: a file of each request in a bucket, erased over a line with faults, and looked for over another."""

    name, method, holds_keys, scopes = "files", "versions removed", False, stores.ANY_SCOPE

    def __init__(self, far: ObjectStore, near: ObjectStore) -> None:
        self.far, self.near = far, near

    def plan(self, target: Target) -> int:
        return sum(len(self.near.versions(request.hex)) for request in target.requests)

    def execute(self, target: Target) -> None:
        for request in target.requests:
            self.far.delete_all_versions(request.hex)

    def verify(self, target: Target) -> Evidence:
        versions = self.plan(target)
        uploads = sum(len(list(self.near.uploads(request.hex))) for request in target.requests)
        return Evidence(versions + uploads, {"versions": versions, "uploads": uploads})


@pytest.fixture
def line(radosgw) -> Iterator[Proxy]:
    with proxy(radosgw.http_port) as running:
        yield running


@pytest.fixture
def files(radosgw, line, monkeypatch) -> Files:
    bucket = radosgw.bucket()
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 1)
    kept = Files(open_store(replace(bucket, endpoint=f"http://127.0.0.1:{line.port}")), open_store(bucket))
    monkeypatch.setattr(stores, "_registered", {**stores._registered, "files": kept})
    return kept


def test_a_bucket_that_fails_midway_through_more_versions_than_a_page_has(radosgw, files, line) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    name = files.near.bucket.name  # type: ignore[attr-defined]  # it is one on S3
    url = radosgw.client.generate_presigned_url("put_object", {"Bucket": name, "Key": request.hex})
    direct = HTTPConnection("127.0.0.1", radosgw.http_port)  # boto3 would take four times as long
    for number in range(VERSIONS):
        direct.request("PUT", url.removeprefix(radosgw.endpoint), body=b"%d" % number)
        direct.getresponse().read()
    files.near.delete(request.hex)
    radosgw.client.create_multipart_upload(Bucket=name, Key=request.hex)
    # A listing is cut off in the middle; then the removal of the first thousand arrives altered. (Ceph 16 itself dies when a
    # connection is cut while it removes many.)
    line.cuts_down = [50_000]
    info = ask(organization, request)
    job = job_of(workspace, info)

    jobs.run(job)
    assert line.cuts_down == []
    assert not erasure_get(workspace, info.id).certified
    line.altered = 1
    end_lease(job)
    jobs.run(job)
    assert line.altered == 0
    assert not erasure_get(workspace, info.id).certified
    assert files.plan(Target(workspace, info.id, ErasureScope.REQUEST, (request,))) == VERSIONS + 1
    done = run(workspace, info)

    assert (done.state, done.certified) == ("primary-erased", True)
    assert states(workspace, info) == ALL_STATES
    assert files.near.versions(request.hex) == []
    assert list(files.near.uploads()) == []
    text = download(organization, info)
    verify_certificate(text, vkeys())
    shown = msgspec.json.decode(text)["statement"]["stores"]["files"]
    assert (shown["found"], shown["remaining"]) == (VERSIONS + 1, 0)


def test_a_version_that_may_not_be_removed_is_never_certified(files) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    locked = files.near.put(request.hex, b"CANARY")
    files.near.hold(request.hex, locked.id, on=True)
    info = ask(organization, request)

    done = run(workspace, info)

    assert not done.certified
    assert payload_open(workspace, request) is None
    files.near.hold(request.hex, locked.id, on=False)
    assert run(workspace, info).certified
    assert_gone(workspace, request)


@pytest.fixture
def vault(tmp_path) -> Iterator[Transit]:
    with transit(tmp_path) as running:
        yield running


def test_keys_are_destroyed_while_what_wraps_them_is_away(vault, monkeypatch) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request, kept = serve(workspace), serve(workspace)
    vault.make_key("customer")
    cell, reached = cell_keys(), replace(config().keys, vault=vault.server)
    keys = RootedKeys(cell.root, cell._seed, own=lambda ref: open_root(ref, reached))
    monkeypatch.setattr(custody, "cell_keys", lambda: keys)
    rotate_workspace_key(keys, workspace.id, RootRef("vault", "transit/customer"))
    assert payload_open(workspace, kept) is not None
    vault.seal(True)
    with pytest.raises(RootUnavailable):
        payload_open(workspace, kept)
    info = ask(organization, request)

    done = run(workspace, info)

    assert (done.state, done.certified) == ("primary-erased", True)
    assert states(workspace, info) == ALL_STATES
    assert_gone(workspace, request)
    vault.seal(False)
    assert payload_open(workspace, kept) is not None


STOPS = """
import django, os, signal, sys
django.setup()
from uuid import UUID
from cell import jobs
from retention import stores
store = stores.store_named("payload-rows")
original = store.execute
def stop(target):
    os.kill(os.getpid(), signal.SIGSTOP)
    original(target)
store.execute = stop
jobs.run(UUID(sys.argv[1]))
"""


def test_an_eraser_that_wakes_up_after_another_one_was_done_changes_nothing() -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    info = ask(organization, request)
    job = job_of(workspace, info)
    sleeper = subprocess.Popen([sys.executable, "-c", STOPS, str(job)], env=environ())
    assert os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1])
    assert not erasure_get(workspace, info.id).certified
    end_lease(job)
    assert run(workspace, info).certified
    certificate = download(organization, info)

    sleeper.send_signal(signal.SIGCONT)
    sleeper.wait(60)

    assert download(organization, info) == certificate
    assert states(workspace, info) == ALL_STATES
    assert_gone(workspace, request)


ANSWERS_LATE = """
import django, sys
django.setup()
from uuid import UUID
from cell.access import WorkspaceRef
from tests.retention.world import begin, end
workspace = WorkspaceRef(UUID(sys.argv[1]), UUID(sys.argv[2]), "eu-de-1")
served = begin(workspace, "anna", stored=True)
print(served.id.hex, flush=True)
sys.stdin.readline()
end(workspace, served)
print("ended", flush=True)
"""


@pytest.mark.parametrize("scope", [{"subject": "anna"}, {"whole": True}])
def test_a_server_that_was_cut_off_with_its_keys_in_memory_stores_nothing_when_it_is_back(scope) -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject="anna")
    command = [sys.executable, "-c", ANSWERS_LATE, str(workspace.id), str(workspace.organization)]
    with subprocess.Popen(command, env=environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        request = server.stdout.readline().strip()
        server.send_signal(signal.SIGSTOP)
        info = ask(organization, **scope)
        assert run(workspace, info).certified
        certificate = download(organization, info)

        server.send_signal(signal.SIGCONT)
        server.stdin.write("\n")
        server.stdin.flush()
        assert server.stdout.readline() == "ended\n"

    assert request not in {number.hex for number in payloads(workspace)}
    assert payloads(workspace) == set()
    assert download(organization, info) == certificate


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
