"""Sound exports, certificates and proof files, to be changed: of two workspaces, of forks, of a stranger."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from audit import bundle, canonical, ustar
from audit.checkpoint import Checkpoint, origin
from audit.merkle import inclusion_ranges
from audit.tlogproof import TlogProof
from cell.notes import Signer, sign
from tests.audit.logs import REGION, Log

Files = dict[str, bytes]
ENTRIES = "entries-000000000010-000000000029.ndjson.gz"


@dataclass(frozen=True)
class Case:
    """Something to verify: an export's files, or one file."""

    name: str
    content: Files | bytes
    pinned: bool = True
    previous: str | None = None
    entry: bytes | None = None

    def write(self, folder: Path) -> Path:
        """Puts it at a new path in `folder`."""
        path = folder / "it"
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
            return path
        path.mkdir()
        for name, data in self.content.items():
            (path / name).write_bytes(data)
        return path


@dataclass
class SeededLog(Log):
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def entry(self, **after: object) -> bytes:
        entry = json.loads(super().entry(**after))
        return canonical.dumps(entry | {"id": f"ent_eude1_{self.chance.randbytes(16).hex()}"})


class World:
    """Two workspaces of one cell, a fork of the first, and a stranger who claims to be the cell."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.signer = Signer.from_seed("audit.eu-de-1.bailiwick", chance.randbytes(32))
        self.stranger = Signer.from_seed("audit.eu-de-1.bailiwick", chance.randbytes(32))
        first, other = (f"ws_eude1_{chance.randbytes(16).hex()}" for _ in range(2))
        self.log = SeededLog(self.signer, first, chance=chance).grow(40)
        self.other = SeededLog(self.signer, other, chance=chance).grow(40)
        bodies = self.log.bodies
        self.fork = Log(self.signer, first, [*bodies[:7], self.log.entry(), *bodies[8:]])
        self.late_fork = Log(self.signer, first, [*bodies[:17], self.log.entry(), *bodies[18:]])
        self.forged = Log(self.stranger, first, bodies)
        before, self.before = self.written(self.log, 0, 10)
        _, self.export = self.written(self.log, 10, 30, before)
        _, self.older = self.written(self.log, 5, 25)
        _, self.newer = self.written(self.log, 30, 40)
        _, self.others = self.written(self.other, 10, 30)
        _, self.forks = self.written(self.fork, 10, 30, before)
        _, self.late_forks = self.written(self.late_fork, 10, 30, before)
        _, self.strangers = self.written(self.forged, 10, 30, before)
        self.tar = packed(self.export)
        self.certificates = [
            SeededLog(log.signer, log.workspace, log.bodies[:33], chance=chance).certificate(
                {
                    "v": 1,
                    "type": "erasure",
                    "workspace": log.workspace,
                    "erasure": f"ers_{number}",
                    "stores": [{"rows": 4}],
                }
            )
            for number, log in enumerate((self.log, self.log, self.other, self.forged))
        ]
        self.proofs = [proof(log, 21, 33).to_text().encode() for log in (self.log, self.other, self.fork, self.forged)]
        self.proofs.append(proof(self.log, 22, 33).to_text().encode())
        self.proofs.append(self.export[bundle.CELL_PROOF])

    @property
    def intact(self) -> list[Case]:
        bare = proof(self.log, 21, 33, extra=False).to_text().encode()
        return [
            *(Case("export", self.export, pinned) for pinned in (True, False)),
            *(Case("tar", self.tar, pinned) for pinned in (True, False)),
            *(Case("certificate", self.certificates[0], pinned) for pinned in (True, False)),
            Case("chain", self.export, previous="before"),
            Case("listed checkpoint", self.export[bundle.CELL_PROOF]),
            Case("proof", self.proofs[0]),
            Case("bare proof", bare, entry=self.log.bodies[21]),
        ]

    def written(self, log: Log, first: int, end: int, previous: str | None = None) -> tuple[str, Files]:
        with tempfile.TemporaryDirectory() as folder:
            log.export(Path(folder) / "it", first, end, previous)
            content = {path.name: path.read_bytes() for path in (Path(folder) / "it").iterdir()}
        listed = with_cell_proof(content, log.signer)
        return sha256(listed[bundle.MANIFEST]).hexdigest(), listed


def listing(checkpoints: list[str], index: int, signer: Signer) -> TlogProof:
    """The proof of one checkpoint's text in a cell's tree of checkpoints."""
    top = Log(signer, "checkpoints", [text.encode() for text in checkpoints])
    return proof(top, index, len(checkpoints))


def with_cell_proof(content: Files, signer: Signer) -> Files:
    """The export with the proof that its new checkpoint is in the tree of checkpoints."""
    text = content[bundle.CHECKPOINT_NEW].decode().rpartition("\n\n")[0] + "\n"
    others = [Checkpoint(origin(REGION, f"ws_eude1_{number:032x}"), number, bytes(32)).text for number in range(5)]
    proven = listing([*others[:3], text, *others[3:]], 3, signer).to_text().encode()
    files = [*json.loads(content[bundle.MANIFEST])["files"], {"name": bundle.CELL_PROOF}]
    files.sort(key=lambda file: str(file["name"]))
    return signed_again(content | {bundle.CELL_PROOF: proven}, signer, files=files)


def packed(files: Files) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        with tempfile.TemporaryFile() as tar:
            ustar.pack(Path(folder), tar)
            tar.seek(0)
            return tar.read()


def proof(log: Log, index: int, size: int, *, extra: bool = True) -> TlogProof:
    whole = Log(log.signer, log.workspace, log.bodies[:size])
    path = tuple(whole.path(inclusion_ranges(index, size)))
    return TlogProof(index, path, whole.checkpoint(size), whole.bodies[index] if extra else None)


def signed_again(content: Files, signer: Signer, data: bytes | None = None, **members: object) -> Files:
    """With the manifest made to fit `content` (or `data` for a manifest), and signed."""
    origin_ = json.loads(content[bundle.MANIFEST])["origin"]
    if data is None:
        manifest = json.loads(content[bundle.MANIFEST]) | members
        for file in manifest["files"]:
            held = content[file["name"]]
            file |= {"sha256": sha256(held).hexdigest(), "bytes": len(held)}
        data, origin_ = canonical.dumps(manifest), manifest["origin"]
    note = sign(bundle.manifest_text(origin_, sha256(data).hexdigest()), signer)
    return content | {bundle.MANIFEST: data, bundle.MANIFEST_NOTE: note.encode()}
