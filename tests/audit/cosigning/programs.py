"""The witness as its owner runs it: a process, to be stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from audit.signing import vkeys
from audit.witness.__main__ import main
from audit.witness.keyfile import read_key
from cell.witness_config import CellWitness
from tests.audit.witness.asking import Asked


class WitnessProgram:
    """Of this cell's logs, or of those that `origins` names. Always at one port."""

    def __init__(self, home: Path, name: str = "witness.example.org/1", origins: tuple[str, ...] = ()) -> None:
        main(["init", "--home", str(home), "--name", name])
        self.key = read_key(home).key
        self._home, self._origins = home, origins
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.asked = Asked(free.getsockname()[1])
        self.start()

    @property
    def named(self) -> CellWitness:
        """As the operator names it."""
        return CellWitness(self.asked.url, self.key)

    def start(self) -> None:
        words = [word for vkey in vkeys() for word in ("--log", vkey)]
        words += [word for origin in self._origins for word in ("--origin", origin)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "audit.witness", "run", "--home", self._home, *words, "--port", str(self.asked.port)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None and self._process.stdout.readline()

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """With no word of warning."""
        self._process.kill()
        self._process.communicate(timeout=30)
