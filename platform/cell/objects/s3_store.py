"""An object store in a versioned bucket of an S3 server.

S3 removes without a word what is not there, and not every server knows conditional puts; so both are checked by what the bucket
lists, which every server keeps consistent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import Any, BinaryIO

from cell.object_config import S3Bucket
from cell.objects import s3_read, s3_upload
from cell.objects.errors import (
    LockUnsupported,
    ObjectExists,
    ObjectLocked,
    ObjectNotFound,
    StoreAway,
    StoreRefused,
)
from cell.objects.interface import Upload, Version, checked_key, is_key
from cell.objects.reader import buffered
from cell.objects.s3_client import S3Client
from cell.objects.s3_order import in_order
from cell.objects.s3_upload import PUT, Content

MARKER = ".region"
"""No key of the interface begins with a dot, so nothing that is put, listed or removed through it can be this one."""
PAGE = 1000
"""What one request lists or removes at most; no server does more."""
_ROUNDS = 3
_NEW = {"IfNoneMatch": "*"}


class S3ObjectStore:
    """See `cell.objects.interface.ObjectStore` for what each operation does."""

    def __init__(self, bucket: S3Bucket) -> None:
        self.bucket = bucket
        self._client = S3Client(bucket)

    def put(
        self, key: str, content: bytes | BinaryIO, *, sha256: str | None = None, locked_until: datetime | None = None
    ) -> Version:
        options: dict[str, Any] = {}
        if locked_until is not None:
            options = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": locked_until}
        return self._put(checked_key(key), Content.of(content, sha256), options)

    def put_new(self, key: str, content: bytes | BinaryIO) -> Version:
        checked_key(key)
        if self._visible(key):
            raise ObjectExists("there is such an object already")
        brought = Content.of(content, None)
        try:
            version = self._put(key, brought, _NEW)
        except ObjectExists:
            return self._ours(key, brought)
        return self._first(key, brought, version)

    def get(self, key: str, version: str | None = None) -> bytes:
        with self.open(key, version) as file:
            return file.read()

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        return buffered(s3_read.reader(self._client, checked_key(key), _checked_version(version)))

    def keys(self, prefix: str = "") -> Iterator[str]:
        return (history[0].key for history in self.histories(prefix))

    def histories(self, prefix: str = "") -> Iterator[list[Version]]:
        for key, entries in groupby(self._listed(prefix), key=lambda version: version.key):
            if is_key(key):
                yield list(entries)[::-1]

    def versions(self, key: str) -> list[Version]:
        return self._versions(checked_key(key))

    def delete(self, key: str) -> Version:
        newest = self._newest(checked_key(key))
        if newest is not None and newest.is_marker:
            return newest
        answer = self._client.ask("delete_object", Key=key)
        if "VersionId" in answer:
            return Version(key, answer["VersionId"], True, 0, _date(answer))
        newest = self._newest(key)
        if newest is None or not newest.is_marker:
            raise StoreRefused("the bucket does not keep versions")
        return newest  # another was quicker

    def delete_version(self, key: str, version: str) -> None:
        if _checked_version(version) not in {found.id for found in self.versions(key)}:
            raise ObjectNotFound("there is no such version of this object")
        try:
            self._client.ask("delete_object", Key=key, VersionId=version)
        except StoreRefused:
            self._check_unlocked(key, version)
            raise

    def delete_all_versions(self, key: str) -> int:
        for upload in self.uploads(checked_key(key)):
            if upload.key == key:
                self.abort(upload)
        removed = 0
        for _ in range(_ROUNDS):  # somebody may write meanwhile
            found = self.versions(key)
            if not found:
                return removed
            for start in range(0, len(found), PAGE):
                removed += self._remove(found[start : start + PAGE])
        if left := self.versions(key):
            for version in left:
                self._check_unlocked(key, version.id)
            raise StoreAway("the object store still has versions of what was removed; repeat")
        return removed

    def lock(self, key: str, version: str, until: datetime) -> None:
        self._check_lockable()
        about = self._about(key, version)
        if (now := about.get("ObjectLockRetainUntilDate")) is not None and until < now:
            raise ObjectLocked("a lock cannot be shortened")
        self._client.ask(
            "put_object_retention",
            Key=key,
            VersionId=version,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )

    def hold(self, key: str, version: str, *, on: bool) -> None:
        self._check_lockable()
        self._about(key, version)
        self._client.ask(
            "put_object_legal_hold", Key=key, VersionId=version, LegalHold={"Status": "ON" if on else "OFF"}
        )

    def uploads(self, prefix: str = "") -> Iterator[Upload]:
        after: dict[str, Any] = {}
        while True:
            page = self._client.ask("list_multipart_uploads", Prefix=prefix, MaxUploads=PAGE, **after)
            for found in page.get("Uploads", ()):
                yield Upload(found["Key"], found["UploadId"], found["Initiated"].astimezone(UTC))
            if not page["IsTruncated"]:
                return
            after = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def abort(self, upload: Upload) -> None:
        try:
            self._client.ask("abort_multipart_upload", Key=upload.key, UploadId=upload.id)
        except ObjectNotFound:
            return

    def region(self) -> str | None:
        # The first version: whoever wrote a later one came too late.
        versions = self._versions(MARKER)
        if not versions:
            return None
        return s3_read.reader(self._client, MARKER, versions[0].id).readall().decode("ascii", "replace").strip()

    def claim(self, region: str) -> None:
        if self.region() is None:
            self._put(MARKER, Content.of(region.encode() + b"\n", None), {})

    def disagreements(self, legal_area: str | None) -> list[str]:
        wrong = []
        bucket = self.bucket
        if legal_area is not None and bucket.legal_area != legal_area:
            wrong.append(
                f"the object store is under the law of {bucket.legal_area}, this region under that of {legal_area}"
            )
        found = self._client.ask("get_bucket_location").get("LocationConstraint") or "us-east-1"
        location = {"EU": "eu-west-1"}.get(found, found)
        if location != bucket.region:
            wrong.append(f"the bucket is in {location}, {bucket.variables}_REGION is {bucket.region}")
        if self._client.ask("get_bucket_versioning").get("Status") != "Enabled":
            wrong.append("the bucket does not keep versions: turn its versioning on")
        return wrong

    def _put(self, key: str, content: Content, options: dict[str, Any]) -> Version:
        if "ObjectLockMode" in options:
            self._check_lockable()
        number = s3_upload.upload(self._client, key, content, options)
        if number is None:
            return self._ours(key, content)
        about = self._client.ask("head_object", Key=key, VersionId=number)
        if about["ContentLength"] != content.size:
            raise StoreAway("the object store has not the whole of what was put; repeat")
        return Version(key, number, False, content.size, about["LastModified"].astimezone(UTC))

    def _ours(self, key: str, content: Content) -> Version:
        """The version that this put made, though its answer was lost. Raises ObjectExists if it made none and another is there."""
        for version in reversed(self._versions(key)):
            if not version.is_marker and self._number(key, version) == content.put:
                return version
        if self._visible(key):
            raise ObjectExists("there is such an object already")
        raise StoreAway("the object store lost an upload; repeat")

    def _first(self, key: str, content: Content, version: Version) -> Version:
        """`version`, or the one that an earlier attempt of the same put made. Raises ObjectExists if another put was before."""
        versions = self._versions(key)
        before = [found.id for found in versions].index(version.id) - 1
        if before < 0 or versions[before].is_marker:
            return version
        self._client.ask("delete_object", Key=key, VersionId=version.id)
        if self._number(key, versions[before]) == content.put:
            return versions[before]
        raise ObjectExists("there is such an object already")

    def _number(self, key: str, version: Version) -> str | None:
        try:
            number: str | None = self._client.ask("head_object", Key=key, VersionId=version.id)["Metadata"].get(PUT)
        except ObjectNotFound:
            return None
        return number

    def _visible(self, key: str) -> bool:
        newest = self._newest(key)
        return newest is not None and not newest.is_marker

    def _newest(self, key: str) -> Version | None:
        newest = next(self._listed(key, 1), None)
        return newest if newest is not None and newest.key == key else None

    def _versions(self, key: str) -> list[Version]:
        found = []
        for version in self._listed(key):
            if version.key != key:  # the key itself sorts first of all that begin with it
                break
            found.append(version)
        return found[::-1]

    def _listed(self, prefix: str, page_length: int | None = None) -> Iterator[Version]:
        """Keys sorted, the newest version of each first."""
        after: dict[str, Any] = {}
        while True:
            page = self._client.ask("list_object_versions", Prefix=prefix, MaxKeys=page_length or PAGE, **after)
            for entry, is_marker in in_order(page):
                modified = entry["LastModified"].astimezone(UTC)
                yield Version(entry["Key"], entry["VersionId"], is_marker, entry.get("Size", 0), modified)
            if not page["IsTruncated"]:
                return
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _remove(self, versions: list[Version]) -> int:
        wanted = [{"Key": version.key, "VersionId": version.id} for version in versions]
        answer = self._client.ask(
            "delete_objects", Delete={"Objects": wanted, "Quiet": True}, ChecksumAlgorithm="SHA256"
        )
        return len(versions) - len(answer.get("Errors", ()))

    def _about(self, key: str, version: str) -> dict[str, Any]:
        return self._client.ask("head_object", Key=checked_key(key), VersionId=_checked_version(version))

    def _check_unlocked(self, key: str, version: str) -> None:
        """Raises ObjectLocked if it is a lock that keeps the version."""
        try:
            about = self._about(key, version)
        except ObjectNotFound:
            return
        if about.get("ObjectLockLegalHoldStatus") == "ON":
            raise ObjectLocked("the version is held")
        until = about.get("ObjectLockRetainUntilDate")
        if until is not None and until > datetime.now(UTC):
            raise ObjectLocked("the version is locked until a later time")

    def _check_lockable(self) -> None:
        """Some servers take a lock and forget it, so the bucket is asked. Raises LockUnsupported."""
        answer = self._client.ask("get_object_lock_configuration")
        if answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise LockUnsupported("the bucket was made without object lock")


def _checked_version(version: str | None) -> str | None:
    """An empty one would mean the newest."""
    if version is not None and not (0 < len(version) <= 1024 and version.isascii() and version.isprintable()):
        raise ObjectNotFound("not the id of a version")
    return version


def _date(answer: dict[str, Any]) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
