from __future__ import annotations

import msgspec
import pytest

from audit.destinations import Bucket, check_place, seal, secrets_of, settings_of, unseal
from audit.destinations.errors import Forbidden, Misconfigured
from audit.destinations.hec import HecDestination
from audit.destinations.settings import AnySettings
from audit.destinations.syslog import SyslogDestination
from audit.destinations.webhook import Webhook
from cell.config import config
from cell.ids import uuid7
from cell.regions import Directory, Region
from tests.audit.destinations.batches import HERE
from tests.peers.certificates import Authority

_WEBHOOK = {"kind": "webhook", "legal_area": "eu", "url": "https://siem.example/hook"}
_HEC = {"kind": "splunk-hec", "legal_area": "eu", "url": "https://siem.example:8088/splunk", "index": "audit"}
_S3 = {
    "kind": "s3",
    "legal_area": "eu",
    "url": "https://s3.eu-central-1.amazonaws.com",
    "bucket": "audit-of-ours",
    "prefix": "bailiwick/siem/",
    "region_name": "eu-central-1",
}
_S3_KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "secret/+key"}
_SECRET = "whsec_" + "A" * 32


def _syslog(authority: Authority) -> tuple[dict[str, object], dict[str, object]]:
    signed = authority.client("bailiwick")
    settings = {"kind": "syslog", "legal_area": "eu", "host": "siem.example", "certificate": signed.certificate}
    return settings | {"ca": authority.certificate}, {"key": signed.key}


def test_each_kind_is_opened_from_what_describes_it(authority: Authority) -> None:
    described = {
        Webhook: (_WEBHOOK, {"signing": [_SECRET]}),
        HecDestination: (_HEC, {"token": "word"}),
        Bucket: (_S3, _S3_KEYS),
        SyslogDestination: _syslog(authority),
    }

    for kind, (document, secrets) in described.items():
        settings = settings_of(document)
        assert isinstance(settings.open(uuid7(), secrets_of(settings, secrets), HERE), kind)
        assert settings_of(msgspec.to_builtins(settings)) == settings


def test_a_description_shows_no_secret(authority: Authority) -> None:
    document, secrets = _syslog(authority)

    assert str(secrets["key"]) not in repr(settings_of(document))
    with pytest.raises(Misconfigured):
        settings_of(document | secrets)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "webhook",
        {},
        {"kind": "carrier-pigeon", "legal_area": "eu"},
        {"kind": "webhook", "legal_area": "eu"},
        {"kind": "webhook", "url": "https://siem.example/"},
        _WEBHOOK | {"url": 5},
        _WEBHOOK | {"token": "secret"},
        _WEBHOOK | {"legal_area": None},
        _WEBHOOK | {"ca": "x" * 70_000},
        {"kind": "syslog", "legal_area": "eu", "host": "h", "certificate": "c", "port": "6514"},
    ],
)
def test_what_is_not_described_as_its_kind_is_refused_without_being_repeated(document: object) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings_of(document)

    assert "secret" not in str(refused.value) and "pigeon" not in str(refused.value)


@pytest.mark.parametrize(
    ("document", "secrets"),
    [
        (_WEBHOOK | {"url": "http://siem.example/"}, {"signing": [_SECRET]}),
        (_WEBHOOK | {"ca": "nonsense"}, {"signing": [_SECRET]}),
        (_WEBHOOK, {"signing": []}),
        (_HEC | {"url": "https://siem.example/?x=y"}, {"token": "word"}),
        (_HEC | {"index": "Main;drop"}, {"token": "word"}),
        (_S3 | {"url": "http://s3.example"}, _S3_KEYS),
        (_S3 | {"url": "https://s3.example/path"}, _S3_KEYS),
        (_S3 | {"url": "https://s3.eu-west-1.amazonaws.com"}, _S3_KEYS),
        (_S3 | {"bucket": "Ours"}, _S3_KEYS),
        (_S3 | {"bucket": "../other"}, _S3_KEYS),
        (_S3 | {"prefix": "no-slash"}, _S3_KEYS),
        (_S3 | {"prefix": "../"}, _S3_KEYS),
        (_S3 | {"prefix": "a b/"}, _S3_KEYS),
        (_S3 | {"prefix": "what?/"}, _S3_KEYS),
        (_S3 | {"region_name": "eu central\n"}, _S3_KEYS),
        (_S3, _S3_KEYS | {"access_key": ""}),
        (_S3, _S3_KEYS | {"secret_key": "two words"}),
        ({"kind": "syslog", "legal_area": "eu", "host": "a b", "certificate": "c"}, {"key": "k"}),
        ({"kind": "syslog", "legal_area": "eu", "host": "h", "port": 0, "certificate": "c"}, {"key": "k"}),
    ],
)
def test_what_cannot_be_sent_to_is_found_out_when_it_is_opened(document: object, secrets: object) -> None:
    settings = settings_of(document)

    with pytest.raises(Misconfigured):
        settings.open(uuid7(), secrets_of(settings, secrets), HERE)


