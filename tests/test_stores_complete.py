"""Whoever adds a place where data of a workspace can stay has to say who erases it, or why the certificate may leave it out.

Every table, every module that talks to Redis or to the object store, and every cache of a process is in a list here; a place
that is in none fails the build, and so does a line for a place that is gone.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps

from retention import stores
from retention.certificate import EXCLUDED, EXCLUDED_OF_A_WORKSPACE
from retention.models import ErasureScope

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("audit", "console", "inference", "retention", "workspaces", "platform")


@dataclass(frozen=True)
class Erased:
    """By this store when the workspace is erased."""

    by: str


@dataclass(frozen=True)
class Excluded:
    """Left, as the certificate says: words of a `what` of `retention.certificate.EXCLUDED…`."""

    as_said: str


@dataclass(frozen=True)
class NoTenants:
    """Nothing of any workspace, for this reason."""

    because: str


Fate = Erased | Excluded | NoTenants

LOG = Excluded("its audit log with exports of it")
ERASURE = Excluded("the erasure itself, its tombstones and fences, jobs, and holds that have ended")
SETTINGS = Excluded("settings: how it was served, how long it kept payloads, names of its keys")
BACKUPS = NoTenants("backups of the cell: what they hold of a workspace ages out, as the second certificate says")
PEOPLE = Excluded("members of the organization, and which role they had")

TABLES: dict[str, Fate] = {
    "retention_payload": Erased("payload-rows"),
    "gateway_redaction_policy": Erased("redaction-policies"),
    "audit_detail": Erased("audit-details"),
    "keystore_data_key": Erased("data-keys"),
    "keystore_epoch_key": Erased("data-keys"),
    "keystore_named_key": Erased("data-keys"),
    "keystore_workspace_key": Erased("data-keys"),
    "gateway_request": Excluded("figures of the request"),  # its column of the subject: request-subjects
    "gateway_usage": Excluded("its sums of usage"),
    "audit_entry": LOG,
    "audit_node": LOG,
    "audit_checkpoint": LOG,
    "audit_checkpoint_leaf": LOG,
    "audit_export": LOG,
    "audit_delivery": LOG,
    "audit_schedule": LOG,  # turned off, and its secrets: export-schedules
    "audit_witness": LOG,  # who co-signs the log, which goes on
    "audit_cosignature": LOG,
    "cell_job": ERASURE,
    "retention_erasure": ERASURE,
    "retention_fence": ERASURE,
    "retention_tombstone": ERASURE,
    "retention_hold": ERASURE,  # its reasons: hold-reasons
    "retention_policy": SETTINGS,
    "retention_progress": SETTINGS,  # how far each class of data was expired
    "workspaces_workspace": Excluded("the workspace's id and name"),
    "workspaces_servingpolicy": SETTINGS,
    "workspaces_key": SETTINGS,  # revoked: workspace-access
    "workspaces_membership": PEOPLE,
    "workspaces_subprocessornotice": LOG,  # which notices its log holds
    "workspaces_member": PEOPLE,
    "keystore_operation": LOG,  # names of what was done, until the log has it
    "workspaces_organization": NoTenants("the organization, which outlives its workspaces"),
    "audit_organization_schedule": NoTenants("where the organization has the logs of all its workspaces sent"),
    "workspaces_agreementacceptance": NoTenants("what the organization agreed with the operator"),
    "workspaces_subprocessorversion": NoTenants("whom the operator engages"),
    "workspaces_subprocessoracknowledgement": NoTenants("that the organization read it"),
    "retention_backup": NoTenants("which backups of the cell there are"),
    "retention_replay": NoTenants("how far the ledger was replayed"),
    "audit_signer": NoTenants("verifier keys of the cell"),
    "cell_identity": NoTenants("which cell this is"),
    "keystore_rewrite": NoTenants("when the tables of keys were written anew"),
    "keystore_identity": NoTenants("which cell this is"),
    "gateway_process": NoTenants("processes of the cell"),
    "gateway_deployment": NoTenants("what the operator serves"),
    "gateway_artifact": NoTenants("what the operator compiled, and tried on made-up prompts"),
    "gateway_usage_count": NoTenants("how far usage is counted"),
    "django_session": NoTenants("sessions of members; they end with the member, or by themselves"),
    "django_content_type": NoTenants("names of models"),
    "auth_group": NoTenants("unused"),
    "auth_permission": NoTenants("unused"),
}
COLUMNS: dict[str, str] = {
    "audit_schedule": "export-schedules",
    "gateway_request": "request-subjects",
    "retention_hold": "hold-reasons",
}
"""Tables that stay and lose a column."""

REDIS: dict[str, str] = {
    "inference/gateway/shares.py": "figures of limits by the workspace's number; they end by themselves (KEEP_MS)",
    "workspaces/attempts.py": "counts of sign-ins by a hash of who tries; they end by themselves",
    "platform/bailiwick/asgi.py": "its address",
    "platform/bailiwick/celery.py": "ids of jobs, which is all that a task is given",
    "platform/cell/jobs/queue.py": "ids of jobs",
    "platform/cell/config.py": "its address",
    "inference/gateway/app.py": "its address",
    "platform/bailiwick/embedded/cluster.py": "starts it",
    "platform/bailiwick/embedded/redis.py": "starts it",
    "platform/bailiwick/embedded/services.py": "starts it",
}
OBJECTS: dict[str, Fate] = {
    "audit/packing.py": LOG,
    "audit/exports.py": LOG,
    "audit/export_expiry.py": LOG,
    "audit/delivery_job.py": LOG,
    "platform/bailiwick/backup_cli.py": BACKUPS,
    "platform/bailiwick/backup_home.py": BACKUPS,
    "retention/backups/making.py": BACKUPS,
    "retention/backups/places.py": BACKUPS,
    "retention/backups/restoring.py": BACKUPS,
    "inference/gateway/model_store.py": NoTenants("models, which the operator stores"),
    "inference/gateway/kept_files.py": NoTenants("files of models and artifacts"),
    "inference/gateway/artifact_store.py": NoTenants("compiled code, made from a checkpoint and made-up prompts"),
    "inference/gateway/pruning.py": NoTenants("removes what the operator compiled"),
    "platform/bailiwick/compiling.py": NoTenants("the same"),
    "platform/bailiwick/operator.py": NoTenants("models, which the operator stores"),
    "platform/cell/guard.py": NoTenants("which region the store is of"),
    "platform/cell/tasks.py": NoTenants("it only removes"),
}
CACHES: dict[str, Fate] = {
    "inference/engine/prefix.py": Erased("engine-memory"),
    "inference/gateway/cache_class.py": NoTenants("it asks engines to forget theirs"),
    "inference/engine/library/cache.py": NoTenants("of a program that uses the engine as a library; it has `erase`"),
    "inference/engine/library/cache_keys.py": NoTenants("part of it"),
    "inference/engine/library/cache_ladder.py": NoTenants("part of it"),
    "inference/engine/library/cache_level.py": NoTenants("part of it"),
    "inference/engine/library/cache_stats.py": NoTenants("part of it"),
    "inference/engine/library/module_cost.py": NoTenants("what machines can do"),
    "inference/engine/library/packed.py": NoTenants("shapes of trees"),
    "inference/gateway/recognising.py": NoTenants("labels of a model"),
    "inference/redaction/matcher_vectorscan.py": NoTenants("the version of a library"),
    "inference/redaction/shadow.py": NoTenants("tables of Unicode"),
    "audit/signing.py": NoTenants("the cell's signer"),
    "audit/verifier/entries.py": NoTenants("names of an entry's members"),
    "platform/cell/config.py": NoTenants("configuration"),
    "platform/cell/jobs/queue.py": NoTenants("a connection"),
    "platform/cell/keys/__init__.py": NoTenants("the root"),
    "platform/cell/notes.py": NoTenants("keys of signers"),
    "platform/cell/objects/chooser.py": NoTenants("a connection"),
    "workspaces/attempts.py": NoTenants("a connection"),
    "workspaces/authentication.py": NoTenants("a key of the cell"),
    "workspaces/regions.py": NoTenants("the directory of regions"),
}
"""Modules with a cache by decorator or by name. Keys are kept for a minute besides (`KeyRing`, `audit.pseudonyms`)."""


def registered() -> set[str]:
    return {store.name for scope in ErasureScope for store in stores.registered(scope)}


def said() -> list[str]:
    return [entry["what"] for entry in (*EXCLUDED, *EXCLUDED_OF_A_WORKSPACE)]


def test_every_table_is_erased_or_left_out_for_a_reason() -> None:
    tables = {model._meta.db_table for model in apps.get_models() if not model._meta.proxy}
    assert tables - TABLES.keys() == set(), "who erases these, or why does the certificate leave them out?"
    assert TABLES.keys() - tables == set(), "these are gone"


@pytest.mark.parametrize("place", [*TABLES, *OBJECTS, *CACHES])
def test_every_reason_is_a_store_or_stands_in_the_certificate(place) -> None:
    match {**TABLES, **OBJECTS, **CACHES}[place]:
        case Erased(by):
            assert by in {store.name for store in stores.registered(ErasureScope.WORKSPACE)}
        case Excluded(words):
            assert any(words in what for what in said()), words
        case NoTenants(because):
            assert because
            table = next((model for model in apps.get_models() if model._meta.db_table == place), None)
            assert table is None or not {field.name for field in table._meta.fields} & {"workspace", "workspace_id"}


def test_columns_that_are_cleared_have_their_store() -> None:
    assert set(COLUMNS.values()) <= registered()


def test_everything_that_talks_to_redis_says_what_it_leaves_there() -> None:
    assert sources_with("redis") == set(REDIS)


def test_everything_that_stores_objects_says_which() -> None:
    found = {path for path in sources_with("cell.objects") if "cell/objects/" not in path}
    assert found == set(OBJECTS)


def test_every_cache_says_what_it_keeps() -> None:
    found = {
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"@(lru_)?cache\b|= cache\(", path.read_text()) or re.match(r"cache|prefix\.py", path.name)
    }
    assert found == set(CACHES)


def sources_with(word: str) -> set[str]:
    """Modules that import something of this name, or say it in code."""
    return {
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if word in path.read_text() and _says(ast.parse(path.read_bytes()), word)
    }


def _says(tree: ast.Module, word: str) -> bool:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                if any(word in alias.name for alias in names):
                    return True
            case ast.ImportFrom(module=module, names=names):
                if any(word in f"{module}.{alias.name}" for alias in names):
                    return True
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.keyword(arg=name):
                if name and word in name.lower():
                    return True
    return False
