"""``python -m audit.witness``, also ``bailiwick witness``: makes a witness's key, and runs it (docs/witness.md)."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from audit.witness.keyfile import KeyFileError, make_key, read_key
from audit.witness.server import WitnessServer
from audit.witness.service import WitnessService
from audit.witness.state import InUse, State
from cell.notes import MalformedNote, VerifierKey


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bailiwick witness", description="Co-signs checkpoints of logs that only grow."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="make a key and say its verifier key")
    init.add_argument("--name", required=True, help="of the witness, for instance witness.example.org/1")
    run = commands.add_parser("run", help="run the witness")
    run.add_argument("--log", action="append", required=True, metavar="VKEY", help="the verifier key of a cell")
    run.add_argument("--origin", action="append", default=[], help="a log of that cell; all of them by default")
    run.add_argument("--host", default="127.0.0.1", help="where it listens, in front of which you put TLS")
    run.add_argument("--port", type=int, default=8090)
    for command in (init, run):
        command.add_argument(
            "--home", type=Path, required=True, metavar="DIR", help="where it keeps its key and its state"
        )
    given = parser.parse_args(arguments)
    try:
        return _init(given.home, given.name) if given.command == "init" else _run(given)
    except (KeyFileError, MalformedNote, InUse, OSError) as error:
        print(f"bailiwick witness: {error}", file=sys.stderr)
        return 1


def _init(home: Path, name: str) -> int:
    print(make_key(home, name))
    return 0


def _run(given: argparse.Namespace) -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logs = [VerifierKey.parse(vkey) for vkey in given.log]
    witness = read_key(given.home)
    state = State(given.home / "logs", witness.key)
    service = WitnessService(witness, state, logs, origins=given.origin)
    with WitnessServer((given.host, given.port), service) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            # From a thread of its own: `shutdown` waits for the loop that this thread runs.
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"{witness.key} listens on http://{given.host}:{server.server_port}", flush=True)
        server.serve_forever()
    state.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
