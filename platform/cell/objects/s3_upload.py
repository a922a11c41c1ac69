"""Bringing content to a bucket: small content in one request, large content in parts of which one at a time is in memory.

Each put is marked with a number of its own, so that after a connection that was cut it can be told whether it happened.
"""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, BinaryIO

from cell.ids import uuid7
from cell.objects.errors import ObjectDamaged, ObjectNotFound, ObjectStoreError
from cell.objects.s3_client import S3Client

PART_BYTES = 16 << 20
_MOST_PARTS = 10_000
HASH, PUT = "sha256", "put"
"""Names of an object's metadata: the SHA-256 of all its bytes, and the number of the put that brought it."""


@dataclass(frozen=True, slots=True)
class Content:
    file: BinaryIO
    size: int
    sha256: str
    put: str

    @classmethod
    def of(cls, content: bytes | BinaryIO, sha256: str | None) -> Content:
        """Reads `content` once for its hash. Raises ObjectDamaged if it is not `sha256`, ValueError if it cannot be read twice."""
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        if not file.seekable():
            raise ValueError("an object's content is bytes or a file that can be read twice")
        start = file.tell()
        found = hashlib.sha256()
        size = 0
        while block := file.read(1 << 20):
            found.update(block)
            size += len(block)
        file.seek(start)
        if sha256 not in (None, found.hexdigest()):
            raise ObjectDamaged("the content has not the hash that it was said to have; nothing was stored")
        return cls(file, size, found.hexdigest(), uuid7().hex)

    @property
    def metadata(self) -> dict[str, str]:
        return {HASH: self.sha256, PUT: self.put}


def upload(client: S3Client, key: str, content: Content, options: dict[str, Any]) -> str | None:
    """Brings `content` as a new version of `key`. Returns the version's id; None if the server did not say it."""
    if content.size <= PART_BYTES:
        body = content.file.read(content.size + 1)
        answer = client.ask(
            "put_object", Key=key, Body=body, Metadata=content.metadata, **_sum(body, content.sha256), **options
        )
        return answer.get("VersionId")
    started = client.ask(
        "create_multipart_upload", Key=key, Metadata=content.metadata, ChecksumAlgorithm="SHA256", **_early(options)
    )
    number = started["UploadId"]
    try:
        parts = _parts(client, key, number, content)
        return _completed(client, key, number, parts, options)
    except BaseException:
        # Its bytes would stay, unseen, until somebody sweeps.
        abort(client, key, number)
        raise


def abort(client: S3Client, key: str, number: str) -> None:
    """Removes an unfinished upload if the server answers; if not, the sweep will."""
    try:
        client.ask("abort_multipart_upload", Key=key, UploadId=number)
    except ObjectStoreError:
        return


def _parts(client: S3Client, key: str, number: str, content: Content) -> list[dict[str, Any]]:
    length = max(PART_BYTES, -(-content.size // _MOST_PARTS))
    parts: list[dict[str, Any]] = []
    seen = hashlib.sha256()
    while body := content.file.read(length):
        seen.update(body)
        tag = _sum(body)
        answer = client.ask("upload_part", Key=key, UploadId=number, PartNumber=len(parts) + 1, Body=body, **tag)
        parts.append({"PartNumber": len(parts) + 1, "ETag": answer["ETag"], **tag})
    if seen.hexdigest() != content.sha256:
        raise ObjectDamaged("the content changed while it was read; nothing was stored")
    return parts


def _completed(
    client: S3Client, key: str, number: str, parts: list[dict[str, Any]], options: dict[str, Any]
) -> str | None:
    conditions = {name: value for name, value in options.items() if name == "IfNoneMatch"}
    try:
        answer = client.ask(
            "complete_multipart_upload", Key=key, UploadId=number, MultipartUpload={"Parts": parts}, **conditions
        )
    except ObjectNotFound:
        return None  # completed by an attempt whose answer was lost, or aborted: whoever looks for it will see
    version: str | None = answer.get("VersionId")
    return version


def _early(options: dict[str, Any]) -> dict[str, Any]:
    """Of a put's options those that are told when an upload begins."""
    return {name: value for name, value in options.items() if name != "IfNoneMatch"}


def _sum(body: bytes, expected: str | None = None) -> dict[str, str]:
    digest = hashlib.sha256(body)
    if expected not in (None, digest.hexdigest()):
        raise ObjectDamaged("the content changed while it was read; nothing was stored")
    return {"ChecksumSHA256": b64encode(digest.digest()).decode()}
