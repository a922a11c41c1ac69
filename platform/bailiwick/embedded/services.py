"""The processes of an embedded cell: their commands, what each may know, and how to tell that they are up.

A process's environment holds what it needs and no more: the engine has no database, the web process cannot number audit
entries, and only the migration is the owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import psycopg
import redis

from bailiwick import models as checkpoints
from bailiwick.embedded import postgres as pg
from bailiwick.embedded import redis as rd
from bailiwick.embedded.home import Home
from bailiwick.embedded.process import Service
from bailiwick.embedded.regions import EmbeddedRegion
from bailiwick.embedded.supervisor import Call, Step, Task
from inference.engine.protocol import ListModels, Models

TRACING = ("BAILIWICK_OTLP_ENDPOINT", "BAILIWICK_OTLP_REGION", "BAILIWICK_TRACE_RATIO")
STATED = tuple(
    f"BAILIWICK_{name}"
    for name in (
        "OPERATOR_NAME",
        "OPERATOR_ADDRESS",
        "OPERATOR_CONTACT",
        "OPERATOR_REPRESENTATIVE",
        "OPERATOR_DPO",
        "DPA_VERSION",
        "DPA_REFERENCE",
        "DPA_SHA256",
    )
)
"""What whoever starts a cell may set for its web process: where spans go, and what records quote."""
SENDING = ("BAILIWICK_DESTINATION_NETWORKS", "BAILIWICK_WITNESSES", "BAILIWICK_WITNESS_S")
"""The same for all processes that have to do with where entries are sent, and who co-signs checkpoints."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the commands and environments of one cell are made of."""

    home: Home
    region: EmbeddedRegion
    port: int
    public: socket
    internal: socket
    cells_vkey: str
    postgres: pg.Postgres
    passwords: Mapping[str, str]
    device: str = "cpu"
    """The engine's."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def steps(self) -> list[Step]:
        return [
            self._postgres(),
            self._redis(),
            Call("roles", self._provision),
            Task("migrate", _python("bailiwick.cli", "migrate"), self.environment("owner")),
            Task("bootstrap", _python("bailiwick.embedded.bootstrap", str(self.home.path)), self.environment()),
            self._engine(),
            self._worker(),
            self._beat(),
            self._web(),
        ]

    def environment(self, *more: str) -> dict[str, str]:
        """`BAILIWICK_*` for a process that connects as the web role and as each of `more`: owner, sealer, auditor."""
        home = self.home
        environment = {
            "BAILIWICK_REGION": self.region.id,
            "BAILIWICK_CELL": self.region.code,
            "BAILIWICK_HOME": str(home.path),
            "BAILIWICK_DATABASE_URL": self._url("bailiwick_web"),
            "BAILIWICK_KEYSTORE_DATABASE_URL": self._url(pg.KEYSTORE_ROLE, pg.KEYSTORE_DATABASE),
            "BAILIWICK_REDIS_URL": f"redis+socket://{home.redis_socket}",
            "BAILIWICK_OBJECTS": str(home.objects),
            "BAILIWICK_ROOT_KEY": f"file:{home.root_key_file}",
            "BAILIWICK_CELLS_FILE": str(home.cells_file),
            "BAILIWICK_CELLS_VKEY": self.cells_vkey,
            "BAILIWICK_ENGINE_SOCKET": str(home.engine_socket),
            "BAILIWICK_BASE_URL": self.base_url,
            "BAILIWICK_ALLOWED_HOSTS": "127.0.0.1,localhost",
            "BAILIWICK_EMBEDDED": "1",
            # What entries are sent to may be on this machine, as all of the cell is.
            "BAILIWICK_DESTINATION_NETWORKS": "127.0.0.1/32",
            "BAILIWICK_LISTEN": f"127.0.0.1:{self.port}",
            "BAILIWICK_INTERNAL_LISTEN": f"127.0.0.1:{self.internal.getsockname()[1]}",
        }
        for role in more:
            environment[f"BAILIWICK_{role.upper()}_DATABASE_URL"] = self._url(f"bailiwick_{role}")
        if "auditor" in more:
            keystore = self._url("bailiwick_auditor", pg.KEYSTORE_DATABASE)
            environment["BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL"] = keystore
        return _system_environment() | environment

    def _url(self, role: str, database: str = pg.DATABASE) -> str:
        return self.postgres.url(role, self.passwords[role], database)

    def _provision(self) -> None:
        pg.provision(self.postgres, self.passwords[pg.SUPERUSER], self.passwords)

    def _postgres(self) -> Service:
        url = self.postgres.url(pg.SUPERUSER, self.passwords[pg.SUPERUSER], "postgres")

        async def ready() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=2).close()
                return True
            return False

        return Service(
            name="postgres",
            command=self.postgres.command,
            environment=_system_environment(),
            ready=ready,
            before=lambda: _clear_stale_pid(self.postgres.data),
            # Fast shutdown; and when the supervisor is killed an immediate one, which the server passes on to its children.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
            stop_within_s=30.0,
            options=self.postgres.popen_options,
        )

    def _redis(self) -> Service:
        async def ready() -> bool:
            with contextlib.suppress(redis.RedisError):
                return bool(redis.Redis(unix_socket_path=str(self.home.redis_socket)).ping())
            return False

        command = rd.command(self.home.state, self.home.redis_socket)
        return Service(name="redis", command=command, environment=_system_environment(), ready=ready)

    def _engine(self) -> Service:
        home = self.home
        options = {
            "--socket": home.engine_socket,
            "--models": home.models,
            "--trust": home.trusted_keys,
            "--device": self.device,
        }
        return Service(
            name="engine",
            command=_python("inference.engine", *(str(part) for option in options.items() for part in option)),
            environment=_system_environment(),
            ready=_serves(home.engine_socket, checkpoints.DEMO_MODELS),
        )

    def _worker(self) -> Service:
        options = ["--loglevel", "WARNING", "--pool", "prefork", "-c", "2"]
        options += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = self.environment("sealer", "auditor") | _of_ours(*SENDING)
        return self._celery("worker", options, environment)

    def _beat(self) -> Service:
        schedule = str(self.home.state / "beat-schedule")
        options = ["--loglevel", "WARNING", "--pidfile=", "-s", schedule]
        return self._celery("beat", options, self.environment())

    def _celery(self, name: str, options: list[str], environment: Mapping[str, str]) -> Service:
        file = self.home.run / f"{name}.ready"

        async def ready() -> bool:
            return file.exists()

        return Service(
            name=name,
            command=_python("celery", "--quiet", "-A", "bailiwick.celery", name, *options),
            environment={**environment, "BAILIWICK_READY_FILE": str(file), "OMP_NUM_THREADS": "1"},
            ready=ready,
            before=lambda: file.unlink(missing_ok=True),
        )

    def _web(self) -> Service:
        fds = (self.public.fileno(), self.internal.fileno())
        return Service(
            name="web",
            command=_python("bailiwick.server", "--fd", str(fds[0]), "--internal-fd", str(fds[1])),
            environment=self.environment("auditor") | _of_ours(*TRACING, *STATED, *SENDING),
            ready=_answers(self.port, "/readyz"),
            options={"pass_fds": fds},
        )


def _python(*module_and_arguments: str) -> list[str]:
    return [sys.executable, "-m", *module_and_arguments]


def _of_ours(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _system_environment() -> dict[str, str]:
    """What any program may know of this machine."""
    kept = _of_ours("PATH", "LANG", "TZ", "HOME", "PYTHONPATH", "TMPDIR")
    # A package in the current folder must not shadow ours, and output must reach the log line by line.
    return kept | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def _clear_stale_pid(data: Path) -> None:
    """Removes postmaster.pid if its process is another program by now, which PostgreSQL itself cannot tell."""
    file = data / "postmaster.pid"
    if not file.exists():
        return
    pid = file.read_text().partition("\n")[0].strip()
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or os.fsencode(data) not in command.read_bytes():
        file.unlink()


def _serves(engine: Path, names: frozenset[str]) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        with contextlib.suppress(checkpoints.ModelError):
            result = await checkpoints.ask(engine, ListModels())
            return isinstance(result, Models) and names <= {model.name for model in result.models}
        return False

    return ready


def _answers(port: int, path: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
                try:
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        return False

    return ready
