"""The house stands as it was drawn: `platform/` stays a plain folder, and every floor can be imported from anywhere."""

from __future__ import annotations

import ast
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_platform_is_the_standard_librarys() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert Path(platform.__file__).is_relative_to(sysconfig.get_path("stdlib"))
    assert platform.system() == "Linux"


def test_platform_is_the_standard_librarys_in_the_projects_own_folder() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(done.stdout.strip()).is_relative_to(sysconfig.get_path("stdlib"))


@pytest.mark.parametrize("folder", [".", "/"])
def test_packages_are_importable_from_any_folder(folder: str) -> None:
    code = "import audit, bailiwick.cli, cell.ids, compiler, inference.engine.protocol, inference.redaction, retention, workspaces"

    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_nobody_imports_platform_dotted() -> None:
    offenders = [
        path
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.startswith("platform.")
    ]

    assert offenders == []


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_verifier_starts_without_django() -> None:
    heavy = "('django', 'torch', 'msgspec')"
    code = f"import sys, bailiwick.cli, audit.verifier; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def _sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
