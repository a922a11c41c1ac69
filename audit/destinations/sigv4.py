"""AWS Signature Version 4 in a request's headers, as servers of S3 check it (Amazon S3 API Reference, "Authenticating Requests").

The signature is over the method, the path, the headers and the SHA-256 of the body, so a server takes no other bytes than were
meant. Paths are made of what needs no encoding, and there are no queries.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

_ALGORITHM, _SERVICE, _END = "AWS4-HMAC-SHA256", "s3", "aws4_request"
EMPTY = hashlib.sha256(b"").hexdigest()
"""Of no body."""


@dataclass(frozen=True, slots=True)
class SigV4:
    region: str
    """As the server calls it."""
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    def headers(
        self,
        method: str,
        host: str,
        path: str,
        at: datetime,
        *,
        sha256: str = EMPTY,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """All but `Host`, which is signed, too. `at` is in UTC; `sha256` is that of the body, in hexadecimal."""
        moment = f"{at:%Y%m%dT%H%M%SZ}"
        given = {"x-amz-content-sha256": sha256, "x-amz-date": moment, **(more or {})}
        signed = dict(sorted({"host": host, **given}.items()))
        names = ";".join(signed)
        lines = [method, path, "", *(f"{name}:{value}" for name, value in signed.items()), "", names, sha256]
        scope = f"{moment[:8]}/{self.region}/{_SERVICE}/{_END}"
        text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
        signature = hmac.new(self._key(moment[:8]), text.encode(), hashlib.sha256).hexdigest()
        credential = f"{self.access_key}/{scope}"
        return given | {
            "Authorization": f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        }

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, _SERVICE, _END):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
