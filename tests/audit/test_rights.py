"""What each database role can do to the log, tried as that role."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from bailiwick.embedded.cluster import Cluster
from cell.ids import uuid7
from cell.tenancy import ROLES

_BODY = b'{"v":1}'
_LEAF = hashlib.sha256(b"\x00" + _BODY).digest()


@pytest.fixture
def entry(cluster: Cluster) -> UUID:
    """A committed entry of a workspace that nobody else uses, whose number is the entry's."""
    number = uuid7()
    with psycopg.connect(cluster.url("bailiwick_web")) as web:
        _insert(web, number)
    return number


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest, cluster: Cluster, entry: UUID) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.url(request.param), autocommit=True) as connection:
        # The tenant of the entry, so that row-level security is not what stops the attempt.
        connection.execute("select set_config('app.workspace_id', %s, false)", [str(entry)])
        yield connection


def _insert(connection: psycopg.Connection, number: UUID, **more: object) -> None:
    values = {
        "id": number,
        "workspace_id": number,
        "tree": f"ws_eude1_{number.hex}",
        "kind": 0,
        "occurred_at": "2026-11-21T00:00:00Z",
        "body": _BODY,
        **more,
    }
    connection.execute(
        sql.SQL("insert into audit_entry ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(sql.Placeholder() * len(values))
        ),
        list(values.values()),
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "delete from audit_entry where id = %(id)s",
        "truncate audit_entry",
        "update audit_entry set body = '{}' where id = %(id)s",
        "update audit_entry set occurred_at = now() where id = %(id)s",
        "update audit_entry set tree = 'other' where id = %(id)s",
        "update audit_entry set seq = 0, leaf_hash = sha256('other') where id = %(id)s",
        "delete from audit_checkpoint",
        "update audit_checkpoint set size = size + 1",
        "truncate audit_checkpoint",
        "truncate audit_node",
        "delete from audit_checkpoint_leaf",
        "update audit_checkpoint_leaf set size = size + 1",
        "truncate audit_checkpoint_leaf",
        "delete from audit_signer",
        "update audit_signer set overlap_until = now()",
        "truncate audit_signer",
        "delete from audit_cosignature",
        "update audit_cosignature set size = size + 1",
        "truncate audit_cosignature",
    ],
)
def test_no_role_can_change_or_remove_what_is_written(role: psycopg.Connection, entry: UUID, attempt: str) -> None:
    try:
        changed = role.execute(attempt, {"id": entry}).rowcount  # type: ignore[arg-type]  # one of the literals above
    except psycopg.errors.InsufficientPrivilege:
        changed = 0

    assert changed == 0


def test_no_serving_role_is_above_row_level_security(cluster: Cluster) -> None:
    for name in ("bailiwick_web", "bailiwick_sealer", "bailiwick_auditor"):
        with psycopg.connect(cluster.url(name)) as connection:
            row = connection.execute(
                "select rolsuper, rolbypassrls from pg_roles where rolname = current_user"
            ).fetchone()
            assert row == (False, False)


def test_only_the_sealer_numbers_an_entry_and_only_once_and_only_with_its_own_hash(
    cluster: Cluster, entry: UUID
) -> None:
    number = "update audit_entry set seq = %s, leaf_hash = %s where id = %s"
    for name in ("bailiwick_web", "bailiwick_auditor"):
        with (
            psycopg.connect(cluster.url(name)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(number, [0, _LEAF, entry])

    with psycopg.connect(cluster.url("bailiwick_sealer"), autocommit=True) as sealer:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sealer.execute(number, [0, bytes(32), entry])
        assert sealer.execute(number, [0, _LEAF, entry]).rowcount == 1
        assert sealer.execute(number, [1, _LEAF, entry]).rowcount == 0


def test_the_web_role_cannot_insert_an_entry_that_is_numbered_already(cluster: Cluster) -> None:
    with (
        psycopg.connect(cluster.url("bailiwick_web")) as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        _insert(web, uuid7(), seq=0, leaf_hash=_LEAF)


def test_an_entry_cannot_be_put_into_the_tree_of_another_workspace(cluster: Cluster) -> None:
    for tree, workspace in ((f"ws_eude1_{uuid7().hex}", uuid7()), ("cell", uuid7()), (f"ws_eude1_{uuid7().hex}", None)):
        with psycopg.connect(cluster.url("bailiwick_web")) as web, pytest.raises(psycopg.errors.CheckViolation):
            _insert(web, uuid7(), tree=tree, workspace_id=workspace)


@pytest.mark.parametrize("name", ["bailiwick_sealer", "bailiwick_auditor"])
def test_only_the_web_role_adds_entries(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url(name)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        _insert(connection, uuid7())


def test_the_web_role_cannot_sign_for_the_sealer(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url("bailiwick_web")) as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(
            "insert into audit_checkpoint (tree, size, root, range, note, created_at) values ('cell', 0, '', '', '', now())"
        )


def test_only_the_sealer_lists_a_checkpoint(cluster: Cluster) -> None:
    insert = (
        "insert into audit_checkpoint_leaf (number, tree, size, root, leaf_hash, created_at)"
        " values (1000000, 'cell', 1, '', '', now())"
    )
    for name in ("bailiwick_web", "bailiwick_auditor"):
        with psycopg.connect(cluster.url(name)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(insert)


@pytest.mark.parametrize("name", ["bailiwick_sealer", "bailiwick_auditor"])
def test_only_who_may_record_it_begins_a_signer(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url(name)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into audit_signer values (2, 'x', now(), now())")


def test_how_far_sealing_is_behind_is_one_figure_over_all_tenants(cluster: Cluster, entry: UUID) -> None:
    with psycopg.connect(cluster.url("bailiwick_web")) as web:
        seconds = web.execute("select audit_oldest_unsealed_seconds()").fetchone()
        assert web.execute("select count(*) from audit_entry").fetchone() == (0,)

    assert seconds is not None and seconds[0] > 86_400  # the entry above is of 2026-11-21
