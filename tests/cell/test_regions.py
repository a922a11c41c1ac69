from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cell.notes import Signer
from cell.regions import Directory, DirectoryError, Region, UnknownCell, sign_directory

DE = Region("eu-de-1", "eude1", "eu", "https://api.eu-de.example", "https://console.eu-de.example", "eu-fr-1")
FR = Region("eu-fr-1", "eufr1", "eu", "https://api.eu-fr.example", "https://console.eu-fr.example", "eu-de-1")
US = Region("us-va-1", "usva1", "us", "https://api.us-va.example", "https://console.us-va.example")
SIGNER = Signer.from_seed("cells.example", bytes(32))


def test_a_signed_directory_is_read_back(tmp_path):
    path = tmp_path / "cells.json"
    path.write_bytes(sign_directory([DE, FR, US], SIGNER, serial=3))
    directory = Directory.load(path, SIGNER.vkey)
    assert directory.regions == (DE, FR, US)
    assert directory.serial == 3
    assert directory.url_for("eufr1") == "https://api.eu-fr.example"
    assert directory.region("us-va-1") == US
    with pytest.raises(UnknownCell):
        directory.url_for("none1")


def test_spacing_may_change_and_meaning_may_not():
    file = json.loads(sign_directory([DE, FR], SIGNER))
    Directory.parse(json.dumps(file, separators=(",", ":")).encode(), SIGNER.vkey)
    file["directory"]["cells"][0]["base_url"] = "https://evil.example"
    with pytest.raises(DirectoryError, match="altered"):
        Directory.parse(json.dumps(file).encode(), SIGNER.vkey)


def test_another_signer_is_refused():
    with pytest.raises(DirectoryError, match="not signed by BAILIWICK_CELLS_VKEY"):
        Directory.parse(sign_directory([US], SIGNER), Signer.generate("cells.example").vkey)


def test_a_directory_goes_out_of_date():
    now = datetime.now(UTC)
    raw = sign_directory([US], SIGNER, valid_until=now + timedelta(days=2))
    assert Directory.parse(raw, SIGNER.vkey, now=now + timedelta(days=1)).regions == (US,)
    with pytest.raises(DirectoryError, match="out of date"):
        Directory.parse(raw, SIGNER.vkey, now=now + timedelta(days=3))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"directory": 1, "signature": "x"}', b"\xff", b'{"directory": {}}']
)
def test_what_is_no_directory_is_refused(raw):
    with pytest.raises(DirectoryError):
        Directory.parse(raw, SIGNER.vkey)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DirectoryError, match=r"none\.json cannot be read"):
        Directory.load(tmp_path / "none.json", SIGNER.vkey)


@pytest.mark.parametrize(
    ("regions", "problem"),
    [
        ([], "has no regions"),
        ([DE], "dr_peer is not another region"),
        ([replace(US, dr_peer="us-va-1")], "dr_peer is not another region"),
        ([DE, FR, replace(US, dr_peer="eu-de-1")], "in another legal area"),
        ([DE, FR, replace(US, code="eude1")], "two regions have this code"),
        ([DE, FR, replace(US, id="eu-de-1")], "two regions have this id"),
        ([replace(US, base_url="http://api.example")], "must begin with https"),
        ([replace(US, base_url="https://api.example/")], "must not end in a slash"),
        ([replace(US, id="US")], "a region's id looks like"),
        ([replace(US, code="x-1")], "a cell code looks like"),
        ([replace(US, legal_area="U1")], "a legal area looks like"),
    ],
)
def test_a_wrong_directory_is_never_signed(regions, problem):
    with pytest.raises(DirectoryError, match=problem):
        sign_directory(regions, SIGNER)


def test_plain_http_is_for_this_machine_alone():
    here = replace(US, base_url="http://127.0.0.1:8080", console_url="http://127.0.0.1:8080")
    assert Directory.parse(sign_directory([here], SIGNER), SIGNER.vkey).regions == (here,)
