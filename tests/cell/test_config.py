import os
from pathlib import Path

import pytest

from cell.config import ConfigError, backup_server, load
from cell.witness_key import WitnessKey


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
    with pytest.raises(ConfigError, match="BAILIWICK_OTLP_REGION is not set"):
        load(given)
    config = load({**given, "BAILIWICK_OTLP_REGION": "eu-fr-1"})
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


def test_the_operator_states_who_it_is_or_nothing():
    assert load(os.environ).operator.name is None
    given = {"OPERATOR_NAME": " Example Cells GmbH ", "OPERATOR_DPO": "dpo@operator.example", "DPA_VERSION": "2026-03"}
    given |= {"DPA_REFERENCE": "https://operator.example/dpa", "DPA_SHA256": "ab" * 32}
    stated = {f"BAILIWICK_{name}": value for name, value in given.items()}
    config = load({**os.environ, **stated})

    assert (config.operator.name, config.operator.dpo, config.operator.address) == (
        "Example Cells GmbH",
        "dpo@operator.example",
        None,
    )
    assert (config.agreement.version, config.agreement.sha256) == ("2026-03", "ab" * 32)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPERATOR_NAME", "two\nlines"),
        ("OPERATOR_ADDRESS", "a" * 501),
        ("DPA_VERSION", "the newest one"),
        ("DPA_SHA256", "abc"),
        ("DPA_REFERENCE", "https://operator.example/dpa"),
        ("DPA_VERSION", "2026-03"),
    ],
)
def test_half_a_statement_is_none(name: str, value: str):
    with pytest.raises(ConfigError) as caught:
        load({**os.environ, f"BAILIWICK_{name}": value})

    assert [problem.split("_")[1] for problem in caught.value.problems] == [name.split("_")[0]]


ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_root_is_named_by_where_it_lives():
    assert str(load(os.environ).keys.root).startswith("file:/")
    given = {
        "BAILIWICK_ROOT_KEY": "pkcs11:cell-root-2",
        "BAILIWICK_PREVIOUS_ROOT_KEYS": f"aws-kms:{ARN}, vault:eu/transit/cell file:/etc/old.key",
        "BAILIWICK_SEED_FILE": "/etc/bailiwick/seed",
        "BAILIWICK_KEY_HORIZON_DAYS": "3",
        "BAILIWICK_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
        "BAILIWICK_PKCS11_TOKEN": "bailiwick",
        "BAILIWICK_PKCS11_PIN_FILE": "/etc/bailiwick/pin",
        "BAILIWICK_VAULT_ADDRESS": "https://vault.example:8200",
        "BAILIWICK_VAULT_TOKEN_FILE": "/run/vault/token",
    }
    keys = load({**os.environ, **given}).keys
    assert [str(ref) for ref in (keys.root, *keys.previous)] == [
        "pkcs11:cell-root-2",
        f"aws-kms:{ARN}",
        "vault:eu/transit/cell",
        "file:/etc/old.key",
    ]
    assert (keys.horizon_days, keys.previous[0].aws_region, keys.root.aws_region) == (3, "eu-central-1", None)


@pytest.mark.parametrize(
    "root", ["/etc/root.key", "file:relative", "pkcs11:", "aws-kms:alias/hunter2", "vault:hunter2", "gcp:hunter2"]
)
def test_what_names_no_root_is_refused_and_not_repeated(root: str):
    with pytest.raises(ConfigError, match="BAILIWICK_ROOT_KEY must be like file:/path") as caught:
        load({**os.environ, "BAILIWICK_ROOT_KEY": root})
    assert "hunter2" not in str(caught.value)


