"""A bucket of the customer, at any server that speaks S3: what was put there is read again before it counts as delivered.

It takes two rights, to put and to get objects below the prefix; listing is not needed, and what lies there already is not put
again. Asked by paths (`https://host/bucket/key`) and without an SDK, which resolves names, follows redirects and takes proxies by
itself: the one host that was checked is the one that is asked.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime

from audit.destinations.errors import Refused, Unacknowledged, Unauthorized
from audit.destinations.https import Answer, Endpoint, HttpsClient, check
from audit.destinations.interface import Evidence, ExportFile, Receipt
from audit.destinations.sigv4 import SigV4

WITHIN_S = 12.0
"""For one request; there are three for a file at most."""
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"}
_ON_THE_WAY = {"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout", "InvalidDigest"}
_UNKNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken"}


class Bucket:
    """`prefix` is empty or ends with a slash."""

    def __init__(
        self,
        client: HttpsClient,
        endpoint: Endpoint,
        bucket: str,
        prefix: str,
        signer: SigV4,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._host, self._signer, self._clock = client, endpoint.authority, signer, clock
        self._root = f"/{bucket}/{prefix}"

    def keep(self, file: ExportFile) -> Receipt:
        path = self._root + file.name
        if self._read(path, may_be_hidden=True) != file.sha256:
            self._put(path, file)
            if self._read(path) != file.sha256:
                raise Unacknowledged("what lies in the bucket is not what was put there")
        return Receipt(Evidence.READ_BACK, file.sha256)

    def _put(self, path: str, file: ExportFile) -> None:
        # A bucket that locks what is put there asks for a sum besides the one that is signed.
        more = {"x-amz-checksum-sha256": b64encode(bytes.fromhex(file.sha256)).decode()}
        headers = self._signer.headers("PUT", self._host, path, self._clock(), sha256=file.sha256, more=more)
        file.content.seek(0)
        answer = self._client.ask("PUT", path, {**headers, "Content-Length": str(file.size)}, file.content)
        _check(answer)

    def _read(self, path: str, *, may_be_hidden: bool = False) -> str | None:
        """SHA-256 of what lies there; None if that is nothing.

        To a key that may not list, AWS says of what is not there that it may not see it: `may_be_hidden` takes that for nothing.
        """
        found = hashlib.sha256()
        answer = self._client.ask(
            "GET", path, self._signer.headers("GET", self._host, path, self._clock()), into=found.update
        )
        if answer.status == 404 and _code(answer) != "NoSuchBucket":
            return None
        if may_be_hidden and answer.status == 403 and _code(answer) == "AccessDenied":
            return None
        _check(answer)
        return found.hexdigest()


def _check(answer: Answer) -> None:
    """Raises Unacknowledged, Unauthorized, Refused, Busy or Gone unless the answer is a success."""
    code = _code(answer)
    if code in _FULL or answer.status == 507:
        raise Unacknowledged("the bucket has no room")
    if code in _ON_THE_WAY:
        raise Unacknowledged("the bucket did not get what was sent")
    if code == "RequestTimeTooSkewed":
        raise Unacknowledged("the bucket's clock and ours are too far apart")
    if code in _UNKNOWN or answer.status == 401:
        raise Unauthorized("the bucket does not know the access key, or its secret key is another")
    if answer.status == 403:
        raise Unauthorized("the access key may not put and get objects there")
    if code == "NoSuchBucket":
        raise Refused("there is no such bucket")
    check(answer)


def _code(answer: Answer) -> str:
    """The error's name in the answer, which nobody repeats; empty if there is none."""
    found = _CODE.search(answer.body)
    return "" if found is None else found[1].decode()
