"""Configuration of a process: `BAILIWICK_*` environment variables, parsed once into one frozen value.

Every mistake is reported at once, each with the variable's name. Nothing has a default that would be unsafe outside the
embedded cell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cell.config_reader import Reader
from cell.database_url import DatabaseUrl
from cell.ids import CELL_CODE
from cell.key_config import LONGEST_HORIZON_DAYS, KeyConfig, Pkcs11Token, VaultServer
from cell.object_config import S3Bucket, S3Server
from cell.operator_config import AgreementConfig, OperatorConfig
from cell.witness_config import CellWitness


class ConfigError(Exception):
    """The configuration is wrong; the message lists every problem, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The configuration is not usable:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class CellConfig:
    region: str
    """The region this process believes it is in, e.g. `eu-de-1`; checked against database, stores and directory."""
    cell: str
    """The region's code as it stands in ids and keys, e.g. `eude1`."""
    home: Path
    """Folder of the process's own state: models, certificates in the making, run files."""
    database: DatabaseUrl
    """As the web role."""
    keystore_database: DatabaseUrl
    """Wrapped keys, in a database of their own, outside the backups of payloads."""
    keystore_auditor_database: DatabaseUrl | None
    """The same as its auditor, who sees which keys there are and none of them: for processes that verify erasures."""
    owner_database: DatabaseUrl | None
    """As the owner: only `bailiwick migrate` and the operator's commands have it."""
    sealer_database: DatabaseUrl | None
    auditor_database: DatabaseUrl | None
    redis_url: str
    objects: Path | S3Bucket
    """Folder of the file-system object store, or the bucket of an S3 server."""
    backups: S3Server | None
    """Where buckets of backups are, for commands that name one; None where backups go to folders."""
    keys: KeyConfig
    """The cell's root key, and how to reach it."""
    cells_file: Path
    """The signed directory of regions, cells.json."""
    cells_vkey: str
    """The verifier key that must have signed it."""
    engine_socket: Path
    base_url: str
    """Where callers reach this cell, without a trailing slash."""
    allowed_hosts: tuple[str, ...]
    embedded: bool
    """One machine, loopback, plain HTTP: `bailiwick up`. Everywhere else cookies are Secure and HTTPS is required."""
    listen: str
    """host:port of the public listener."""
    internal_listen: str
    """host:port of /metrics; never reachable from outside."""
    body_limit_bytes: int
    trusted_proxies: tuple[str, ...]
    """Addresses whose X-Forwarded-For is believed."""
    concurrency: int
    """Inference calls that one web process serves at once; beyond them a request is answered 503."""
    audit_queue_limit: int
    """Entries waiting for a group commit; beyond it a request is answered 503."""
    audit_heartbeat_s: int
    """A tree of the log that had no entry for so long gets one that says so."""
    audit_checkpoints_s: int
    """How often the checkpoints of all trees go into the tree of checkpoints."""
    witnesses: tuple[CellWitness, ...]
    """Who is asked to co-sign the cell's own log and the tree of checkpoints."""
    witness_s: int
    """How often each witness is asked, those that workspaces name too."""
    otlp_endpoint: str | None
    """Address of an OpenTelemetry collector (OTLP over HTTP) for spans of requests, without `/v1/traces`; None exports none."""
    destination_networks: tuple[str, ...]
    """Networks besides public ones to which entries may be sent, such as `10.20.0.0/16`: where the customers' SIEMs are."""
    otlp_region: str | None
    """The region that the collector is in, of the directory or of AWS; the start guard compares its legal area."""
    trace_ratio: float
    """The part of requests that are traced, 0 to 1."""
    operator: OperatorConfig
    agreement: AgreementConfig


