from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from django.db import connections, transaction

from audit import signing, treestore
from audit.checkpoint import Checkpoint
from audit.entry import now
from audit.merkle import Range, leaf_hash
from audit.models import AuditEntry, SignerGeneration
from audit.rotation import RotationError, signer_rotate
from audit.signing import generations, signed_now, signer_of, signers, vkeys
from cell import notes
from cell.access import system_actor
from cell.ids import uuid7
from cell.notes import Signer, UnknownSigner, sign
from cell.tenancy import organization_scope

pytestmark = pytest.mark.django_db(databases=["default", "sealer"])

OPERATOR = system_actor("command")


@pytest.fixture(autouse=True)
def fresh(db: None) -> Iterator[None]:
    """Signers of the test's own transaction, looked up anew."""
    signing.forget()
    yield
    signing.forget()


def _began(generation: int, *, overlap: timedelta) -> None:
    """A rotation as it looks some time later."""
    SignerGeneration.objects.create(
        generation=generation,
        vkey=signer_of(generation).vkey,
        began_at=now() - timedelta(days=400),
        overlap_until=now() + overlap,
    )
    signing.forget()


def _checkpoint() -> str:
    """The note of a checkpoint that is made now."""
    tree, workspace = f"ws_eude1_{uuid7().hex}", uuid7()
    with transaction.atomic(using="sealer"), connections["sealer"].cursor() as cursor:
        treestore.append(cursor, tree, workspace, Range(), [leaf_hash(b"{}")])
        cursor.execute("select note from audit_checkpoint where tree = %s", [tree])
        return str(cursor.fetchone()[0])


def test_both_keys_sign_during_the_overlap_and_both_are_told() -> None:
    before = vkeys()

    rotation = signer_rotate(actor=OPERATOR, overlap=timedelta(days=7))

    note = _checkpoint()
    assert vkeys() == [rotation.vkey, rotation.previous_vkey] == [rotation.vkey, *before]
    assert rotation.vkey != rotation.previous_vkey
    for vkey in vkeys():
        assert Checkpoint.parse(notes.verify(note, [vkey])).size == 1
    assert len(notes.split(note)[1]) == 2


def test_a_rotation_is_an_entry_of_the_cell_that_names_both_keys() -> None:
    rotation = signer_rotate(actor=OPERATOR)

    with organization_scope(uuid7()):  # whichever customer looks
        rows = AuditEntry.objects.filter(tree="cell", organization_id__isnull=True).order_by("-id")
        entry = msgspec.json.decode(rows[0].body)
    assert (entry["action"], entry["actor"]["type"]) == ("log.signer-rotated", "system")
    assert entry["before"] == {"generation": 1, "vkey": rotation.previous_vkey}
    assert entry["after"]["vkey"] == rotation.vkey
    assert entry["after"]["overlap_until"].startswith(str((now() + timedelta(days=30)).date()))


def test_the_old_key_stops_when_its_time_is_over_and_the_next_rotation_may_begin() -> None:
    _began(2, overlap=timedelta(days=3))
    with pytest.raises(RotationError, match="Rotate again after that"):
        signer_rotate(actor=OPERATOR)
    assert len(vkeys()) == 2

    _began(3, overlap=timedelta(seconds=-1))
    assert [each.number for each in generations()] == [3]
    with pytest.raises(UnknownSigner):
        notes.verify(_checkpoint(), [signer_of(2).vkey])
    assert signer_rotate(actor=OPERATOR).generation == 4
    assert vkeys() == [signer_of(4).vkey, signer_of(3).vkey]


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(hours=23), timedelta(days=367), timedelta(days=-1)])
def test_an_overlap_that_helps_nobody_is_refused(overlap: timedelta) -> None:
    with pytest.raises(RotationError, match="from 1 to 366 days"):
        signer_rotate(actor=OPERATOR, overlap=overlap)

    assert len(vkeys()) == 1


def test_a_row_that_is_not_of_this_root_signs_nothing() -> None:
    known = vkeys()
    SignerGeneration.objects.create(
        generation=2,
        vkey=Signer.generate("audit.eu-de-1.bailiwick").vkey,
        began_at=now(),
        overlap_until=now() - timedelta(days=1),
    )
    signing.forget()

    assert vkeys() == known


def test_a_state_that_was_signed_before_is_vouched_for_by_the_keys_of_now() -> None:
    text = Checkpoint("audit.eu-de-1.bailiwick/ws_x", 7, bytes(32)).text
    witness = Signer.generate("witness.example")
    old = sign(text, [signers()[0], witness])
    _began(2, overlap=timedelta(seconds=-1))

    shown = signed_now(old)

    assert shown.startswith(old)
    for vkey in (signer_of(1).vkey, signer_of(2).vkey, witness.vkey):
        assert notes.verify(shown, [vkey]) == text
    assert signed_now(shown) == shown
    with pytest.raises(UnknownSigner):
        signed_now(sign(text, witness))
    with pytest.raises(notes.BadSignature):
        signed_now(old.replace("\n7\n", "\n8\n"))
