from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pyotp
import pytest
from django.db import connections

from cell.config import config
from cell.ids import Tag, tagged
from cell.problems import Problem
from tests.factories import make_key, make_member, make_organization
from tests.retention.conftest import committed  # noqa: F401  # a fixture
from workspaces.permissions import OrganizationRole
from workspaces.selectors import member_list
from workspaces.services import key_revoke, member_remove, serving_update, workspace_update
from workspaces.sessions import Pending
from workspaces.sign_on import SignInRefused, code_check
from workspaces.tokens import parse

pytestmark = pytest.mark.usefixtures("committed")


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returns or raises when all of them run at the same time."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(10)
        try:
            return call()
        except (Problem, SignInRefused) as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_owners_who_remove_each_other_one_stays() -> None:
    for _ in range(5):
        organization = make_organization()
        first = organization.bootstrap.owner.id
        second = tagged(Tag.MEMBER, config().cell, make_member(organization, OrganizationRole.OWNER).id)
        place = {"actor": organization.owner, "organization": organization.id}

        outcomes = _at_once(
            lambda place=place, second=second: member_remove(**place, member=second),
            lambda place=place, first=first: member_remove(**place, member=first),
        )

        refused = [outcome for outcome in outcomes if outcome is not None]
        assert [problem.code for problem in refused] == ["last-owner"]
        assert len(member_list(organization.id)) == 1


def test_of_many_who_use_one_code_one_signs_in() -> None:
    organization = make_organization()
    person = make_member(organization)
    pending = Pending(person.id, organization.id)
    code = pyotp.TOTP(person.totp_secret).now()

    outcomes = _at_once(*[lambda: code_check(pending=pending, code=code, address="192.0.2.1")] * 4)

    assert sum(isinstance(outcome, SignInRefused) for outcome in outcomes) == 3


def test_a_change_is_announced_when_it_is_committed() -> None:
    organization = make_organization()
    issued = make_key(organization)
    with psycopg.connect(config().database.conninfo, autocommit=True) as listener:
        listener.execute("listen key_changed")
        listener.execute("listen workspace_changed")

        key_revoke(actor=organization.owner, organization=organization.id, workspace=None, key=issued.key.id)
        workspace_update(actor=organization.owner, workspace=organization.workspace, changes={"name": "Announced"})
        serving_update(actor=organization.owner, workspace=organization.workspace, changes={"concurrency": 7})

        heard = [(note.channel, note.payload) for note in listener.notifies(timeout=5, stop_after=3)]

    assert heard == [
        ("key_changed", parse(issued.token).key_id),
        ("workspace_changed", str(organization.workspace.id)),
        ("workspace_changed", str(organization.workspace.id)),
    ]
