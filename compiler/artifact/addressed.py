"""A manifest that is called by what it says: canonical JSON, a digest over all of it, an address over all but the evidence."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.tune import canonical


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    bytes: int


class Addressed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every manifest has. `evidence`, where a kind has it, differs between two compilations of the same, and is no part of the
    address."""

    format: str
    files: dict[str, FileEntry]
    """All but the manifest and its signature, by path in the folder."""

    @property
    def address(self) -> str:
        """SHA-256 over everything but the evidence: the same program, compiled for the same machine, has the same."""
        content = msgspec.to_builtins(self)
        content.pop("evidence", None)
        return canonical.digest(content)

    def to_bytes(self) -> bytes:
        """Canonical JSON with a digest over all of it."""
        content = msgspec.to_builtins(self)
        return canonical.text({**content, "digest": canonical.digest(content)}).encode("ascii")


M = TypeVar("M", bound=Addressed)


def manifest_of(content: bytes, type_: type[M], format_: str) -> M:
    """The manifest of a type whose `format` is that. Raises Refused."""
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise Refused(Reason.SCHEMA, f"the manifest is not JSON: {error}", FETCH) from error
    if not isinstance(fields, dict) or fields.get("format") != format_:
        said = fields.get("format") if isinstance(fields, dict) else None
        raise Refused(
            Reason.SCHEMA,
            f"the manifest is of the format {said!r}, this release reads {format_!r}",
            "Compile the model again with this release, or load it with the one that made it",
        )
    digest = fields.pop("digest", None)
    if digest != canonical.digest(fields) or canonical.text({**fields, "digest": digest}).encode() != content:
        raise Refused(Reason.BYTES, "the manifest is not as it was saved: its digest does not fit", FETCH)
    try:
        return msgspec.convert(fields, type_, strict=True)
    except msgspec.ValidationError as error:
        raise Refused(Reason.SCHEMA, f"the manifest is not one of this release: {error}", FETCH) from error
