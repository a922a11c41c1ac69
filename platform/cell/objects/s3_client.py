"""A connection to one bucket: boto3 with everything decided that it would otherwise take from its surroundings.

Every request is signed over the SHA-256 of its body, so a server takes no other bytes than were sent. No request leaves for
another host than the bucket's: no proxy or endpoint of the environment, no redirect to another region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from cell.object_config import S3Bucket
from cell.objects.credentials import Credentials, stamp
from cell.objects.errors import (
    LockUnsupported,
    ObjectExists,
    ObjectNotFound,
    ObjectStoreError,
    StoreAway,
    StoreFull,
    StoreRefused,
)
from cell.objects.s3_order import keep_order

CONNECT_S, READ_S, ATTEMPTS = 3.0, 20.0, 3
"""A request ends after 75 seconds at the latest, waits between attempts included; most end at once."""
_CONNECTIONS = 16
_SESSION, _SESSION_LOCK = boto3.session.Session(), Lock()
"""It reads what S3 is, a tenth of a second of work, once; it is not made for several threads."""

_NOT_FOUND = {"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404", "405", "MethodNotAllowed"}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "507", "XMinioStorageFull"}
_DAMAGED_ON_THE_WAY = {"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout", "InvalidDigest"}
_CODE = re.compile(r"[A-Za-z0-9]{1,64}")


class S3Client:
    """`ask` is the only way to the server."""

    def __init__(self, bucket: S3Bucket) -> None:
        self.bucket = bucket
        self._lock = Lock()
        self._made: tuple[object, Any] | None = None

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to `operation` on the bucket. Raises ObjectStoreError of the kind that fits."""
        names_version = "VersionId" in parameters and operation in ("get_object", "head_object")
        with told(operation, names_version=names_version):
            answer: dict[str, Any] = getattr(self._client(), operation)(Bucket=self.bucket.name, **parameters)
        return answer

    def _client(self) -> Any:
        """The client; another one once the credentials' file was changed."""
        with self._lock:
            now = stamp(self.bucket.credentials_file)
            if self._made is None or self._made[0] != now:
                self._made = (now, _connected(self.bucket))
            return self._made[1]


@contextmanager
def told(operation: str, *, names_version: bool = False) -> Iterator[None]:
    """Turns what boto3 raises into ObjectStoreError. The original is not kept: it may name what was asked for, and by whom."""
    try:
        yield
    except ClientError as error:
        raise _meant(operation, error.response, names_version=names_version) from None
    except SSLError:
        raise StoreRefused("the object store's certificate is not one that this process trusts") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise StoreRefused("there are no credentials for the object store") from None
    except (NoConnection, HTTPClientError, IncompleteReadError, ResponseParserError, OSError) as error:
        raise StoreAway(f"the object store does not answer {operation}: {type(error).__name__}") from None
    except BotoCoreError as error:
        raise StoreRefused(f"the object store cannot be asked for {operation}: {type(error).__name__}") from None


def _meant(operation: str, response: dict[str, Any], *, names_version: bool) -> ObjectStoreError:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = str(response.get("Error", {}).get("Code", ""))
    code = found if _CODE.fullmatch(found) else str(status)
    # AWS calls an id that it would never give a wrong argument.
    if code in _NOT_FOUND or (names_version and code in ("InvalidArgument", "400")):
        return ObjectNotFound("there is no such object, version or upload")
    if code in _EXISTS:
        return ObjectExists("there is such an object already")
    if code in _FULL or status == 507:
        return StoreFull("the object store has no room left; free some and repeat")
    if code == "ObjectLockConfigurationNotFoundError":
        return LockUnsupported("the bucket was made without object lock")
    if code in _DAMAGED_ON_THE_WAY or status >= 500:
        return StoreAway(f"the object store could not do {operation}: {code}")
    return StoreRefused(f"the object store refuses {operation}: {code}")


def _connected(bucket: S3Bucket) -> Any:
    credentials = Credentials.read(bucket.credentials_file)
    if bucket.ca_file is not None and not bucket.ca_file.is_file():
        raise StoreRefused(f"the authority of the object store's certificate, {bucket.ca_file}, is not there")
    options = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        signature_version="s3v4",
        proxies={},
        ignore_configured_endpoint_urls=True,
        use_dualstack_endpoint=False,
        # Ours is the hash in the signature, which every server checks. The SDK's own sums are newer than many of them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "virtual" if bucket.endpoint is None else "path",
            "payload_signing_enabled": True,
            "use_accelerate_endpoint": False,
            "use_arn_region": False,
            "us_east_1_regional_endpoint": "regional",
        },
    )
    with _SESSION_LOCK:
        client = _SESSION.client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            verify=str(bucket.ca_file) if bucket.ca_file else True,
            aws_access_key_id=credentials.key,
            aws_secret_access_key=credentials.secret,
            aws_session_token=credentials.token,
            config=options,
        )
    host = urlsplit(client.meta.endpoint_url).netloc

    def stay(request: Any, **_: Any) -> None:
        target = urlsplit(request.url).netloc
        if target not in (host, f"{bucket.name}.{host}"):
            raise StoreRefused("the object store sent this process elsewhere: the bucket is not where it should be")

    client.meta.events.register("before-send.s3", stay)
    keep_order(client)
    return client
