"""What is left on disk of payloads that were erased: ciphertext that nothing opens, and neither a word of them nor a key.

The search goes over everything that a server here wrote: pages, write-ahead logs (in which wrapped keys stay until the key store
is written anew), Redis' persistence, objects, logs, the ledger,
and dumps of both databases as a backup takes them. Engine memory is searched in tests/inference/engine/test_memory_scan.py.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
import redis
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bailiwick.embedded import postgres as pg
from bailiwick.embedded.cluster import Cluster
from cell.keys.envelope import Context, EnvelopeError, unseal
from cell.keystore import custody
from inference.redaction.matcher_vectorscan import VectorscanMatcher
from inference.redaction.trigger import Trigger
from retention.payloads import payload_open
from retention.vault import PROMPT
from tests.factories import make_organization, make_workspace
from tests.peers import missing
from tests.retention.erasing import ask, download, erasure_ledger, rewrite_keys, run
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")


class Search:
    """Looks for bytes in every form in which they are written down."""

    def __init__(self, **needles: bytes) -> None:
        self._names, triggers = [], []
        for name, needle in needles.items():
            shifted = [
                base64.b64encode(b"\0" * lead + needle)[(0, 2, 3)[lead] + lead // 3 :][2:-4] for lead in range(3)
            ]
            for form in (needle, needle.hex().encode(), needle.hex().upper().encode(), *shifted):
                self._names.append(name)
                triggers.append(Trigger("".join(f"\\x{byte:02x}" for byte in form), once=True))
        self._matcher = VectorscanMatcher(triggers)

    def found(self, content: bytes) -> set[str]:
        return {self._names[hit[0]] for hit in self._matcher.hits(content)}


def sinks(cluster: Cluster) -> Iterator[tuple[str, bytes]]:
    """Everything the servers have written, after they were made to write it."""
    with psycopg.connect(cluster.url(pg.SUPERUSER, "postgres"), autocommit=True) as superuser:
        superuser.execute("checkpoint")
    client = redis.Redis(unix_socket_path=str(cluster.redis_socket))
    client.config_set("appendonly", "yes")
    client.save()
    client.config_set("appendonly", "no")
    for folder in {cluster.folder, cluster.postgres.data}:
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "root.key":
                with contextlib.suppress(FileNotFoundError):  # servers remove files of their own
                    yield str(path), path.read_bytes()
    (cluster.folder / "dump.rdb").unlink(missing_ok=True)
    shutil.rmtree(cluster.folder / "appendonlydir", ignore_errors=True)
    for database in (pg.DATABASE, pg.KEYSTORE_DATABASE):
        yield f"the dump of {database}", dump(cluster, database)


def dump(cluster: Cluster, database: str) -> bytes:
    program = cluster.postgres.binaries.folder / "pg_dump"
    if not program.exists():
        missing("pg_dump", "apt install postgresql")
    done = subprocess.run([program, cluster.url(pg.SUPERUSER, database)], capture_output=True, check=True)
    return done.stdout


def test_nothing_that_was_erased_can_be_read_anywhere(cluster) -> None:
    organization = make_organization()
    workspace, whole = organization.workspace, make_workspace(organization)
    canaries = {name: f"canary{secrets.token_hex(12)}".encode() for name in ("single", "subject", "workspace", "kept")}
    requests = {
        "single": serve(workspace, prompt=canaries["single"], answer=canaries["single"]),
        "subject": serve(workspace, subject="anna", prompt=canaries["subject"], answer=canaries["subject"]),
        "workspace": serve(whole, prompt=canaries["workspace"], answer=canaries["workspace"]),
        "kept": serve(workspace, prompt=canaries["kept"], answer=canaries["kept"]),
    }
    homes = {name: whole if name == "workspace" else workspace for name in requests}
    keys = {name: custody.open_data_key(homes[name].id, request) for name, request in requests.items()}
    wrapped, sealed = (
        {name: stored(cluster, database, query, request) for name, request in requests.items()}
        for database, query in (
            (pg.KEYSTORE_DATABASE, "select wrapped from keystore_data_key"),
            (pg.DATABASE, "select prompt from retention_payload"),
        )
    )

    certificates = []
    for asked, home in (
        (ask(organization, requests["single"]), workspace),
        (ask(organization, subject="anna"), workspace),
        (ask(organization, workspace=whole, whole=True), whole),
    ):
        assert run(home, asked).certified
        certificates.append(download(organization, asked, workspace=home))

    plain = Search(**canaries, **{f"key of {name}": key for name, key in keys.items()})
    ciphertext = Search(**sealed)
    encrypted: set[str] = set()
    handed_out = [("a certificate", text) for text in certificates]
    for name, content in [*sinks(cluster), *handed_out, ("the ledger", erasure_ledger().path.read_bytes())]:
        assert plain.found(content) == set(), name
        encrypted |= ciphertext.found(content)
    assert encrypted == set(sealed), "ciphertext stays in pages and logs: the search does look at what there is"
    # A backup of the key store that is made from now on has no key that opens what was erased.
    search = Search(**wrapped)
    assert search.found(dump(cluster, pg.KEYSTORE_DATABASE)) == {"kept"}
    assert {name for _, content in sinks(cluster) for name in search.found(content)} == set(wrapped)
    rewrite_keys()
    for name, content in sinks(cluster):
        assert search.found(content) <= {"kept"}, name
    for name in ("single", "subject", "workspace"):
        with pytest.raises(custody.KeyDestroyed):
            custody.open_data_key(homes[name].id, requests[name])
        with pytest.raises((EnvelopeError, InvalidTag)):
            context = Context(homes[name].id, requests[name], PROMPT)
            unseal(AESGCM(keys["kept"]), sealed[name], context)
    assert payload_open(workspace, requests["kept"]) is not None


def test_the_search_finds_what_is_there(tmp_path) -> None:
    needle = os.urandom(32)
    search = Search(it=needle)
    for written in (
        needle,
        needle.hex().encode(),
        *(base64.b64encode(os.urandom(lead) + needle + b"x") for lead in range(3)),
    ):
        assert search.found(b"before" + written + b"after") == {"it"}
    assert search.found(os.urandom(4096)) == set()


def stored(cluster: Cluster, database: str, query: str, request) -> bytes:
    with psycopg.connect(cluster.url(pg.SUPERUSER, database)) as superuser:
        row = superuser.execute(f"{query} where id = %s", [request]).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return bytes(row[0])
