from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cell.object_config import S3Bucket
from cell.objects import LockUnsupported, ObjectDamaged, StoreFull, StoreRefused, open_store
from tests.peers import free_port
from tests.peers.radosgw import REGION, RadosGw

_SECRET = "0" * 40


def test_more_versions_than_a_page_has_are_all_erased(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    store = open_store(bucket)

    url = radosgw.client.generate_presigned_url("put_object", {"Bucket": bucket.name, "Key": "key"})
    line = HTTPConnection("127.0.0.1", radosgw.http_port)  # boto3 would take four times as long
    for number in range(1_005):
        line.request("PUT", url.removeprefix(radosgw.endpoint), body=b"%d" % number)
        line.getresponse().read()
    store.delete("key")
    store.put("key.other", b"stays")

    assert len({version.id for version in store.versions("key")}) == 1_006
    assert sum(version.is_marker for version in store.versions("key")) == 1
    assert store.delete_all_versions("key") == 1_006
    assert store.versions("key") == []
    assert _left(radosgw, bucket) == ["key.other"]


def test_pages_that_end_within_a_key_lose_nothing(radosgw: RadosGw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell.objects.s3_store.PAGE", 3)
    store = open_store(radosgw.bucket())
    made = {key: [store.put(key, b"1").id, store.delete(key).id, store.put(key, b"2").id] for key in ("a", "a/b", "b")}
    made["a"] += [store.delete("a").id, store.put("a", b"3").id]

    assert {history[0].key: [version.id for version in history] for history in store.histories()} == made
    assert [version.is_marker for version in store.versions("a")] == [False, True, False, True, False]
    assert store.delete_all_versions("a") == 5
    assert list(store.keys()) == ["a/b", "b"]


def test_an_abandoned_upload_of_a_key_goes_with_its_versions(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    store = open_store(bucket)
    store.put("key", b"1")
    for key in ("key", "key.other"):
        number = radosgw.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
        radosgw.client.upload_part(Bucket=bucket.name, Key=key, UploadId=number, PartNumber=1, Body=b"CANARY")

    assert [upload.key for upload in store.uploads("key")] == ["key", "key.other"]
    assert store.delete_all_versions("key") == 1
    assert [upload.key for upload in store.uploads()] == ["key.other"]


def test_bytes_that_are_not_those_of_their_hash_are_not_handed_over(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    radosgw.client.put_object(Bucket=bucket.name, Key="key", Body=b"altered", Metadata={"sha256": "0" * 64})
    with pytest.raises(ObjectDamaged):
        open_store(bucket).get("key")


def test_a_bucket_without_object_lock_takes_no_lock(radosgw: RadosGw) -> None:
    store = open_store(radosgw.bucket(lock=False))
    until = datetime.now(UTC) + timedelta(minutes=1)
    with pytest.raises(LockUnsupported):
        store.put("key", b"1", locked_until=until)
    assert store.versions("key") == []
    version = store.put("key", b"1")
    with pytest.raises(LockUnsupported):
        store.lock("key", version.id, until)
    with pytest.raises(LockUnsupported):
        store.hold("key", version.id, on=True)
    assert store.delete_all_versions("key") == 1


def test_a_full_bucket_says_so_and_takes_nothing(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    store = open_store(bucket)
    store.put("small", b"kept")
    radosgw.admin("quota", "set", "--quota-scope=bucket", f"--bucket={bucket.name}", "--max-size=2000000")
    radosgw.admin("quota", "enable", "--quota-scope=bucket", f"--bucket={bucket.name}")
    for size in (3_000_000, 17 << 20):
        with pytest.raises(StoreFull):
            store.put("large", b"x" * size)
    assert store.versions("large") == []
    assert list(store.uploads()) == []
    assert store.get("small") == b"kept"


def test_a_wrong_secret_is_refused_and_the_error_holds_nothing(radosgw: RadosGw, tmp_path: Path) -> None:
    bucket = radosgw.bucket()
    open_store(bucket).put("subject-4711", b"x")
    lines = radosgw.credentials("cell").read_text().splitlines()
    identity = lines[1].split()[-1]
    wrong = _credentials(tmp_path, f"[default]\n{lines[1]}\naws_secret_access_key = {_SECRET}\n")
    store = open_store(replace(bucket, credentials_file=wrong))

    for ask in (lambda: store.get("subject-4711"), lambda: store.put("subject-4711", b"y"), store.region):
        with pytest.raises(StoreRefused, match=r"SignatureDoesNotMatch|403") as refused:
            ask()
        shown = f"{refused.value!r} {refused.value} {refused.value.__cause__}"
        for secret in (_SECRET, identity, "subject-4711", bucket.name):
            assert secret not in shown
        assert refused.value.__suppress_context__


def test_credentials_are_read_again_when_they_were_changed(radosgw: RadosGw, tmp_path: Path) -> None:
    right = radosgw.credentials("cell").read_text()
    path = _credentials(tmp_path, right.replace("aws_secret_access_key = ", f"aws_secret_access_key = {_SECRET}"))
    store = open_store(replace(radosgw.bucket(), credentials_file=path))
    with pytest.raises(StoreRefused):
        store.put("key", b"1")
    path.unlink()
    _credentials(tmp_path, right)
    store.put("key", b"1")
    assert store.get("key") == b"1"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "cannot be read"),
        (f"[default]\naws_access_key_id = a\naws_secret_access_key = {_SECRET}\n", 0o644, "open to others"),
        (f"[other]\naws_secret_access_key = {_SECRET}\n", 0o600, "must have a section"),
        (f"aws_secret_access_key = {_SECRET}\n", 0o600, "must have a section"),
        (f"[default]\naws_secret_access_key = {_SECRET}\n", 0o600, "must have a section"),
    ],
)
def test_credentials_that_cannot_be_used_say_why_and_not_what(
    tmp_path: Path, content: str | None, mode: int, says: str
) -> None:
    path = tmp_path / "credentials"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    store = open_store(S3Bucket("bucket", REGION, "eu", f"http://127.0.0.1:{free_port()}", None, path))
    with pytest.raises(StoreRefused, match=says) as refused:
        store.get("key")
    assert _SECRET not in str(refused.value)


def test_a_certificate_is_checked_against_the_configured_authority_and_the_hosts_name(
    radosgw: RadosGw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 1)
    bucket = replace(radosgw.bucket(), endpoint=f"https://127.0.0.1:{radosgw.https_port}", ca_file=radosgw.ca_file)
    open_store(bucket).put("key", b"over TLS")
    assert open_store(bucket).get("key") == b"over TLS"

    with pytest.raises(StoreRefused, match="authority"):
        open_store(replace(bucket, ca_file=Path("/nowhere/ca.pem"))).get("key")
    stranger = replace(bucket, ca_file=None)
    other_name = replace(bucket, endpoint=f"https://localhost:{radosgw.https_port}")
    for wrong in (stranger, other_name):
        with pytest.raises(StoreRefused, match="certificate"):
            open_store(wrong).get("key")


def test_a_bucket_that_does_not_fit_the_cell_says_what_is_wrong(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    assert open_store(bucket).disagreements("eu") == []
    assert open_store(bucket).disagreements("us") == [
        "the object store is under the law of eu, this region under that of us"
    ]
    elsewhere = replace(radosgw.bucket(lock=False, versions=False), region="eu-fr")
    assert open_store(elsewhere).disagreements("eu") == [
        f"the bucket is in {REGION}, BAILIWICK_OBJECTS_REGION is eu-fr",
        "the bucket does not keep versions: turn its versioning on",
    ]
    with pytest.raises(StoreRefused, match="does not keep versions"):
        open_store(elsewhere).delete("key")
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        open_store(replace(bucket, name="nobodys")).disagreements("eu")


def test_other_peoples_keys_in_the_bucket_are_not_listed(radosgw: RadosGw) -> None:
    bucket = radosgw.bucket()
    for key in ("Report of Mrs. Smith.pdf", ".hidden", "ours"):
        radosgw.client.put_object(Bucket=bucket.name, Key=key, Body=b"")
    assert list(open_store(bucket).keys()) == ["ours"]


def _credentials(folder: Path, content: str) -> Path:
    path = folder / "credentials"
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def _left(radosgw: RadosGw, bucket: S3Bucket) -> list[str]:
    """What the server itself lists, markers included, by another way than the code under test."""
    page = radosgw.client.list_object_versions(Bucket=bucket.name)
    return sorted(entry["Key"] for name in ("Versions", "DeleteMarkers") for entry in page.get(name, ()))
