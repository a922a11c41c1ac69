from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.actions import Action
from audit.checkpoint import Checkpoint
from audit.log import record
from audit.merkle import Range, full_root, leaf_hash
from audit.sealer import seal_tree
from audit.signing import vkeys
from audit.tiles import NoTile, Place
from cell import notes
from cell.access import system_actor
from cell.tenancy import workspace_scope
from tests.factories import Organization, make_organization

pytestmark = pytest.mark.usefixtures("committed")


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "000"),
        (7, 3, "007.p/3"),
        (999, 255, "999.p/255"),
        (1000, 256, "x001/000"),
        (1234067, 256, "x001/x234/067"),
        (1234067, 8, "x001/x234/067.p/8"),
    ],
)
def test_a_place_has_one_spelling(index: int, width: int, path: str) -> None:
    assert Place(index, width).path == path
    assert Place.parse(path) == Place(index, width)


@pytest.mark.parametrize(
    "path",
    ["", "0", "00", "0000", "x000/001", "001/002", "x01/002", "000.p/0", "000.p/256", "000.p/257", "000.p/01", "000.p/",
     "-01", "٠٠٠", "000\n", "X001/000", "000/", "/000", "../000"],
)  # fmt: skip
def test_every_other_spelling_is_no_place(path: str) -> None:
    with pytest.raises(NoTile):
        Place.parse(path)


@pytest.fixture(scope="module")
def organization(django_db_setup: None, django_db_blocker: Any) -> Organization:
    with django_db_blocker.unblock():
        made = make_organization()
        with workspace_scope(made.workspace):
            for _ in range(600):
                record(actor=system_actor("job"), action=Action.WORKSPACE_UPDATED, workspace=made.workspace)
        seal_tree(made.workspace_id)
        return made


def _get(organization: Organization, path: str) -> Any:
    headers = {"Authorization": f"Bearer {organization.admin_key}"}
    return Client().get(f"/api/workspaces/{organization.workspace_id}/audit/log/{path}", headers=headers)


def test_the_log_is_rebuilt_from_its_tiles_alone(organization: Organization) -> None:
    signed = Checkpoint.parse(notes.verify(_get(organization, "checkpoint").content.decode(), vkeys()))
    full, rest = divmod(signed.size, 256)
    places = [*(Place(index, 256) for index in range(full)), *([Place(full, rest)] if rest else [])]

    leaves, hashes = [], b""
    for place in places:
        bundle = _get(organization, f"tile/entries/{place.path}").content
        for _ in range(place.width):
            length = int.from_bytes(bundle[:2], "big")
            leaves.append(leaf_hash(bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
        assert bundle == b""
        hashes += _get(organization, f"tile/0/{place.path}").content
    above = _get(organization, f"tile/1/{Place(0, full).path}").content

    tree = Range()
    tree.extend(leaves)
    assert (signed.origin, signed.root) == (f"audit.eu-de-1.bailiwick/{organization.workspace_id}", tree.root())
    assert hashes == b"".join(leaves)
    assert above == b"".join(full_root(leaves[at * 256 : at * 256 + 256]) for at in range(full))


def test_full_tiles_are_kept_and_what_may_grow_is_asked_for_again(organization: Organization) -> None:
    assert "immutable" in _get(organization, "tile/0/000")["Cache-Control"]
    assert "immutable" in _get(organization, "tile/entries/001")["Cache-Control"]
    for path in ("checkpoint", "tile/0/002.p/1", "tile/entries/002.p/1"):
        assert _get(organization, path)["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["tile/0/003", "tile/0/002", "tile/1/000", "tile/6/000", "tile/-1/000", "tile/x/000", "tile/01/000", "tile/0/nonsense",
     "tile/entries/003", "tile/entries/000.p/256", "tile/٠/000"],
)  # fmt: skip
def test_there_is_no_tile_of_what_is_not_there(organization: Organization, path: str) -> None:
    assert _get(organization, path).status_code == 404


def test_nobody_reads_the_tiles_of_others(organization: Organization) -> None:
    headers = {"Authorization": f"Bearer {make_organization().admin_key}"}

    for path in ("checkpoint", "tile/0/000", "tile/entries/000"):
        url = f"/api/workspaces/{organization.workspace_id}/audit/log/{path}"
        assert Client().get(url, headers=headers).status_code == 404
        assert Client().get(url).status_code == 401
