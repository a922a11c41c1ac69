"""What the audit log and the request records say, read as the auditor: it sees every tenant and can change nothing."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from audit.entry import Kind, outcome_id
from cell.config import config
from cell.ids import Tag, untag
from tests.factories import Organization


class Log:
    def __enter__(self) -> Log:
        url = config().auditor_database
        if url is None:
            raise RuntimeError("the tests' configuration has an auditor")
        self._connection = psycopg.connect(url.conninfo, autocommit=True, row_factory=dict_row)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def intent(self, request_id: str) -> dict[str, Any] | None:
        return self._entry(_number(request_id))

    def outcome(self, request_id: str, within_s: float = 0) -> dict[str, Any] | None:
        deadline = time.monotonic() + within_s
        while True:
            entry = self._entry(outcome_id(_number(request_id)))
            if entry is not None or time.monotonic() > deadline:
                return entry
            time.sleep(0.02)

    def record(self, request_id: str) -> dict[str, Any] | None:
        return self._connection.execute("select * from gateway_request where id = %s", [_number(request_id)]).fetchone()

    def newest(self, workspace: UUID) -> str | None:
        """Tagged id of the workspace's last request that was admitted."""
        query = "select id from audit_entry where workspace_id = %s and kind = 1 order by id desc limit 1"
        row = self._connection.execute(query, [workspace]).fetchone()
        return None if row is None else f"req_{config().cell}_{row['id'].hex}"

    def body(self, request_id: str, *, outcome: bool = False) -> bytes:
        number = _number(request_id)
        query = "select body from audit_entry where id = %s"
        row = self._connection.execute(query, [outcome_id(number) if outcome else number]).fetchone()
        if row is None:
            raise LookupError(request_id)
        return bytes(row["body"])

    def copy(self, body: bytes, request: UUID, kind: Kind, organization: Organization) -> None:
        """Writes `body` again, as the web role, as an entry of `request`."""
        number = request if kind is Kind.INTENT else outcome_id(request)
        query = """insert into audit_entry (id, tree, organization_id, workspace_id, kind, occurred_at, body)
            values (%s, %s, %s, %s, %s, now(), %s)"""
        values = [number, organization.workspace_id, organization.id, organization.workspace.id, kind.value, body]
        with psycopg.connect(config().database.conninfo, autocommit=True) as web:
            web.execute(query, values)

    def count(self, query: LiteralString) -> int:
        row = self._connection.execute(query).fetchone()
        return 0 if row is None else int(row["count"])

    def _entry(self, number: UUID) -> dict[str, Any] | None:
        row = self._connection.execute("select body from audit_entry where id = %s", [number]).fetchone()
        return None if row is None else json.loads(row["body"])


def _number(request_id: str) -> UUID:
    return untag(request_id, Tag.REQUEST, config().cell)
