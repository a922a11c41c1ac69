"""The certificate file, version 1 (docs/formats/certificate.md). Needs only Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from audit import canonical
from audit.checkpoint import decode, encode

VERSION = 1
_MEMBERS = {"v", "type", "statement", "note", "log", "vkeys"}
_LOG_MEMBERS = {"entry", "index", "path", "checkpoint"}
_TYPE = "bailiwick-certificate"


class MalformedCertificate(ValueError):
    """Not a certificate of a version that is known here."""


@dataclass(frozen=True, slots=True)
class Certificate:
    version: int
    statement: dict[str, Any]
    note: str
    """Signed note of `certificate_text`."""
    entry: str
    """The log's entry that holds the statement's hash, as its canonical JSON."""
    index: int
    """Place of that entry in the workspace's tree."""
    path: tuple[bytes, ...]
    checkpoint: str
    """Signed note of the tree that `path` leads to."""
    vkeys: tuple[str, ...]
    """The cell's verifier keys, for convenience: compare them with those you hold."""

    def to_bytes(self) -> bytes:
        document = {
            "v": self.version,
            "type": _TYPE,
            "statement": self.statement,
            "note": self.note,
            "log": {
                "entry": self.entry,
                "index": self.index,
                "path": [encode(item) for item in self.path],
                "checkpoint": self.checkpoint,
            },
            "vkeys": list(self.vkeys),
        }
        return canonical.dumps(document) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises MalformedCertificate. Accepts the canonical bytes only."""
        if not data.endswith(b"\n"):
            raise MalformedCertificate("a certificate is one line of JSON with a newline at its end")
        try:
            document = canonical.loads(data[:-1])
        except canonical.NotCanonical as error:
            raise MalformedCertificate(f"the certificate is {error}") from None
        log = document.get("log")
        if type(document.get("v")) is not int or document["v"] != VERSION or document.get("type") != _TYPE:
            raise MalformedCertificate("this is no certificate of version 1")
        if document.keys() != _MEMBERS or not isinstance(log, dict) or log.keys() != _LOG_MEMBERS:
            raise MalformedCertificate("the certificate has other members than version 1 has")
        path = _texts(log["path"])
        hashes = [raw for item in path if (raw := decode(item)) is not None]
        if len(hashes) != len(path):
            raise MalformedCertificate("the certificate's proof is not made of base64 hashes")
        if not isinstance(document["statement"], dict) or type(log["index"]) is not int:
            raise MalformedCertificate("the certificate has a member of another type than version 1 has")
        note, entry, checkpoint = _texts([document["note"], log["entry"], log["checkpoint"]])
        vkeys = tuple(_texts(document["vkeys"]))
        return cls(VERSION, document["statement"], note, entry, log["index"], tuple(hashes), checkpoint, vkeys)


def certificate_text(origin: str, statement_sha256: str) -> str:
    """What the cell signs: the tree that vouches for the statement, and the SHA-256 of the statement's canonical bytes."""
    return f"bailiwick-certificate/v1\n{origin}\n{statement_sha256}\n"


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedCertificate("the certificate has a member of another type than version 1 has")
    return value
