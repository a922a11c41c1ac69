from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import ExecStatus, Format

from audit.arrays import column
from bailiwick.embedded.cluster import Cluster

_VALUES: dict[str, list[object]] = {
    "uuid": [uuid4(), None, UUID(int=0), UUID(int=(1 << 128) - 1)],
    "text": ["", None, "plain", "Zoë 😀", "'\\{},\"", "NULL"],
    "jsonb": ['{"a": 1}', None, "null", '["é"]'],
    "bytea": [b"", None, bytes(range(256)), b"\\x00"],
    "boolean": [True, None, False],
    "smallint": [0, None, -(2**15), 2**15 - 1],
    "integer": [0, None, -(2**31), 2**31 - 1],
    "bigint": [0, None, -(2**63), 2**63 - 1],
    "timestamptz": [
        datetime(2026, 11, 21, 10, 28, 57, 496908, tzinfo=UTC),
        None,
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
}


@pytest.mark.parametrize("type_", _VALUES)
def test_postgresql_reads_what_was_meant(cluster: Cluster, type_: str) -> None:
    values = _VALUES[type_]
    with psycopg.connect(cluster.url("bailiwick_owner")) as connection:
        connection.execute(f"create temp table seen (number serial, value {type_})")  # type: ignore[arg-type]  # a name from above

        given = f"insert into seen (value) select unnest($1::{type_}[])".encode()
        result = connection.pgconn.exec_params(given, [column(type_, values)], param_formats=[Format.BINARY])
        read = [item for (item,) in connection.execute("select value from seen order by number")]

    assert result.status == ExecStatus.COMMAND_OK
    assert read == [json.loads(str(item)) if type_ == "jsonb" and item else item for item in values]


@pytest.mark.parametrize("type_", ["smallint", "integer", "bigint"])
def test_a_number_that_does_not_fit_is_refused(type_: str) -> None:
    with pytest.raises(OverflowError):
        column(type_, [2**63])


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        column("money", [])
