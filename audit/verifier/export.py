"""Checking an export: everything is there, nothing was changed, and it is the log that the cell signed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from audit.bundle import (
    CELL_PROOF,
    CHECKPOINT_NEW,
    CHECKPOINT_OLD,
    CONSISTENCY,
    KEYS,
    MANIFEST,
    MANIFEST_NOTE,
    manifest_text,
)
from audit.checkpoint import Checkpoint, decode, origin
from audit.merkle import ProofError, leaf_hashes, verify_consistency
from audit.verifier import entries
from audit.verifier.files import Files, open_files, read, read_lines, read_text
from audit.verifier.manifest import File, Manifest
from audit.verifier.signatures import keys, open_checkpoint, open_note
from audit.verifier.supertree import check_listed
from audit.verifier.verdict import Incomplete, Tampered, Verdict
from audit.verifier.witnesses import NOBODY, Quorum
from cell.notes import VerifierKey

_PIECE = 1 << 20


def verify_export(
    path: Path, pinned: Sequence[str] = (), previous: Path | None = None, quorum: Quorum = NOBODY
) -> Verdict:
    """`path` is a folder or tar file, `pinned` the verifier keys that the reader trusts (without any, those in the export are
    used), `previous` the export before this one, if the reader has it; `quorum` has to have co-signed the new checkpoint.
    Raises Tampered, Incomplete or Untrusted. What is checked first decides which: docs/verify.md has the order.
    """
    with open_files(path) as files:
        trusted = keys(pinned) if pinned else keys(read_lines(files, KEYS))
        manifest = _signed_manifest(files, trusted)
        _check_files(files, manifest)
        new = _check_checkpoints(files, manifest, trusted)
        listed = _check_listed(files, manifest, new, trusted)
        notes = [read_text(files, CHECKPOINT_NEW), *(note for note, _ in listed)]
        witnessed = [*(fact for _, fact in listed), *quorum.check("the new checkpoint", *notes)]
        _check_entries(files, manifest, new)
    facts = [f"requested: {manifest.requested_at}", *witnessed]
    if previous is not None:
        with open_files(previous) as older:
            _check_chain(manifest, older, trusted)
        facts.append("continues the export before it")
    elif manifest.previous_manifest_sha256 is not None:
        facts.append("continues another export: check that too, with --previous PATH")
    stretch = f"entries {manifest.first} to {manifest.end - 1}" if manifest.end > manifest.first else "no entries"
    what = f"audit export of workspace {manifest.workspace} in {manifest.region}: {stretch}, log of {new.size}"
    return Verdict(what, tuple(map(str, trusted)), bool(pinned), tuple(facts))


def _signed_manifest(files: Files, trusted: Sequence[VerifierKey]) -> Manifest:
    data = read(files, MANIFEST)
    text = open_note("the manifest", read_text(files, MANIFEST_NOTE), trusted, origin_line=1)
    manifest = Manifest.parse(data)
    if text != manifest_text(manifest.origin, hashlib.sha256(data).hexdigest()):
        raise Tampered("the signature is over another manifest")
    if manifest.origin != origin(manifest.region, manifest.workspace):
        raise Tampered("the manifest is about another workspace than the log it names")
    return manifest


def _check_files(files: Files, manifest: Manifest) -> None:
    listed = {file.name for file in manifest.files} | {MANIFEST, MANIFEST_NOTE}
    there = files.names()
    if missing := sorted(listed - there):
        raise Incomplete(f"{missing[0]} is not there ({len(missing)} missing)")
    if there - listed:
        raise Tampered(f"there are {len(there - listed)} files that the manifest does not list")
    for file in manifest.files:
        digest, size = hashlib.sha256(), 0
        with files.open(file.name) as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        if (digest.hexdigest(), size) != (file.sha256, file.bytes):
            raise Tampered(f"{file.name} is not the file that the manifest lists")


def _check_checkpoints(files: Files, manifest: Manifest, trusted: Sequence[VerifierKey]) -> Checkpoint:
    """Both are of this log, and the second grew out of the first. Returns the second."""
    new = open_checkpoint("the new checkpoint", read_text(files, CHECKPOINT_NEW), trusted)
    if (new.origin, new.size) != (manifest.origin, manifest.end):
        raise Tampered("the new checkpoint is of another log, or of another moment than the manifest says")
    if manifest.first == 0:
        return new
    old = open_checkpoint("the old checkpoint", read_text(files, CHECKPOINT_OLD), trusted)
    if old != Checkpoint(manifest.origin, manifest.first, manifest.tree.root()):
        raise Tampered("the old checkpoint is of another log, or of another moment than the manifest says")
    path = [decode(line) or b"" for line in read_lines(files, CONSISTENCY)]
    try:
        verify_consistency(first=old.size, second=new.size, first_root=old.root, second_root=new.root, path=path)
    except ProofError as error:
        raise Tampered(f"the log was rewritten: {error}") from None
    return new


def _check_listed(
    files: Files, manifest: Manifest, new: Checkpoint, trusted: Sequence[VerifierKey]
) -> list[tuple[str, str]]:
    """If the export has the proof: the new checkpoint is in the cell's tree of checkpoints. As `check_listed`, or nothing."""
    if CELL_PROOF not in [file.name for file in manifest.files]:
        return []
    return [check_listed(read_text(files, CELL_PROOF), new, trusted)]


def _check_entries(files: Files, manifest: Manifest, new: Checkpoint) -> None:
    """Every entry is of this workspace, none is there twice, and together they give the signed root."""
    seen: set[bytes] = set()
    for file in manifest.files:
        if file.entries is None:
            continue
        before = manifest.tree.size
        with files.open(file.name) as content:
            for lines in _lines(file, content):
                seen.update(entries.identities(lines, manifest.workspace))
                manifest.tree.extend(leaf_hashes(lines))
        if manifest.tree.size - before != file.entries:
            raise Tampered(f"{file.name} holds another number of entries than the manifest says")
    if len(seen) != manifest.end - manifest.first:
        raise Tampered("an entry is there twice")
    if manifest.tree.root() != new.root:
        raise Tampered("the entries are not the ones that the checkpoint signs, or not in this order")


def _lines(file: File, content: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of one gzip member that is all of `content`, without their newlines, some at a time."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    rest = b""
    try:
        while piece := content.read(_PIECE):
            while piece and not unpacker.eof:
                *lines, rest = (rest + unpacker.decompress(piece, _PIECE)).split(b"\n")
                yield lines
                if len(rest) > entries.LONGEST:
                    raise Tampered("a line is longer than any entry")
                piece = unpacker.unconsumed_tail
            if piece or unpacker.unused_data:
                raise Tampered(f"{file.name} holds something after what is compressed in it")
        *lines, rest = (rest + unpacker.flush()).split(b"\n")
    except zlib.error:
        raise Tampered(f"{file.name} cannot be decompressed") from None
    yield lines
    if not unpacker.eof:
        raise Tampered(f"{file.name} cannot be decompressed")
    if rest:
        raise Tampered("the last line has no end")


def _check_chain(manifest: Manifest, older: Files, trusted: Sequence[VerifierKey]) -> None:
    data = read(older, MANIFEST)
    before = _signed_manifest(older, trusted)
    if manifest.previous_manifest_sha256 != hashlib.sha256(data).hexdigest():
        raise Tampered("this export does not continue the one given as its predecessor")
    if (before.origin, before.end) != (manifest.origin, manifest.first):
        raise Incomplete("there are entries between the two exports that neither of them holds")
