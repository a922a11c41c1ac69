"""Asking a witness without its own client: what goes over the wire is written out here."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

from audit.checkpoint import encode
from audit.merkle import consistency_ranges
from tests.audit.logs import Log


@dataclass(frozen=True)
class Answered:
    status: int
    body: str
    content_type: str | None


@dataclass(frozen=True)
class Asked:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answered(response.status, response.read().decode(), response.getheader("content-type"))
        finally:
            connection.close()

    def add(self, body: str | bytes) -> Answered:
        return self.ask("POST", "/add-checkpoint", body.encode() if isinstance(body, str) else body)


def request(log: Log, old: int, new: int, *, note: str | None = None, proof: list[bytes] | None = None) -> str:
    if proof is None:
        proof = Log(log.signer, log.workspace, log.bodies[:new]).path(consistency_ranges(old, new)) if old else []
    return f"old {old}\n" + "".join(f"{encode(item)}\n" for item in proof) + f"\n{note or log.checkpoint(new)}"