def test_a_root_outside_of_a_file_needs_a_seed_and_the_way_to_it():
    def problems(**given: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load({**os.environ, **{f"BAILIWICK_{name}": value for name, value in given.items()}})
        return [problem.split()[0] for problem in caught.value.problems]

    assert problems(ROOT_KEY="pkcs11:root") == ["BAILIWICK_SEED_FILE", "BAILIWICK_PKCS11_MODULE,"]
    assert problems(ROOT_KEY="vault:transit/root", SEED_FILE="/seed") == ["BAILIWICK_VAULT_ADDRESS"]
    assert problems(ROOT_KEY=f"aws-kms:{ARN}") == ["BAILIWICK_SEED_FILE"]
    assert problems(PREVIOUS_ROOT_KEYS="file:/old.key") == ["BAILIWICK_SEED_FILE"]
    assert problems(KEY_HORIZON_DAYS="8") == ["BAILIWICK_KEY_HORIZON_DAYS"]
    insecure = {"EMBEDDED": "0", "BASE_URL": "https://cell.example", "AWS_KMS_ENDPOINT": "http://kms.example"}
    assert problems(ROOT_KEY=f"aws-kms:{ARN}", SEED_FILE="/seed", **insecure) == ["BAILIWICK_AWS_KMS_ENDPOINT"]


BUCKET = {"BAILIWICK_OBJECTS": "s3://bailiwick-eude1", "BAILIWICK_OBJECTS_REGION": "eu-central-1"}


def test_objects_are_in_a_folder_or_in_a_bucket():
    assert load({**os.environ, "BAILIWICK_OBJECTS": "/var/lib/objects"}).objects == Path("/var/lib/objects")

    aws = load({**os.environ, **BUCKET}).objects
    assert (aws.name, aws.region, aws.legal_area, aws.endpoint) == ("bailiwick-eude1", "eu-central-1", "eu", None)

    own = {"BAILIWICK_OBJECTS_ENDPOINT": "https://s3.example", "BAILIWICK_OBJECTS_LEGAL_AREA": "uk"}
    files = {"BAILIWICK_OBJECTS_CA_FILE": "/etc/ca.pem", "BAILIWICK_OBJECTS_CREDENTIALS_FILE": "/etc/s3"}
    ceph = load({**os.environ, **BUCKET, **own, **files, "BAILIWICK_OBJECTS_REGION": "default"}).objects
    assert (ceph.region, ceph.legal_area, ceph.ca_file, ceph.credentials_file) == (
        "default",
        "uk",
        Path("/etc/ca.pem"),
        Path("/etc/s3"),
    )


@pytest.mark.parametrize(
    ("changed", "variables"),
    [
        ({"BAILIWICK_OBJECTS": "s3://Bucket/hunter2"}, ["OBJECTS", "OBJECTS_REGION"]),
        ({"BAILIWICK_OBJECTS": "objects", "BAILIWICK_OBJECTS_REGION": ""}, ["OBJECTS"]),
        ({"BAILIWICK_OBJECTS": "/objects", "BAILIWICK_OBJECTS_CA_FILE": "/ca"}, ["OBJECTS_REGION", "OBJECTS_CA_FILE"]),
        ({"BAILIWICK_OBJECTS_REGION": "", "BAILIWICK_OBJECTS_CA_FILE": "ca"}, ["OBJECTS_REGION", "OBJECTS_CA_FILE"]),
        ({"BAILIWICK_OBJECTS_REGION": "eu-central-2"}, ["OBJECTS_REGION"]),
        ({"BAILIWICK_OBJECTS_LEGAL_AREA": "us"}, ["OBJECTS_LEGAL_AREA"]),
        ({"BAILIWICK_OBJECTS_ENDPOINT": "https://s3.example"}, ["OBJECTS_LEGAL_AREA"]),
        ({"BAILIWICK_OBJECTS_ENDPOINT": "https://a:hunter2@s3.example"}, ["OBJECTS_ENDPOINT"]),
        ({"BAILIWICK_OBJECTS_ENDPOINT": "https://s3.us-east-1.amazonaws.com"}, ["OBJECTS_ENDPOINT"]),
        (
            {
                "BAILIWICK_OBJECTS_ENDPOINT": "http://s3.example",
                "BAILIWICK_EMBEDDED": "0",
                "BAILIWICK_BASE_URL": "https://cell.example",
            },
            ["OBJECTS_LEGAL_AREA", "OBJECTS_ENDPOINT"],
        ),
    ],
)
def test_a_bucket_that_may_be_elsewhere_is_refused_by_variable(changed: dict[str, str], variables: list[str]):
    with pytest.raises(ConfigError) as caught:
        load({**os.environ, **BUCKET, **changed})

    assert [problem.split()[0] for problem in caught.value.problems] == [f"BAILIWICK_{name}" for name in variables]
    assert "hunter2" not in str(caught.value)


def test_backups_go_to_buckets_where_it_is_said_where_those_are():
    assert load(os.environ).backups is None

    aws = load({**os.environ, "BAILIWICK_BACKUPS_REGION": "eu-central-1"}).backups
    assert aws.bucket("backups").legal_area == "eu"


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        ({"ENDPOINT": "https://s3.example"}, ["REGION"]),
        ({"REGION": "default", "ENDPOINT": "https://s3.example"}, ["LEGAL_AREA"]),
        ({"REGION": "eu-central-2"}, ["REGION"]),
        ({"REGION": "eu-central-1", "CA_FILE": "ca"}, ["CA_FILE"]),
    ],
)
def test_a_place_of_backups_that_may_be_elsewhere_is_refused_by_variable(given: dict[str, str], variables: list[str]):
    named = {f"BAILIWICK_BACKUPS_{name}": value for name, value in given.items()}
    for parse in (load, backup_server):
        with pytest.raises(ConfigError) as caught:
            parse({**os.environ, **named})
        found = [problem.split()[0] for problem in caught.value.problems]
        assert found == [f"BAILIWICK_BACKUPS_{name}" for name in variables]


