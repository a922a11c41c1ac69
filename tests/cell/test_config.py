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


def test_spans_go_nowhere_unless_somebody_says_where():
    config = load(os.environ)
    assert (config.otlp_endpoint, config.trace_ratio) == (None, 1.0)

    given = {**os.environ, "BAILIWICK_OTLP_ENDPOINT": "http://[::1]:4318/otlp", "BAILIWICK_TRACE_RATIO": ".05"}
    config = load(given)
    assert (config.otlp_endpoint, config.trace_ratio) == ("http://[::1]:4318/otlp", 0.05)


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "grpc://collector:4317", "http://a:hunter2@host", "https://h/?k=hunter2"]
)
@pytest.mark.parametrize("ratio", ["1.5", "-1", "nan", "all"])
def test_an_endpoint_is_an_http_url_and_a_ratio_a_part(endpoint: str, ratio: str):
    with pytest.raises(ConfigError) as caught:
        load({**os.environ, "BAILIWICK_OTLP_ENDPOINT": endpoint, "BAILIWICK_TRACE_RATIO": ratio})

    assert [problem.split()[0] for problem in caught.value.problems] == [
        "BAILIWICK_OTLP_ENDPOINT",
        "BAILIWICK_TRACE_RATIO",
    ]
    assert "hunter2" not in str(caught.value)
