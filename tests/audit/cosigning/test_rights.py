"""What each database role can do to witnesses and co-signatures, tried as that role."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from bailiwick.embedded.cluster import Cluster
from cell.ids import uuid7

_NAME = (
    "insert into audit_witness (id, organization_id, workspace_id, tree, vkey, url, ca, size, failures, cause, created_at, next_at)"
    " values (%s, %s, %s, %s, 'key', '', '', 0, 0, '', now(), now())"
)
_COSIGN = "insert into audit_cosignature (tree, workspace_id, size, vkey, line, created_at) values (%s, %s, 1, 'key', '', now())"


def _web(cluster: Cluster, workspace: UUID) -> psycopg.Connection:
    connection = psycopg.connect(cluster.url("bailiwick_web"), autocommit=True)
    connection.execute("select set_config('app.workspace_id', %s, false)", [str(workspace)])
    return connection


def _tree(workspace: UUID) -> str:
    return f"ws_eude1_{workspace.hex}"


def test_a_workspace_names_drops_and_sees_its_own_witnesses_alone(cluster: Cluster) -> None:
    mine, others = uuid7(), uuid7()
    with _web(cluster, mine) as web, _web(cluster, others) as other:
        web.execute(_NAME, [uuid7(), uuid7(), mine, _tree(mine)])

        assert web.execute("select count(*) from audit_witness").fetchone() == (1,)
        assert other.execute("select count(*) from audit_witness").fetchone() == (0,)
        assert other.execute("delete from audit_witness").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(_NAME, [uuid7(), uuid7(), mine, _tree(mine)])
        with pytest.raises(psycopg.errors.CheckViolation):
            other.execute(_NAME, [uuid7(), uuid7(), others, _tree(mine)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(_NAME, [uuid7(), None, None, "cell"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute("update audit_witness set size = 7")
        assert web.execute("delete from audit_witness").rowcount == 1


def test_who_asks_says_how_far_a_witness_is_and_not_who_it_is(cluster: Cluster) -> None:
    workspace = uuid7()
    with _web(cluster, workspace) as web:
        web.execute(_NAME, [uuid7(), uuid7(), workspace, _tree(workspace)])
    with psycopg.connect(cluster.url("bailiwick_sealer"), autocommit=True) as sealer:
        mine = "where workspace_id = %s"
        assert sealer.execute(f"update audit_witness set size = 7 {mine}", [workspace]).rowcount == 1  # type: ignore[arg-type]
        for column in ("url", "vkey", "ca", "tree", "workspace_id"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sealer.execute(f"update audit_witness set {column} = null {mine}", [workspace])  # type: ignore[arg-type]
        assert sealer.execute(f"delete from audit_witness {mine}", [workspace]).rowcount == 0  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sealer.execute(_NAME, [uuid7(), uuid7(), uuid7(), "ws_x"])
        assert sealer.execute(_NAME, [uuid7(), None, None, "cell"]).rowcount == 1
        with pytest.raises(psycopg.errors.CheckViolation):
            sealer.execute(_NAME, [uuid7(), None, None, "other"])


def test_only_who_asks_adds_a_cosignature_and_each_tenant_sees_its_own_and_the_cells(cluster: Cluster) -> None:
    mine, others = uuid7(), uuid7()
    with _web(cluster, mine) as web, _web(cluster, others) as other:
        with psycopg.connect(cluster.url("bailiwick_sealer"), autocommit=True) as sealer:
            sealer.execute(_COSIGN, [_tree(mine), mine])
            with pytest.raises(psycopg.errors.CheckViolation):
                sealer.execute(_COSIGN, [_tree(mine), others])
        seen = "select count(*) from audit_cosignature where tree = %s"
        assert web.execute(seen, [_tree(mine)]).fetchone() == (1,)
        assert other.execute(seen, [_tree(mine)]).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(_COSIGN, [_tree(mine), mine])
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        assert auditor.execute(seen, [_tree(mine)]).fetchone() == (1,)
