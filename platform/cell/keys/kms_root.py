"""A root key in AWS KMS: a symmetric key, named by its ARN, that wraps and unwraps over the network and never leaves.

`context` goes with each call as KMS's encryption context, which KMS authenticates and writes to CloudTrail: it holds a label
and the number of a workspace, nothing of a person. Credentials are found as the AWS SDK always finds them. Needs the extra `aws`.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cell.key_config import RootRef
from cell.keys.identity import named_id
from cell.keys.provider import RootRefused, RootUnavailable, UnwrapError

_CONNECT_S, _READ_S, _ATTEMPTS = 2.0, 3.0, 2
_NOT_OURS = {"InvalidCiphertextException", "IncorrectKeyException"}
_REFUSED = {
    "AccessDeniedException",
    "DisabledException",
    "KMSInvalidStateException",
    "NotFoundException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
}


class KmsRoot:
    """The key `ref`; `endpoint` is where KMS answers if not at AWS's public address."""

    def __init__(self, ref: RootRef, endpoint: str | None) -> None:
        self.id = named_id(ref)
        self._arn, self._region, self._endpoint = ref.name, ref.aws_region, endpoint
        self._lock = Lock()
        self._client: Any = None

    def wrap(self, key: bytes, context: bytes) -> bytes:
        answer = self._ask("encrypt", KeyId=self._arn, Plaintext=key, EncryptionContext=_context(context))
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        if not wrapped:
            raise UnwrapError("the wrapped key was cut short")
        # The key is named so that a ciphertext of another key, which KMS would otherwise look up by itself, is refused.
        answer = self._ask("decrypt", KeyId=self._arn, CiphertextBlob=wrapped, EncryptionContext=_context(context))
        return bytes(answer["Plaintext"])

    def _ask(self, operation: str, **parameters: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._connected(), operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_OURS:
                raise UnwrapError("the wrapped key was altered, or belongs to another place or root") from error
            if code in _REFUSED:
                raise RootRefused(f"AWS KMS refuses the key: {code}") from error
            raise RootUnavailable(f"AWS KMS does not work: {code}") from error
        except BotoCoreError as error:
            raise RootUnavailable(f"AWS KMS does not answer: {type(error).__name__}") from error
        return answer

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                options = Config(
                    connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": _ATTEMPTS}
                )
                self._client = boto3.session.Session().client(
                    "kms", region_name=self._region, endpoint_url=self._endpoint, config=options
                )
            return self._client


def _context(context: bytes) -> dict[str, str]:
    return {"bailiwick": context.hex()}