@pytest.mark.parametrize("secrets", [None, {}, {"signing": "one"}, {"signing": [5]}, {"signing": [], "token": "x"}])
def test_secrets_have_the_form_of_their_kind(secrets: object) -> None:
    with pytest.raises(Misconfigured):
        secrets_of(settings_of(_WEBHOOK), secrets)


def test_secrets_at_rest_open_for_their_destination_of_their_owner_alone() -> None:
    settings, owner, number = settings_of(_WEBHOOK), uuid7(), uuid7()
    secrets = secrets_of(settings, {"signing": [_SECRET]})

    sealed = seal(secrets, owner=owner, destination=number)

    assert _SECRET.encode() not in sealed and b"signing" not in sealed
    assert unseal(sealed, settings, owner=owner, destination=number) == secrets
    changed = bytearray(sealed)
    changed[-1] ^= 1
    for bytes_, who, what in (
        (sealed, uuid7(), number),
        (sealed, owner, uuid7()),
        (bytes(changed), owner, number),
        (b"", owner, number),
    ):
        with pytest.raises(Misconfigured):
            unseal(bytes_, settings, owner=who, destination=what)


def _directory() -> Directory:
    def region(name: str, area: str) -> Region:
        url = f"https://{name}.example"
        return Region(id=name, code=name.replace("-", ""), legal_area=area, base_url=url, console_url=url)

    return Directory((region("eu-de-1", "eu"), region("eu-fr-1", "eu"), region("us-ea-1", "us")), 1, None)  # type: ignore[arg-type]


def _at(area: str, region: str | None = None) -> AnySettings:
    return settings_of(_WEBHOOK | {"legal_area": area, "region": region})


def test_entries_go_where_the_cells_own_law_holds() -> None:
    for settings in (_at("eu"), _at("eu", "eu-de-1"), _at("eu", "eu-fr-1")):
        check_place(settings, _directory(), "eu-de-1")


@pytest.mark.parametrize(
    ("area", "region"),
    [("us", None), ("uk", None), ("", None), ("us", "us-ea-1"), ("eu", "us-ea-1"), ("eu", "eu-xx-9")],
)
def test_a_destination_under_another_law_is_refused(area: str, region: str | None) -> None:
    with pytest.raises(Forbidden):
        check_place(_at(area, region), _directory(), "eu-de-1")


@pytest.mark.parametrize(
    ("host", "name"),
    [("s3.us-east-1.amazonaws.com", "us-east-1"), ("s3.eu-central-2.amazonaws.com", "eu-central-2")],
)
def test_what_amazon_says_of_a_region_counts_more_than_what_its_owner_says(host: str, name: str) -> None:
    with pytest.raises(Forbidden, match="another law"):
        check_place(settings_of(_S3 | {"url": f"https://{host}", "region_name": name}), _directory(), "eu-de-1")


def test_of_another_server_its_owner_says_where_it_is() -> None:
    for url, name in (("https://s3.eu-central-1.amazonaws.com", "eu-central-1"), ("https://s3.example", "us-east-1")):
        check_place(settings_of(_S3 | {"url": url, "region_name": name}), _directory(), "eu-de-1")


def test_a_cell_that_the_directory_does_not_know_sends_nowhere() -> None:
    with pytest.raises(Forbidden):
        check_place(_at("eu"), _directory(), "eu-it-1")


def test_the_cells_own_directory_decides() -> None:
    own = Directory.load(config().cells_file, config().cells_vkey)

    check_place(_at("eu"), own, config().region)
    with pytest.raises(Forbidden):
        check_place(_at("us"), own, config().region)
