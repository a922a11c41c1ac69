"""The files of an export (docs/formats/export.md): entries as compressed JSON lines, and all it takes to check them.

Needs no Django. The same stretch of the log gives the same bytes, so a repeated export is a repetition and not another one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from audit import canonical
from audit.checkpoint import encode
from audit.merkle import Range, leaf_hash
from cell.notes import Signer, sign

VERSION = 1
FORMAT = "bailiwick-audit-export"
MANIFEST, MANIFEST_NOTE, KEYS = "manifest.json", "manifest.note", "keys.txt"
CHECKPOINT_OLD, CHECKPOINT_NEW, CONSISTENCY = "checkpoint.old", "checkpoint.new", "consistency.proof"
CELL_PROOF = "cell.tlog-proof"
README = "README.txt"
ENTRIES_IN_A_FILE = 100_000
_LINES_AT_ONCE = 500
_COMPRESSION = 3
"""Twice as fast as zlib's own choice, on entries for a few hundredths more bytes."""

_ABOUT = """\
This is a stretch of the audit log of one workspace, exported by Bailiwick.

entries-*.ndjson.gz   the entries, one a line, in the order of the log (gzip)
manifest.json         what belongs to this export: every file with its SHA-256
manifest.note         the cell's signature over the manifest
checkpoint.new        the signed state of the log at the end of this stretch
checkpoint.old        the signed state before it (absent when it begins with the first entry)
consistency.proof     shows that the log only grew between the two
cell.tlog-proof       shows that checkpoint.new is in the tree that the cell keeps over the logs of all its workspaces
keys.txt              the cell's verifier keys; compare them with the ones you hold

Check it, with Python and the package `cryptography`, without a network:

    bailiwick verify PATH --key 'KEY'

KEY is the verifier key that you keep yourself; without it the keys in keys.txt are used, which only shows that the export
agrees with itself. Keep checkpoint.new: the next export must continue from it.
"""


class LogDamaged(Exception):
    """The entries in the database are not those that the checkpoint signs: somebody changed the database."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What an export covers: the entries of one tree from `first` up to and without `end`."""

    cell: str
    region: str
    organization: str
    workspace: str
    origin: str
    requested_at: str
    first: int
    end: int
    range: bytes
    """The tree of `first` entries, as `audit.merkle.Range` reads it."""
    old_checkpoint: str | None
    """Signed note of the tree of `first` entries; None when that is 0."""
    new_checkpoint: str
    new_root: bytes
    consistency: Sequence[bytes]
    previous_manifest_sha256: str | None
    cell_proof: str | None = None
    """The new checkpoint's proof in the tree of checkpoints, a C2SP tlog-proof."""


def write(folder: Path, stretch: Stretch, bodies: Iterable[bytes], signers: Signer | Sequence[Signer]) -> str:
    """Writes the export into the empty `folder` and returns the SHA-256 of its manifest. Raises LogDamaged.

    Each of `signers` signs the manifest, the newest key first.
    """
    signers = [signers] if isinstance(signers, Signer) else signers
    tree = Range.from_bytes(stretch.first, stretch.range)
    files = list(_write_entries(folder, stretch, bodies, tree))
    if (tree.size, tree.root()) != (stretch.end, stretch.new_root):
        raise LogDamaged("the entries do not add up to the signed root")
    files.append(_put(folder, CHECKPOINT_NEW, stretch.new_checkpoint))
    if stretch.old_checkpoint is not None:
        files.append(_put(folder, CHECKPOINT_OLD, stretch.old_checkpoint))
        files.append(_put(folder, CONSISTENCY, "".join(f"{encode(item)}\n" for item in stretch.consistency)))
    if stretch.cell_proof is not None:
        files.append(_put(folder, CELL_PROOF, stretch.cell_proof))
    files.append(_put(folder, KEYS, "".join(f"{signer.vkey}\n" for signer in signers)))
    files.append(_put(folder, README, _ABOUT))
    manifest = canonical.dumps(
        {
            "v": VERSION,
            "format": FORMAT,
            "cell": stretch.cell,
            "region": stretch.region,
            "organization": stretch.organization,
            "workspace": stretch.workspace,
            "origin": stretch.origin,
            "requested_at": stretch.requested_at,
            "first": stretch.first,
            "end": stretch.end,
            "entries": stretch.end - stretch.first,
            "range": [encode(item) for item in Range.from_bytes(stretch.first, stretch.range).hashes],
            "previous_manifest_sha256": stretch.previous_manifest_sha256,
            "files": sorted(files, key=lambda file: str(file["name"])),
        }
    )
    digest = hashlib.sha256(manifest).hexdigest()
    (folder / MANIFEST).write_bytes(manifest)
    (folder / MANIFEST_NOTE).write_text(sign(manifest_text(stretch.origin, digest), signers))
    return digest


def manifest_text(origin: str, manifest_sha256: str) -> str:
    """What the cell signs: the tree that the export is of, and the SHA-256 of the manifest's bytes."""
    return f"bailiwick-export/v1\n{origin}\n{manifest_sha256}\n"


def _write_entries(
    folder: Path, stretch: Stretch, bodies: Iterable[bytes], tree: Range
) -> Iterable[dict[str, str | int]]:
    remaining = iter(bodies)
    for start in range(stretch.first, stretch.end, ENTRIES_IN_A_FILE):
        end = min(start + ENTRIES_IN_A_FILE, stretch.end)
        name = f"entries-{start:012d}-{end - 1:012d}.ndjson.gz"
        digest = _Digest((folder / name).open("wb"))
        with (
            digest.file,
            gzip.GzipFile(filename="", fileobj=digest, mode="wb", compresslevel=_COMPRESSION, mtime=0) as lines,
        ):
            tree.extend(_copied(remaining, end - start, lines))
        yield {"name": name, "sha256": digest.sha256.hexdigest(), "bytes": digest.count, "entries": end - start}


def _copied(bodies: Iterator[bytes], count: int, lines: gzip.GzipFile) -> Iterable[bytes]:
    """Leaf hashes of the next `count` entries, which are written on the way."""
    while piece := list(islice(bodies, min(count, _LINES_AT_ONCE))):
        lines.write(b"\n".join(piece) + b"\n")
        yield from map(leaf_hash, piece)
        count -= len(piece)


class _Digest:
    """A file that knows the hash of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha256, self.count = file, hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.count += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _put(folder: Path, name: str, text: str) -> dict[str, str | int]:
    data = text.encode()
    (folder / name).write_bytes(data)
    return {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
