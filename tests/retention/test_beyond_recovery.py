"""The second certificate: when the last backup that may hold a key has aged out."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.config import config
from cell.ids import uuid7
from cell.problems import Problem
from retention import ageing
from retention.erasures import erasure_get
from tests.factories import make_organization
from tests.retention.erasing import ask, download, rewrite_keys, run, states
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")
ANNA = "anna@example.org"


@pytest.mark.parametrize("scope", ["request", "subject", "workspace"])
def test_the_second_certificate_comes_when_the_last_backup_has_aged_out(owner, scope) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, subject=ANNA)
    info = ask(
        organization,
        **{"request": {"request": request}, "subject": {"subject": ANNA}, "workspace": {"whole": True}}[scope],
    )
    run(workspace, info)
    ageing.age_erasures()
    assert not erasure_get(workspace, info.id).beyond_recovery

    owner("update retention_erasure set erased_at = erased_at - interval '8 days' where id = %s", info.id)
    rewrite_keys()
    ageing.age_erasures()

    done = erasure_get(workspace, info.id)
    assert (done.state, done.beyond_recovery, done.certified) == ("beyond-recovery", True, True)
    second = download(organization, info, final=True)
    verify_certificate(second, vkeys())
    statement = msgspec.json.decode(second)["statement"]
    assert statement["type"] == "bailiwick/erasure/beyond-recovery"
    assert statement["erased"] < statement["key_store_rewritten"] < statement["beyond_recovery"]
    assert states(workspace, info)[-1] == "beyond-recovery"
    ageing.age_erasures()
    assert download(organization, info, final=True) == second


def test_a_copy_of_the_key_store_from_before_it_keeps_an_erasure_from_being_beyond_recovery(owner) -> None:
    organization = make_organization()
    workspace = organization.workspace
    info = ask(organization, serve(workspace))
    run(workspace, info)
    backup = uuid7()
    owner(
        "insert into retention_backup (id, begun_at, region, place, ledger_lines, ledger_head)"
        " values (%s, now() - interval '9 days', 'eu-de-1', 'elsewhere', 0, '')",
        backup,
    )
    owner("update retention_erasure set erased_at = erased_at - interval '8 days' where id = %s", info.id)
    rewrite_keys()
    try:
        ageing.age_erasures()
        assert erasure_get(workspace, info.id).state == "primary-erased"
    finally:
        owner("update retention_backup set keys_removed_at = now() where id = %s", backup)

    ageing.age_erasures()

    assert erasure_get(workspace, info.id).beyond_recovery
    statement = msgspec.json.decode(download(organization, info, final=True))["statement"]
    assert statement["catalogue"]["backups"] >= 1
    assert "no copy of the key store from before the erasure is left" in statement["backups"]


def test_nothing_is_beyond_recovery_before_the_key_store_was_written_anew(owner) -> None:
    organization = make_organization()
    workspace = organization.workspace
    rewrite_keys()
    info = ask(organization, serve(workspace))
    run(workspace, info)
    # The horizon is over, and the last rewrite was before the erasure.
    owner("update retention_erasure set erased_at = erased_at - interval '8 days' where id = %s", info.id)
    with psycopg.connect(config().keystore_database.conninfo, autocommit=True) as keys:
        keys.execute("update keystore_rewrite set began_at = began_at - interval '9 days'")
        ageing.age_erasures()
        assert erasure_get(workspace, info.id).state == "primary-erased"
        # One that came from elsewhere, with a backup, says nothing of this server's files.
        keys.execute(
            "insert into keystore_rewrite (id, began_at, ended_at, server, lsn) values (%s, now(), now(), '4711', '0/0')",
            [uuid7()],
        )
        ageing.age_erasures()
        assert erasure_get(workspace, info.id).state == "primary-erased"

    rewrite_keys()
    ageing.age_erasures()

    assert erasure_get(workspace, info.id).beyond_recovery


def test_nothing_is_beyond_recovery_that_came_back(owner) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    info = ask(organization, request)
    run(workspace, info)
    owner("update retention_erasure set erased_at = erased_at - interval '8 days' where id = %s", info.id)
    rewrite_keys()
    owner("delete from retention_tombstone where request_id = %s", request)
    owner(
        "insert into retention_payload (id, workspace_id, organization_id, stored_at, prompt, answer)"
        " values (%s, %s, %s, now(), 'x', 'x')",
        request,
        workspace.id,
        workspace.organization,
    )

    ageing.age_erasures()

    assert erasure_get(workspace, info.id).state == "primary-erased"
    with pytest.raises(Problem) as refused:
        download(organization, info, final=True)
    assert refused.value.status_code == 409
