"""Peers' packages from PyPI, each set in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def install(home: Path, packages: Sequence[str]) -> Path:
    """Makes an environment of peers' packages in `home`, kept for the next time; returns its Python."""
    python = home / "bin" / "python"
    marker = home / f".installed-{'-'.join(packages)}"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        marker.touch()
    return python
