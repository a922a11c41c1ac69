"""Whole exports into a customer's bucket at a real S3 server, from the API's answer to `bailiwick verify`."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from audit.models import ExportSchedule
from audit.signing import vkeys
from audit.verifier.__main__ import main
from cell import jobs
from cell.ids import Tag, untag
from cell.models import Job
from cell.tenancy import workspace_scope
from tests.audit.destinations.batches import HERE
from tests.audit.destinations.buckets import Theirs
from tests.factories import Organization, make_organization
from tests.peers.proxy import Proxy, proxy
from tests.peers.radosgw import RadosGw

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def bucket(radosgw: RadosGw, monkeypatch: pytest.MonkeyPatch) -> Theirs:
    monkeypatch.setattr("audit.described.reach", lambda: HERE)
    return Theirs.made(radosgw, versions=True)


@pytest.fixture
def line(radosgw: RadosGw) -> Iterator[Proxy]:
    with proxy(radosgw.https_port) as running:
        yield running


def _call(organization: Organization, method: str, path: str = "", body: object = None, **headers: str) -> Any:
    more = {} if body is None else {"data": body}
    return getattr(Client(), method)(
        f"/api/workspaces/{organization.workspace_id}/audit/schedules{path}",
        **more,
        content_type="application/json",
        headers={"Authorization": f"Bearer {organization.admin_key}", **headers},
    )


def _create(organization: Organization, bucket: Theirs, **secrets: str) -> str:
    made = _call(organization, "post", body={"destination": bucket.described(), "secrets": bucket.secrets() | secrets})
    assert made.status_code == 201, made.content
    assert not any(secret in made.content.decode() for secret in bucket.secrets().values())
    return str(made.json()["id"])


def _run(organization: Organization, public_id: str) -> dict[str, Any]:
    """The schedule after its newest run, as if that were due."""
    number = untag(public_id, Tag.SCHEDULE, "eude1")
    with workspace_scope(organization.workspace):
        runs = ExportSchedule.objects.get(pk=number).runs
        rows = Job.objects.filter(effect_key=f"delivery/{number}/{runs}")
        rows.update(run_after="2020-01-01T00:00:00Z", lease_until=None)
        job = rows.get().id
    jobs.run(job)
    found: dict[str, Any] = _call(organization, "get", f"/{public_id}").json()
    return found


def _deliveries(organization: Organization, public_id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = _call(organization, "get", f"/{public_id}/deliveries").json()["results"]
    return found[::-1]


def _taken(bucket: Theirs, folder: str, into: Path) -> Path:
    """What lies in a folder of the bucket, as `aws s3 sync` would bring it."""
    into.mkdir()
    for key in bucket.objects(folder):
        (into / key.rpartition("/")[2]).write_bytes(bucket.content(key))
    return into


def test_every_delivery_is_a_whole_export_that_verifies(
    organization: Organization, bucket: Theirs, tmp_path: Path
) -> None:
    made = _create(organization, bucket)

    after = [_run(organization, made) for _ in range(2)]

    assert [(found["state"], found["cause"]) for found in after] == [("active", "")] * 2
    first, second = _deliveries(organization, made)
    assert {(found["state"], found["evidence"]) for found in (first, second)} == {("acknowledged", "read-back")}
    assert (first["sent_lines"], second["first"]) == (first["end"], first["end"])
    root = f"siem/{organization.workspace_id}/{made}"
    folders = [_taken(bucket, f"{root}/{found['id']}/", tmp_path / found["id"]) for found in (first, second)]
    assert main([str(folders[0]), "--key", vkeys()[0]]) == 0
    assert main([str(folders[1]), "--key", vkeys()[0], "--previous", str(folders[0])]) == 0
    (lines,) = folders[0].glob("ocsf-*.ndjson.gz")
    places = [
        msgspec.json.decode(line)["metadata"]["sequence"] for line in gzip.decompress(lines.read_bytes()).splitlines()
    ]
    assert places == list(range(first["end"]))
    assert all(key.startswith((f"{root}/{first['id']}/", f"{root}/{second['id']}/")) for key in bucket.objects())


def test_a_wrong_key_stops_it_with_its_cause_and_the_right_one_sends_what_was_prepared(
    organization: Organization, bucket: Theirs
) -> None:
    made = _create(organization, bucket, secret_key="of-somebody-else")

    stopped = _run(organization, made)
    (prepared,) = _deliveries(organization, made)
    assert (stopped["state"], stopped["cause"]) == ("stopped", "unauthorized")
    assert bucket.objects() == []

    mended = {"destination": bucket.described(), "secrets": bucket.secrets()}
    assert _call(organization, "patch", f"/{made}", mended, **{"If-Match": "*"}).status_code == 200
    done = _run(organization, made)

    assert (done["state"], done["cause"]) == ("active", "")
    (delivered,) = _deliveries(organization, made)
    assert (delivered["id"], delivered["manifest_sha256"]) == (prepared["id"], prepared["manifest_sha256"])
    assert delivered["state"] == "acknowledged"


def test_cut_off_in_the_middle_it_goes_on_with_the_same_bytes_and_puts_nothing_twice(
    organization: Organization, bucket: Theirs, line: Proxy
) -> None:
    made = _create(organization, replace(bucket, url=f"https://127.0.0.1:{line.port}"))
    line.cuts_down = [20_000]

    cut = _run(organization, made)
    half = {key: bucket.content(key) for key in bucket.objects()}
    (underway,) = _deliveries(organization, made)
    done = _run(organization, made)

    assert (cut["state"], cut["cause"] != "", underway["state"]) == ("active", True, "sent")
    assert 0 < len(half) < len(bucket.objects())
    assert not any(key.endswith("manifest.note") for key in half)
    assert (done["state"], done["cause"]) == ("active", "")
    assert {key: bucket.content(key) for key in half} == half
    assert {bucket.versions(key) for key in bucket.objects()} == {1}
    assert [found["state"] for found in _deliveries(organization, made)] == ["acknowledged"]


def test_a_worker_that_dies_before_it_says_so_finds_everything_there(
    organization: Organization, bucket: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _create(organization, bucket)

    class Dead(BaseException):
        pass

    def die(*_: object) -> None:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr("audit.delivery_job._acknowledge", die)
        with pytest.raises(Dead):
            _run(organization, made)
    _run(organization, made)

    assert [found["state"] for found in _deliveries(organization, made)] == ["acknowledged"]
    assert {bucket.versions(key) for key in bucket.objects()} == {1}


def test_a_bucket_elsewhere_or_within_the_cells_own_network_is_refused(
    organization: Organization, bucket: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for members in (
        {"legal_area": "us"},
        {"url": "https://s3.us-east-1.amazonaws.com", "region_name": "us-east-1"},
        {"url": bucket.url.replace("https", "http")},
        {"bucket": "../other"},
    ):
        asked = {"destination": bucket.described(**members), "secrets": bucket.secrets()}
        assert _call(organization, "post", body=asked).status_code == 400
    monkeypatch.undo()

    made = _create(organization, bucket)

    stopped = _run(organization, made)
    assert (stopped["state"], stopped["cause"]) == ("stopped", "forbidden")
    assert bucket.objects() == []
