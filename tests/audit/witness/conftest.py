from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.witness.cosignature import Witness
from audit.witness.server import WitnessServer
from audit.witness.service import WitnessService
from audit.witness.state import State
from tests.audit.logs import Log
from tests.audit.witness.asking import Asked

Start = Callable[..., Asked]


@pytest.fixture
def witness() -> Witness:
    return Witness("witness.example.org/1", b"w" * 32)


@pytest.fixture
def log() -> Log:
    return Log().grow(40)


@pytest.fixture
def start(witness: Witness, log: Log, tmp_path: Path) -> Iterator[Start]:
    """Starts the witness for the cell of `log`, over its state in `tmp_path`; again, if it ran already."""
    running: list[tuple[WitnessServer, State]] = []

    def stop() -> None:
        for server, state in running:
            server.shutdown()
            server.server_close()
            state.close()
        running.clear()

    def begin(**options: object) -> Asked:
        stop()
        state = State(tmp_path / "logs", witness.key)
        service = WitnessService(witness, state, [log.signer.verifier], **options)  # type: ignore[arg-type]
        server = WitnessServer(("127.0.0.1", 0), service)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append((server, state))
        return Asked(server.server_port)

    yield begin
    stop()
