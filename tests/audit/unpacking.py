"""Takes an export home, as its reader does."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Plain files only. Not `extractall`: its filters came with Python 3.11.4, and Debian 12 has 3.11.2."""
    folder.mkdir(exist_ok=True)
    for member in tar:
        content = tar.extractfile(member)
        assert content is not None and Path(member.name).name == member.name
        (folder / member.name).write_bytes(content.read())