def test_entries_are_sent_to_public_networks_unless_the_operator_adds_one():
    assert load(os.environ).destination_networks == ()

    given = {**os.environ, "BAILIWICK_DESTINATION_NETWORKS": "10.20.0.0/16, fd00:20::/32"}
    assert load(given).destination_networks == ("10.20.0.0/16", "fd00:20::/32")


@pytest.mark.parametrize("networks", ["10.20.3.4/16", "everything", "10.20.0.0/33", "10.20.0.0/16;10.21.0.0/16"])
def test_a_network_is_written_as_one(networks: str):
    with pytest.raises(ConfigError, match="BAILIWICK_DESTINATION_NETWORKS"):
        load({**os.environ, "BAILIWICK_DESTINATION_NETWORKS": networks})


def test_nobody_witnesses_unless_the_operator_names_somebody():
    config = load(os.environ)

    assert (config.witnesses, config.witness_s) == ((), 300)


def test_witnesses_are_an_address_and_a_key_each():
    first, second = (WitnessKey(f"witness.example.org/{number}", bytes([number]) * 32) for number in (1, 2))
    given = f"https://witness.example.org/log/ {first},\n http://[::1]:8090 {second}"

    config = load({**os.environ, "BAILIWICK_WITNESSES": given, "BAILIWICK_WITNESS_S": "60"})

    assert [(each.url, each.key) for each in config.witnesses] == [
        ("https://witness.example.org/log", first),
        ("http://[::1]:8090", second),
    ]


def test_everything_wrong_with_witnesses_is_said_at_once():
    key = str(WitnessKey("w", bytes(32)))
    given = (
        f"http://witness.example.org {key}, https://bob:hunter2@host {key[:-4]}, https://a {key}, https://b {key},"
        f" alone, http://127.0.0.1:0 {key}, ftp://127.0.0.1 {key}, https://[ {key}, https://a?b {key}, https://ä {key}"
    )

    with pytest.raises(ConfigError) as caught:
        load({**os.environ, "BAILIWICK_WITNESSES": given})

    said = [problem.split(")")[0] for problem in caught.value.problems]
    assert {f"BAILIWICK_WITNESSES (witness {number}" for number in (1, 2, 5, 6, 7, 8, 9, 10)} < set(said)
    assert said.count("BAILIWICK_WITNESSES (witness 2") == 2
    assert "BAILIWICK_WITNESSES names one witness's key twice" in said
    assert "BAILIWICK_WITNESSES names more than 8 witnesses" in said
    assert "hunter2" not in str(caught.value)
