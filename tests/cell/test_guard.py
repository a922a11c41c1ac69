from __future__ import annotations

from dataclasses import replace

import pytest

from cell.config import config
from cell.guard import RegionMismatch, check_region
from cell.key_config import RootRef
from cell.keys import RootedKeys, cell_keys
from cell.notes import Signer
from cell.objects import FileObjectStore, open_store
from cell.regions import Region, sign_directory
from tests.peers.radosgw import RadosGw

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])


def test_a_cell_whose_parts_agree_starts():
    assert check_region(config()).url_for("eude1") == config().base_url


def test_every_disagreement_is_listed(tmp_path):
    store = FileObjectStore(tmp_path / "objects")
    store.claim("us-va-1")
    signer = Signer.generate("cells.test")
    elsewhere = Region("eu-fr-1", "eufr2", "eu", "https://api.example", "https://console.example")
    (tmp_path / "cells.json").write_bytes(sign_directory([elsewhere], signer))
    wrong = replace(
        config(),
        region="eu-fr-1",
        cell="eufr1",
        objects=store.root,
        cells_file=tmp_path / "cells.json",
        cells_vkey=signer.vkey,
    )
    with pytest.raises(RegionMismatch, match="eu-fr-1 and will not start") as refused:
        check_region(wrong)
    assert refused.value.disagreements == [
        "the database belongs to region eu-de-1",
        "the object store belongs to region us-va-1",
        "the key store belongs to region eu-de-1",
        "the database has the cell code eude1, BAILIWICK_CELL is eufr1",
        "the directory says cell code eufr2, BAILIWICK_CELL is eufr1",
        "the directory says https://api.example, BAILIWICK_BASE_URL is http://127.0.0.1:8080",
    ]


def test_an_unclaimed_store_says_what_to_do(tmp_path):
    with pytest.raises(RegionMismatch, match="the object store belongs to no region yet: run `bailiwick migrate`"):
        check_region(replace(config(), objects=tmp_path / "objects"))


def test_an_unsigned_directory_stops_the_start():
    stranger = Signer.generate("cells.test").vkey
    with pytest.raises(RegionMismatch, match="not signed by BAILIWICK_CELLS_VKEY"):
        check_region(replace(config(), cells_vkey=stranger))


@pytest.mark.parametrize(("place", "allowed"), [("eu-central-1", True), ("eu-west-2", False), ("us-east-1", False)])
def test_a_root_in_another_legal_area_stops_the_start(place, allowed):
    root = RootRef.parse(f"aws-kms:arn:aws:kms:{place}:123456789012:key/1234abcd")
    elsewhere = replace(config(), keys=replace(config().keys, previous=(root,)))
    if allowed:
        check_region(elsewhere)
        return
    with pytest.raises(RegionMismatch, match=f"a root key is in AWS's {place}, which is not in the legal area eu"):
        check_region(elsewhere)


@pytest.mark.parametrize(
    ("region", "allowed"),
    [
        ("eu-de-1", True),
        ("eu-fr-1", True),
        ("eu-central-1", True),
        ("us-va-1", False),
        ("eu-west-2", False),
        ("moon", False),
    ],
)
def test_spans_that_would_leave_the_legal_area_stop_the_start(tmp_path, region, allowed):
    signer = Signer.generate("cells.test")
    home = Region("eu-de-1", "eude1", "eu", config().base_url, config().base_url)
    others = [
        Region(name, name.replace("-", ""), name[:2], f"https://{name}.example", f"https://console.{name}.example")
        for name in ("eu-fr-1", "us-va-1")
    ]
    (tmp_path / "cells.json").write_bytes(sign_directory([home, *others], signer))
    traced = replace(
        config(),
        otlp_endpoint="https://collector.example",
        otlp_region=region,
        cells_file=tmp_path / "cells.json",
        cells_vkey=signer.vkey,
    )
    if allowed:
        check_region(traced)
        return
    with pytest.raises(RegionMismatch, match=f"BAILIWICK_OTLP_REGION: spans would go to {region}"):
        check_region(traced)


def test_a_process_that_derives_from_another_seed_does_not_start(monkeypatch):
    root = cell_keys().root
    monkeypatch.setattr("cell.guard.cell_keys", lambda: RootedKeys(root, bytes(32)))
    with pytest.raises(RegionMismatch, match="the key store was made with another seed"):
        check_region(config())


def test_a_cell_serves_from_a_bucket_of_its_own_region_only(radosgw: RadosGw):
    bucket = radosgw.bucket()
    here = replace(config(), objects=bucket)
    with pytest.raises(RegionMismatch, match="the object store belongs to no region yet"):
        check_region(here)
    open_store(bucket).claim("eu-de-1")
    assert check_region(here).url_for("eude1") == config().base_url

    elsewhere = radosgw.bucket(lock=False, versions=False)
    open_store(elsewhere).claim("us-va-1")
    with pytest.raises(RegionMismatch) as refused:
        check_region(replace(config(), objects=replace(elsewhere, region="us-east", declared_area="us")))
    assert refused.value.disagreements == [
        "the object store belongs to region us-va-1",
        "the object store is under the law of us, this region under that of eu",
        "the bucket is in eu-de, BAILIWICK_OBJECTS_REGION is us-east",
        "the bucket does not keep versions: turn its versioning on",
    ]


def test_a_store_that_cannot_be_asked_stops_the_start(radosgw: RadosGw):
    nowhere = replace(radosgw.bucket(), name="nobodys")
    with pytest.raises(RegionMismatch) as refused:
        check_region(replace(config(), objects=nowhere))
    assert refused.value.disagreements == ["the object store refuses list_object_versions: NoSuchBucket"]
