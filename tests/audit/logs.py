"""A log in memory, signed like a real one, to export and then to tamper with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit import bundle, canonical
from audit.certificate import VERSION, Certificate, certificate_text
from audit.checkpoint import Checkpoint, origin
from audit.merkle import Range, consistency_ranges, fold, full_nodes, full_root, inclusion_ranges, leaf_hash
from cell.ids import uuid7
from cell.notes import Signer, sign

REGION = "eu-de-1"


def _workspace() -> str:
    return f"ws_eude1_{uuid7().hex}"


@dataclass
class Log:
    signer: Signer = field(default_factory=lambda: Signer.generate("audit.eu-de-1.bailiwick"))
    workspace: str = field(default_factory=_workspace)
    bodies: list[bytes] = field(default_factory=list)

    def grow(self, count: int, **after: object) -> Log:
        self.bodies += [self.entry(**after) for _ in range(count)]
        return self

    def entry(self, **after: object) -> bytes:
        return canonical.dumps(
            {
                "v": 1,
                "id": f"ent_eude1_{uuid7().hex}",
                "cell": "eude1",
                "workspace": self.workspace,
                "organization": None,
                "time": "2026-11-21T10:28:57.000000Z",
                "actor": {"type": "system", "id": None, "auth": "job", "key": None},
                "action": "workspace.updated",
                "scope": None,
                "targets": [],
                "before": None,
                "after": after or {"version": len(self.bodies)},
                "detail_commit": None,
            }
        )

    def tree(self, size: int) -> Range:
        tree = Range()
        tree.extend(leaf_hash(body) for body in self.bodies[:size])
        return tree

    def checkpoint(self, size: int) -> str:
        return sign(Checkpoint(origin(REGION, self.workspace), size, self.tree(size).root()).text, self.signer)

    def path(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        leaves = [leaf_hash(body) for body in self.bodies]
        return [
            fold([full_root(leaves[place << height : place + 1 << height]) for height, place in full_nodes(*span)])
            for span in ranges
        ]

    def export(
        self, folder: Path, first: int, end: int, previous: str | None = None, forms: Sequence[bundle.Form] = ()
    ) -> str:
        folder.mkdir()
        stretch = bundle.Stretch(
            cell="eude1",
            region=REGION,
            organization=f"org_eude1_{'0' * 32}",
            workspace=self.workspace,
            origin=origin(REGION, self.workspace),
            requested_at="2026-11-21T10:28:57.000000Z",
            first=first,
            end=end,
            range=bytes(self.tree(first)),
            old_checkpoint=self.checkpoint(first) if first else None,
            new_checkpoint=self.checkpoint(end),
            new_root=self.tree(end).root(),
            consistency=self.path(consistency_ranges(first, end)) if first else (),
            previous_manifest_sha256=previous,
        )
        return bundle.write(folder, stretch, iter(self.bodies[first:end]), self.signer, forms)

    def certificate(self, statement: dict[str, object]) -> bytes:
        """Of a statement that the last entry vouches for."""
        digest = hashlib.sha256(canonical.dumps(statement)).hexdigest()
        self.grow(1, statement_sha256=digest)
        size, index = len(self.bodies), len(self.bodies) - 1
        return Certificate(
            version=VERSION,
            statement=statement,
            note=sign(certificate_text(origin(REGION, self.workspace), digest), self.signer),
            entry=self.bodies[index].decode(),
            index=index,
            path=tuple(self.path(inclusion_ranges(index, size))),
            checkpoint=self.checkpoint(size),
            vkeys=(self.signer.vkey,),
        ).to_bytes()


def sign_again(folder: Path, signer: Signer, **members: object) -> None:
    """The manifest made to fit what now lies in `folder`, and signed: what somebody who holds the key could do."""
    manifest = json.loads((folder / bundle.MANIFEST).read_bytes()) | members
    for file in manifest["files"]:
        data = (folder / file["name"]).read_bytes()
        file |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    data = canonical.dumps(manifest)
    (folder / bundle.MANIFEST).write_bytes(data)
    text = bundle.manifest_text(manifest["origin"], hashlib.sha256(data).hexdigest())
    (folder / bundle.MANIFEST_NOTE).write_text(sign(text, signer))
