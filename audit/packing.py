"""A stretch of a workspace's log as one file in the object store: what an export is, and a delivery of a schedule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from audit import bundle, ustar
from audit.formats import Format, Log, forms
from audit.signing import signers
from audit.stretches import bodies
from cell.access import WorkspaceRef
from cell.jobs import Lease
from cell.objects import store
from cell.scratch import scratch


class Packed(NamedTuple):
    manifest_sha256: bytes
    size_bytes: int


def pack(lease: Lease, workspace: WorkspaceRef, stretch: bundle.Stretch, names: Iterable[Format], key: str) -> Packed:
    """Stores the signed files of `stretch`, and the same in each of the formats `names`, as the object `key`.

    Raises bundle.LogDamaged if the database no longer holds what was signed.
    """
    with scratch("export") as made:
        folder = made / "files"
        folder.mkdir()
        chosen = forms(names, Log(stretch.region, stretch.origin))
        manifest = bundle.write(folder, stretch, bodies(lease, workspace, stretch), signers(), chosen)
        with (made / "export.tar").open("w+b") as file:
            ustar.pack(folder, file)
            file.seek(0)
            stored = store().put(key, file)
    return Packed(bytes.fromhex(manifest), stored.size)
