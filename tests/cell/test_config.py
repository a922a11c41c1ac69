import os

import pytest

from cell.config import ConfigError, load


def test_the_tests_own_environment_is_a_valid_configuration():
    config = load(os.environ)

    assert (config.region, config.cell, config.embedded) == ("eu-de-1", "eude1", True)
    assert config.owner_database is None


def test_every_problem_is_reported_at_once_by_variable():
    environ = {
        **os.environ,
        "BAILIWICK_REGION": "Germany",
        "BAILIWICK_BODY_LIMIT_BYTES": "lots",
        "BAILIWICK_EMBEDDED": "yes",
    }
    del environ["BAILIWICK_HOME"]

    with pytest.raises(ConfigError) as caught:
        load(environ)

    assert [problem.split()[0] for problem in caught.value.problems] == [
        "BAILIWICK_REGION",
        "BAILIWICK_HOME",
        "BAILIWICK_EMBEDDED",
        "BAILIWICK_BODY_LIMIT_BYTES",
    ]


def test_plain_http_is_for_the_embedded_cell_only():
    with pytest.raises(ConfigError, match="BAILIWICK_BASE_URL must begin with https://"):
        load({**os.environ, "BAILIWICK_EMBEDDED": "0"})


def test_a_password_is_neither_repeated_in_an_error_nor_in_a_repr():
    wrong = {**os.environ, "BAILIWICK_DATABASE_URL": "mysql://role:hunter2@host/name"}

    with pytest.raises(ConfigError) as caught:
        load(wrong)

    assert "hunter2" not in str(caught.value)
    right = load({**os.environ, "BAILIWICK_DATABASE_URL": "postgresql://role:hunter2@host:5433/name"})
    assert "hunter2" not in repr(right)
    assert (right.database.host, right.database.port, right.database.password) == ("host", 5433, "hunter2")


def test_a_password_with_quotes_survives_into_the_connection_string():
    config = load({**os.environ, "BAILIWICK_DATABASE_URL": "postgresql://role:a%27b%5Cc@host:5433/name"})

    assert r"password='a\'b\\c'" in config.database.conninfo
