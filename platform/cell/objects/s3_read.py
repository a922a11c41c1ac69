"""Reading an object from a bucket; a connection that is cut is taken up again where it was, at the same version."""

from __future__ import annotations

import time
from typing import Any

from cell.objects.errors import StoreAway
from cell.objects.reader import CheckedReader
from cell.objects.s3_client import S3Client, told
from cell.objects.s3_upload import HASH

_RESUMES = 5
"""How often one object's reading is taken up again before it fails."""
_WAIT_S = 0.2


def reader(client: S3Client, key: str, version: str | None) -> CheckedReader:
    """Raises ObjectNotFound."""
    stream = _Stream(client, key, version)
    return CheckedReader(stream.read, stream.close, size=stream.size, sha256=stream.sha256)


class _Stream:
    def __init__(self, client: S3Client, key: str, version: str | None) -> None:
        self._client = client
        answer = client.ask("get_object", Key=key, **({} if version is None else {"VersionId": version}))
        self.size = int(answer["ContentLength"])
        self.sha256: str | None = answer["Metadata"].get(HASH)
        # Of a key whose newest version changes meanwhile the one that was begun is read to its end.
        self._asked: dict[str, Any] = {"Key": key, "IfMatch": answer["ETag"]}
        if found := answer.get("VersionId", version):
            self._asked["VersionId"] = found
        self._body = answer["Body"]
        self._at = 0
        self._resumed = 0

    def read(self, most: int) -> bytes:
        while True:
            try:
                with told("get_object"):
                    block: bytes = self._body.read(most)
                if not block and self._at < self.size:
                    raise StoreAway("the object store ended early")
            except StoreAway:
                self._resume()
                continue
            self._at += len(block)
            return block

    def close(self) -> None:
        self._body.close()

    def _resume(self) -> None:
        """Raises StoreAway once it has been done too often."""
        self._body.close()
        while True:
            self._resumed += 1
            if self._resumed > _RESUMES:
                raise StoreAway("the object store broke off again and again") from None
            time.sleep(_WAIT_S * self._resumed)
            try:
                self._body = self._client.ask("get_object", Range=f"bytes={self._at}-", **self._asked)["Body"]
            except StoreAway:
                continue
            return
