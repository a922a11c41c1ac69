from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from audit.destinations import Evidence, Reach
from audit.destinations.bucket import Bucket
from audit.destinations.errors import Forbidden, Refused, Unacknowledged, Unauthorized, Unreachable, Untrusted
from audit.destinations.sigv4 import EMPTY, SigV4
from tests.audit.destinations.buckets import Theirs, export_file
from tests.peers import free_port
from tests.peers.certificates import Authority
from tests.peers.proxy import Proxy, proxy
from tests.peers.radosgw import RadosGw

LARGE = os.urandom(1 << 20) * 5


@pytest.fixture
def bucket(radosgw: RadosGw) -> Theirs:
    return Theirs.made(radosgw)


@pytest.fixture
def line(radosgw: RadosGw) -> Iterator[Proxy]:
    with proxy(radosgw.https_port) as running:
        yield running


@pytest.mark.parametrize("content", [b"", b"a line\n", LARGE])
def test_a_file_is_delivered_when_it_was_read_back(bucket: Theirs, content: bytes) -> None:
    file = export_file(content)

    receipt = bucket.opened().keep(file)

    assert bucket.objects() == [f"siem/{file.name}"]
    assert bucket.content(f"siem/{file.name}") == content
    assert (receipt.evidence, receipt.sha256) == (Evidence.READ_BACK, sha256(content).hexdigest())


def test_what_lies_there_already_is_not_put_again(radosgw: RadosGw) -> None:
    bucket, file = Theirs.made(radosgw, versions=True), export_file(b"the same")

    assert bucket.opened().keep(file) == bucket.opened().keep(file)
    assert bucket.versions(f"siem/{file.name}") == 1


def test_what_lies_there_and_is_something_else_is_put_right(bucket: Theirs) -> None:
    file = export_file(b"the whole of it")
    bucket.put(f"siem/{file.name}", b"the whole")

    bucket.opened().keep(file)

    assert bucket.content(f"siem/{file.name}") == b"the whole of it"


def test_a_server_that_keeps_something_else_is_not_believed(bucket: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    file, opened = export_file(b"what was meant"), bucket.opened()
    honest = Bucket._put

    def lossy(self: Bucket, path: str, what: object) -> None:
        honest(self, path, export_file(b"what was", file.name))

    monkeypatch.setattr(Bucket, "_put", lossy)
    with pytest.raises(Unacknowledged):
        opened.keep(file)


def test_whose_credential_is_wrong_is_told_so_at_once(bucket: Theirs) -> None:
    theirs = bucket.secrets()
    wrong = [
        {"secret_key": theirs["secret_key"][::-1]},
        {"access_key": "NOBODY"},
        bucket.secrets("stranger"),  # known there, and without a right to this bucket
    ]

    for secrets in wrong:
        for content in (b"small", LARGE):
            with pytest.raises(Unauthorized) as refused:
                bucket.opened(**secrets).keep(export_file(content))
            assert not any(part in str(refused.value) for part in (*theirs.values(), *secrets.values(), bucket.name))
    assert bucket.objects() == []


def test_a_bucket_that_is_not_there_is_refused(bucket: Theirs) -> None:
    with pytest.raises(Refused, match="no such bucket"):
        replace(bucket, name="nobodys-bucket").opened().keep(export_file(b"x"))


def test_a_bucket_without_room_and_a_clock_that_is_wrong_are_tried_again(
    bucket: Theirs, radosgw: RadosGw, monkeypatch: pytest.MonkeyPatch
) -> None:
    radosgw.admin("quota", "set", "--quota-scope=bucket", f"--bucket={bucket.name}", "--max-size=4096")
    radosgw.admin("quota", "enable", "--quota-scope=bucket", f"--bucket={bucket.name}")
    with pytest.raises(Unacknowledged, match="no room"):
        bucket.opened().keep(export_file(LARGE))

    late = bucket.opened()
    monkeypatch.setattr(late, "_clock", lambda: datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(Unacknowledged, match="clock"):
        late.keep(export_file(b"x"))


def test_only_an_address_that_may_be_sent_to_and_a_trusted_certificate_are(bucket: Theirs) -> None:
    file = export_file(b"x")

    with pytest.raises(Forbidden):
        bucket.opened(reach=Reach()).keep(file)
    with pytest.raises(Untrusted):
        replace(bucket, ca=Authority().certificate).opened().keep(file)
    with pytest.raises(Unreachable):
        replace(bucket, url=f"https://127.0.0.1:{free_port()}").opened().keep(file)
    assert bucket.objects() == []


def test_a_line_that_is_cut_acknowledges_nothing_and_the_next_attempt_does(bucket: Theirs, line: Proxy) -> None:
    far, file = replace(bucket, url=f"https://127.0.0.1:{line.port}"), export_file(LARGE)
    line.cuts_down = [600, 1_000_000]  # while it connects, and while what was put is read again

    for failure in (Unreachable, Unacknowledged):
        with pytest.raises(failure):
            far.opened().keep(file)
    line.silent = True
    with pytest.raises(Unreachable):
        far.opened(within_s=0.5).keep(file)
    line.silent = False
    far.opened().keep(file)

    assert line.cuts_down == []
    assert bucket.content(f"siem/{file.name}") == LARGE


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("host", ["s3.eu-central-1.amazonaws.com", "[2a01:4f8::1]:8443"])
def test_it_signs_as_amazons_own_client_does(method: str, host: str) -> None:
    at, path = datetime(2026, 11, 26, 13, 0, 7, tzinfo=UTC), "/bucket/a/ws_eude1_00.b/c-1.tar"
    more = {"x-amz-checksum-sha256": "c2Ft"}
    signed = SigV4("eu-central-1", "AKIDEXAMPLE", "secret/+key").headers(method, host, path, at, more=more)
    theirs = S3SigV4Auth(Credentials("AKIDEXAMPLE", "secret/+key"), "s3", "eu-central-1")
    headers = {"host": host, "x-amz-date": "20261126T130007Z", "x-amz-content-sha256": EMPTY, **more}
    request = AWSRequest(method, f"https://{host}{path}", headers=headers)
    request.context["timestamp"] = "20261126T130007Z"
    text = theirs.string_to_sign(request, theirs.canonical_request(request))

    assert signed["Authorization"].endswith(f"Signature={theirs.signature(text, request)}")
    assert theirs.credential_scope(request) in signed["Authorization"]
    assert "secret" not in repr(SigV4("eu-central-1", "AKIDEXAMPLE", "secret/+key"))
