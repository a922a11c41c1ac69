"""The files of an export (docs/formats/export.md): entries as compressed JSON lines, and all it takes to check them.

Needs no Django. The same stretch of the log gives the same bytes, so a repeated export is a repetition and not another one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from audit import canonical
from audit.checkpoint import encode
from audit.merkle import Range, leaf_hashes
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

_ABOUT_FORMS = """
Beside them the same entries once more, one a line and in the same order, as a SIEM reads them:

{names}

The manifest holds their hashes, so nobody changed them since. What the checkpoint proves are the entries themselves: each line
names the place in the log and the SHA-256 of the entry that it was made from.
"""


class LogDamaged(Exception):
    """The entries in the database are not those that the checkpoint signs: somebody changed the database."""


class Form(Protocol):
    """Another way to write the entries, in files of its own beside them; `audit.formats` has some."""

    @property
    def name(self) -> str:
        """First word of the files' names, such as `ocsf`."""
        ...

    @property
    def suffix(self) -> str:
        """Their kind, such as `ndjson`."""
        ...

    def line(self, body: bytes, seq: int) -> bytes:
        """The entry at place `seq` as one line, without its newline. Raises ValueError if `body` is no entry."""
        ...


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


def write(
    folder: Path,
    stretch: Stretch,
    bodies: Iterable[bytes],
    signers: Signer | Sequence[Signer],
    forms: Sequence[Form] = (),
) -> str:
    """Writes the export into the empty `folder` and returns the SHA-256 of its manifest; in one pass over `bodies`, which may
    be longer than memory. Raises LogDamaged.

    Each of `signers` signs the manifest, the newest key first.
    """
    signers = [signers] if isinstance(signers, Signer) else signers
    tree = Range.from_bytes(stretch.first, stretch.range)
    files = list(_write_entries(folder, stretch, bodies, tree, forms))
    if (tree.size, tree.root()) != (stretch.end, stretch.new_root):
        raise LogDamaged("the entries do not add up to the signed root")
    files.append(_put(folder, CHECKPOINT_NEW, stretch.new_checkpoint))
    if stretch.old_checkpoint is not None:
        files.append(_put(folder, CHECKPOINT_OLD, stretch.old_checkpoint))
        files.append(_put(folder, CONSISTENCY, "".join(f"{encode(item)}\n" for item in stretch.consistency)))
    if stretch.cell_proof is not None:
        files.append(_put(folder, CELL_PROOF, stretch.cell_proof))
    files.append(_put(folder, KEYS, "".join(f"{signer.vkey}\n" for signer in signers)))
    files.append(_put(folder, README, _ABOUT + _about(forms)))
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


def _about(forms: Sequence[Form]) -> str:
    names = "\n".join(f"{form.name}-*.{form.suffix}.gz" for form in forms)
    return _ABOUT_FORMS.format(names=names) if forms else ""


def _write_entries(
    folder: Path, stretch: Stretch, bodies: Iterable[bytes], tree: Range, forms: Sequence[Form]
) -> Iterator[dict[str, str | int]]:
    remaining = iter(bodies)
    for start in range(stretch.first, stretch.end, ENTRIES_IN_A_FILE):
        end = min(start + ENTRIES_IN_A_FILE, stretch.end)
        span = f"{start:012d}-{end - 1:012d}"
        with ExitStack() as stack:
            entries = stack.enter_context(_Lines(folder, f"entries-{span}.ndjson.gz"))
            copies = [stack.enter_context(_Lines(folder, f"{form.name}-{span}.{form.suffix}.gz")) for form in forms]
            ways = [(form.line, copy.write) for form, copy in zip(forms, copies, strict=True)]
            tree.extend(_copied(remaining, start, end, entries.write, ways))
        yield entries.listed() | {"entries": end - start}
        # Without a number of entries: they are counted, and proven, where they stand as they are.
        yield from (copy.listed() for copy in copies)


def _copied(
    bodies: Iterator[bytes],
    start: int,
    end: int,
    write: Callable[[Sequence[bytes]], None],
    ways: Sequence[tuple[Callable[[bytes, int], bytes], Callable[[Sequence[bytes]], None]]],
) -> Iterator[bytes]:
    """Leaf hashes of the next `end - start` entries, which are written on the way."""
    while start < end and (piece := list(islice(bodies, min(end - start, _LINES_AT_ONCE)))):
        write(piece)
        for line, write_lines in ways:
            try:
                write_lines([line(body, seq) for seq, body in enumerate(piece, start)])
            except ValueError as error:
                raise LogDamaged(f"what stands at {start} or after it is no entry") from error
        yield from leaf_hashes(piece)
        start += len(piece)


class _Lines:
    """A compressed file of lines that knows its own hash; the same lines give the same bytes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._digest = _Digest((folder / name).open("wb"))
        self._gzip = gzip.GzipFile(filename="", fileobj=self._digest, mode="wb", compresslevel=_COMPRESSION, mtime=0)

    def write(self, lines: Sequence[bytes]) -> None:
        self._gzip.write(b"\n".join(lines) + b"\n")

    def listed(self) -> dict[str, str | int]:
        """As the manifest lists it, once it is closed."""
        return {"name": self._name, "sha256": self._digest.sha256.hexdigest(), "bytes": self._digest.count}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._digest.file:
            self._gzip.close()


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