@cache
def config() -> CellConfig:
    """This process's configuration, from its environment; parsed once. Raises ConfigError."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> CellConfig:
    """Parses `environ`. Raises ConfigError that lists everything wrong with it."""
    reader = Reader(environ)
    found = CellConfig(
        region=reader.text("BAILIWICK_REGION", pattern=r"[a-z]{2}(-[a-z0-9]+)+", example="eu-de-1"),
        cell=reader.text("BAILIWICK_CELL", pattern=CELL_CODE, example="eude1"),
        home=reader.path("BAILIWICK_HOME"),
        database=reader.database("BAILIWICK_DATABASE_URL"),
        keystore_database=reader.database("BAILIWICK_KEYSTORE_DATABASE_URL"),
        keystore_auditor_database=reader.optional_database("BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL"),
        owner_database=reader.optional_database("BAILIWICK_OWNER_DATABASE_URL"),
        sealer_database=reader.optional_database("BAILIWICK_SEALER_DATABASE_URL"),
        auditor_database=reader.optional_database("BAILIWICK_AUDITOR_DATABASE_URL"),
        redis_url=reader.text("BAILIWICK_REDIS_URL", pattern=r"(rediss?|redis\+socket|unix)://.+", example="redis://…"),
        objects=_objects(reader),
        backups=_backups(reader),
        keys=_keys(reader),
        cells_file=reader.path("BAILIWICK_CELLS_FILE"),
        cells_vkey=reader.text("BAILIWICK_CELLS_VKEY", pattern=r"[^+\s]+\+[0-9a-f]{8}\+\S+", example="name+hash+key"),
        engine_socket=reader.path("BAILIWICK_ENGINE_SOCKET"),
        base_url=reader.text("BAILIWICK_BASE_URL", pattern=r"https?://[^/\s]+", example="https://api.eu-de.example"),
        allowed_hosts=reader.words("BAILIWICK_ALLOWED_HOSTS"),
        embedded=reader.flag("BAILIWICK_EMBEDDED", default=False),
        listen=reader.text("BAILIWICK_LISTEN", pattern=r"\S+:\d+", example="0.0.0.0:8443"),
        internal_listen=reader.text("BAILIWICK_INTERNAL_LISTEN", pattern=r"\S+:\d+", example="127.0.0.1:9464"),
        body_limit_bytes=reader.number("BAILIWICK_BODY_LIMIT_BYTES", default=4 * 1024 * 1024, least=1024),
        trusted_proxies=reader.words("BAILIWICK_TRUSTED_PROXIES", default=()),
        concurrency=reader.number("BAILIWICK_CONCURRENCY", default=1000, least=10),
        audit_queue_limit=reader.number("BAILIWICK_AUDIT_QUEUE_LIMIT", default=4096, least=1),
        audit_heartbeat_s=reader.number("BAILIWICK_AUDIT_HEARTBEAT_S", default=3600, least=10),
        audit_checkpoints_s=reader.number("BAILIWICK_AUDIT_CHECKPOINTS_S", default=3600, least=10),
        witnesses=reader.witnesses("BAILIWICK_WITNESSES"),
        witness_s=reader.number("BAILIWICK_WITNESS_S", default=300, least=10, most=900),
        otlp_endpoint=reader.optional_url("BAILIWICK_OTLP_ENDPOINT"),
        destination_networks=reader.networks("BAILIWICK_DESTINATION_NETWORKS"),
        otlp_region=reader.optional_text("BAILIWICK_OTLP_REGION"),
        trace_ratio=reader.ratio("BAILIWICK_TRACE_RATIO", default=1.0),
        operator=_operator(reader),
        agreement=AgreementConfig(
            version=reader.optional_word("BAILIWICK_DPA_VERSION", r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", "2026-03"),
            reference=reader.optional_line("BAILIWICK_DPA_REFERENCE"),
            sha256=reader.optional_word("BAILIWICK_DPA_SHA256", r"[0-9a-f]{64}", "64 hexadecimal digits"),
        ),
    )
    problems = reader.problems
    if not problems:
        problems += found.keys.problems(embedded=found.embedded)
        if isinstance(found.objects, S3Bucket):
            problems += found.objects.problems(embedded=found.embedded)
        if found.backups is not None:
            problems += found.backups.problems(embedded=found.embedded)
        problems += found.agreement.problems()
        if found.otlp_endpoint is not None and found.otlp_region is None:
            problems.append(
                "BAILIWICK_OTLP_REGION is not set: say which region the collector is in, or export no spans"
            )
        if not found.embedded and not found.base_url.startswith("https://"):
            problems.append("BAILIWICK_BASE_URL must begin with https:// (only the embedded cell serves plain HTTP)")
    if problems:
        raise ConfigError(problems)
    return found


def backup_server(environ: Mapping[str, str]) -> S3Server | None:
    """Of `environ` only where buckets of backups are: for an embedded cell that has to be put back first. Raises ConfigError."""
    reader = Reader(environ)
    found = _backups(reader)
    problems = reader.problems or ([] if found is None else list(found.problems(embedded=True)))
    if problems:
        raise ConfigError(problems)
    return found


def _keys(reader: Reader) -> KeyConfig:
    module, token, pin = (
        reader.optional_path("BAILIWICK_PKCS11_MODULE"),
        reader.optional_text("BAILIWICK_PKCS11_TOKEN"),
        reader.optional_path("BAILIWICK_PKCS11_PIN_FILE"),
    )
    vault, vault_token = (
        reader.optional_url("BAILIWICK_VAULT_ADDRESS"),
        reader.optional_path("BAILIWICK_VAULT_TOKEN_FILE"),
    )
    vault_ca, namespace = (
        reader.optional_path("BAILIWICK_VAULT_CA_FILE"),
        reader.optional_text("BAILIWICK_VAULT_NAMESPACE"),
    )
    return KeyConfig(
        root=reader.root("BAILIWICK_ROOT_KEY"),
        previous=reader.roots("BAILIWICK_PREVIOUS_ROOT_KEYS"),
        seed_file=reader.optional_path("BAILIWICK_SEED_FILE"),
        horizon_days=reader.number(
            "BAILIWICK_KEY_HORIZON_DAYS", default=LONGEST_HORIZON_DAYS, least=1, most=LONGEST_HORIZON_DAYS
        ),
        pkcs11=Pkcs11Token(module, token, pin) if module and token and pin else None,
        vault=VaultServer(vault, vault_token, vault_ca, namespace) if vault and vault_token else None,
        aws_endpoint=reader.optional_url("BAILIWICK_AWS_KMS_ENDPOINT"),
    )


def _objects(reader: Reader) -> Path | S3Bucket:
    place = reader.place("BAILIWICK_OBJECTS")
    if not isinstance(place, str):
        for name in ("REGION", "LEGAL_AREA", "ENDPOINT", "CA_FILE", "CREDENTIALS_FILE"):
            if reader.environ.get(f"BAILIWICK_OBJECTS_{name}"):
                reader.problems.append(f"BAILIWICK_OBJECTS_{name} is for a bucket, and BAILIWICK_OBJECTS names none")
        return place
    server = _server(reader, "BAILIWICK_OBJECTS")
    return server.bucket(place)


def _backups(reader: Reader) -> S3Server | None:
    names = ("REGION", "LEGAL_AREA", "ENDPOINT", "CA_FILE", "CREDENTIALS_FILE")
    if not any(reader.environ.get(f"BAILIWICK_BACKUPS_{name}") for name in names):
        return None
    return _server(reader, "BAILIWICK_BACKUPS")


def _server(reader: Reader, variables: str) -> S3Server:
    return S3Server(
        region=reader.text(f"{variables}_REGION", pattern=r"[a-z0-9][a-z0-9-]{0,62}", example="eu-central-1"),
        declared_area=reader.optional_text(f"{variables}_LEGAL_AREA"),
        endpoint=reader.optional_url(f"{variables}_ENDPOINT"),
        ca_file=reader.optional_path(f"{variables}_CA_FILE"),
        credentials_file=reader.optional_path(f"{variables}_CREDENTIALS_FILE"),
        variables=variables,
    )


def _operator(reader: Reader) -> OperatorConfig:
    return OperatorConfig(
        name=reader.optional_line("BAILIWICK_OPERATOR_NAME"),
        address=reader.optional_line("BAILIWICK_OPERATOR_ADDRESS"),
        contact=reader.optional_line("BAILIWICK_OPERATOR_CONTACT"),
        representative=reader.optional_line("BAILIWICK_OPERATOR_REPRESENTATIVE"),
        dpo=reader.optional_line("BAILIWICK_OPERATOR_DPO"),
    )
