"""A customer's bucket at a real S3 server, as a schedule describes it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from audit.destinations import ExportFile, Reach
from audit.destinations.bucket import WITHIN_S, Bucket
from audit.destinations.https import Endpoint, HttpsClient
from audit.destinations.sigv4 import SigV4
from audit.destinations.tls import context
from tests.audit.destinations.batches import HERE
from tests.peers.radosgw import REGION, RadosGw


@dataclass(frozen=True)
class Theirs:
    gateway: RadosGw
    name: str
    url: str
    ca: str

    @classmethod
    def made(cls, gateway: RadosGw, *, versions: bool = False) -> Theirs:
        name = gateway.bucket(lock=False, versions=versions).name
        return cls(gateway, name, f"https://127.0.0.1:{gateway.https_port}", gateway.ca_file.read_text())

    def described(self, **members: Any) -> dict[str, Any]:
        found = {"kind": "s3", "legal_area": "eu", "url": self.url, "bucket": self.name, "region_name": REGION}
        return found | {"ca": self.ca, "prefix": "siem/"} | members

    def secrets(self, user: str = "cell") -> dict[str, str]:
        access_key, secret_key = self.gateway.keys(user)
        return {"access_key": access_key, "secret_key": secret_key}

    def opened(self, *, reach: Reach = HERE, within_s: float = WITHIN_S, **secrets: str) -> Bucket:
        endpoint, given = Endpoint.parse(self.url), self.secrets() | secrets
        client = HttpsClient(endpoint, reach, context(self.ca), within_s)
        return Bucket(client, endpoint, self.name, "siem/", SigV4(REGION, given["access_key"], given["secret_key"]))

    def objects(self, prefix: str = "") -> list[str]:
        """Their keys."""
        answer = self.gateway.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [found["Key"] for found in answer.get("Contents", [])]

    def content(self, key: str) -> bytes:
        body: bytes = self.gateway.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def put(self, key: str, content: bytes) -> None:
        self.gateway.client.put_object(Bucket=self.name, Key=key, Body=content)

    def versions(self, key: str) -> int:
        answer = self.gateway.client.list_object_versions(Bucket=self.name, Prefix=key)
        return len(answer.get("Versions", []))


def export_file(content: bytes, name: str | None = None) -> ExportFile:
    return ExportFile(
        name or f"{uuid4().hex}/manifest.json", io.BytesIO(content), len(content), sha256(content).hexdigest()
    )
