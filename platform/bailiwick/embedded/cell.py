"""`bailiwick up`: one embedded cell, from an empty folder to cell.json."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick import models
from bailiwick.embedded import control, regions, supervisor
from bailiwick.embedded import postgres as pg
from bailiwick.embedded.directory import write_directory
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home, read_json, write_json
from bailiwick.embedded.regions import EmbeddedRegion
from bailiwick.embedded.services import Plan

DEFAULT_PORT, DEFAULT_DEVICE = 8420, "cpu"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person asked for; None is what the home had before, or the default."""

    port: int | None = None
    region: str | None = None
    device: str | None = None
    """What the engine computes on, as torch names it."""

    def arguments(self) -> list[str]:
        """The same choices as options of `bailiwick up`."""
        given = {"--port": self.port, "--region": self.region, "--device": self.device}
        return [part for name, value in given.items() if value is not None for part in (name, str(value))]


def up(home: Home, choices: Choices, say: Callable[[str], None]) -> None:
    """Runs the cell in this process until SIGINT or SIGTERM. Raises CellError."""
    new = home.prepare()
    with control.sole_supervisor(home):
        region, port, device = _settings(home, choices)
        public = _listen(port)
        internal = _listen(0)
        port = public.getsockname()[1]
        write_json(home.settings_file, {"region": region.id, "port": port, "device": device})
        try:
            postgres = pg.Postgres(data=home.postgres_data, socket=home.postgres_socket)
            if new and postgres.exists:
                # Root's data lies outside the home; the home it belonged to was deleted, and the keys to it with it.
                shutil.rmtree(postgres.data)
            passwords = home.passwords()
            postgres.initialise(passwords[pg.SUPERUSER])
        except pg.PostgresError as error:
            raise CellError(str(error)) from error
        base_url = f"http://127.0.0.1:{port}"
        plan = Plan(
            home=home,
            region=region,
            port=port,
            public=public,
            internal=internal,
            cells_vkey=write_directory(home, region, base_url),
            postgres=postgres,
            passwords=passwords,
            device=device,
        )
        write_json(home.operator_file, plan.environment("auditor"))
        supervisor.run(_run(plan, say))


async def _run(plan: Plan, say: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()

    def write_cell(pids: Mapping[str, int]) -> None:
        write_json(plan.home.cell_file, _cell(plan, pids))

    async def ready() -> None:
        write_cell(cell.pids)
        say(f"ready in {time.monotonic() - began:.0f} s: {plan.base_url}/  ({plan.home.cell_file} says how to sign in)")

    cell = supervisor.Supervisor(plan.steps(), plan.home.logs, report=say, on_change=write_cell)
    await cell.run(stop, ready)
    say("stopped")


def _cell(plan: Plan, pids: Mapping[str, int]) -> dict[str, Any]:
    people = plan.home.people()
    if people is None:
        raise CellError(
            f"{plan.home.people_file} is missing: bootstrap did not finish. Start again with another --home."
        )
    return {
        "region": plan.region.id,
        "base_url": plan.base_url,
        "console_url": f"{plan.base_url}/",
        "metrics_url": "http://{}:{}/metrics".format(*plan.internal.getsockname()),
        **people,
        "processes": {"supervisor": os.getpid(), **pids},
        "models": {"chat": models.CHAT_MODEL, "embedding": models.EMBEDDING_MODEL},
    }


def _settings(home: Home, choices: Choices) -> tuple[EmbeddedRegion, int, str]:
    before = read_json(home.settings_file) if home.settings_file.exists() else {}
    name = choices.region or before.get("region", regions.DEFAULT)
    if before and name != before["region"]:
        raise CellError(
            f"{home.path} is a cell in {before['region']}, and a cell never changes its region. "
            "Start one in another region with another --home."
        )
    port = before.get("port", DEFAULT_PORT) if choices.port is None else choices.port
    device = choices.device or before.get("device", DEFAULT_DEVICE)
    _check_device(device)
    return regions.region(name), port, device


def _check_device(name: str) -> None:
    """Before anything is started. Raises CellError."""
    if name == "cpu":
        return
    kind, _, number = name.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise CellError(
            f"There is no device {name}: there is cpu, cuda, and with several GPUs cuda:0, cuda:1 and so on."
        )
    from compiler.tune.device import NoDevice, cuda  # brings torch

    try:
        cuda(int(number or 0))
    except NoDevice as error:
        raise CellError(f"{error}. Without it, start the cell with --device cpu.") from error


def _listen(port: int) -> socket.socket:
    """The supervisor holds the listening sockets: while a web process is replaced, callers wait and are not refused."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise CellError(
            f"Port {port} cannot be used ({reason}). Choose one with --port N; --port 0 takes a free one."
        ) from error
