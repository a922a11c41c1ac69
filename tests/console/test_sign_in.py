from __future__ import annotations

import time

import pyotp
import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from audit.entry import CELL_TREE
from audit.models import AuditEntry
from cell.config import config
from cell.ids import uuid7
from cell.tenancy import organization_scope
from tests.console.conftest import Browser
from tests.factories import PASSWORD, Organization, Person, make_member, make_organization
from workspaces import attempts, sessions
from workspaces.services import member_update

REFUSED = "That is not right."


def _entries(organization: Organization) -> list[str]:
    with organization_scope(organization.id):
        rows = AuditEntry.objects.filter(workspace_id__isnull=True).order_by("id")
        return [bytes(body).decode() for body in rows.values_list("body", flat=True)]


def _member_id(person: Person) -> str:
    return f"mem_{config().cell}_{person.id.hex}"


def test_password_and_code_open_the_console(browser: Browser, organization: Organization, owner: Person) -> None:
    before = browser.get("/workspaces")
    answer = browser.sign_in(owner)
    inside = browser.get("/workspaces")

    assert (before.status_code, before["Location"]) == (302, "/sign-in?next=%2Fworkspaces")
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces")
    assert inside.status_code == 200
    assert organization.bootstrap.organization.name in browser.text
    assert any('"member.signed-in"' in entry for entry in _entries(organization))


def test_the_password_alone_opens_nothing(browser: Browser, owner: Person) -> None:
    browser.get("/sign-in")
    browser.send("/sign-in", email=owner.email, password=owner.password)

    assert browser.get("/workspaces").status_code == 302


@pytest.mark.parametrize("wrong", ["password", "email", "organization"])
def test_every_refusal_of_the_first_step_reads_the_same(
    browser: Browser, organization: Organization, owner: Person, wrong: str
) -> None:
    fields = {"email": owner.email, "password": owner.password, "handle": organization.bootstrap.organization.handle}
    fields |= {
        "password": {"password": "something else"},
        "email": {"email": "nobody@example.org"},
        "organization": {"handle": "elsewhere"},
    }[wrong]

    browser.get("/sign-in")
    answer = browser.send("/sign-in", **fields)

    assert answer.status_code == 422
    assert REFUSED in browser.text


def test_refusals_are_recorded_without_the_address(browser: Browser, organization: Organization, owner: Person) -> None:
    browser.get("/sign-in")
    browser.send("/sign-in", email=owner.email, password="something else")
    browser.get("/sign-in")
    browser.send("/sign-in", email="nobody-knows-me@example.org", password="something else")
    browser.sign_in(owner, code="000000")

    entries = "\n".join(_entries(organization))

    assert '"cause":"password"' in entries
    assert '"cause":"code"' in entries
    assert owner.email not in entries
    assert owner.id.hex not in entries
    assert not AuditEntry.objects.filter(tree=CELL_TREE, organization_id__isnull=True).exists()


def test_a_code_opens_once(browser: Browser, owner: Person) -> None:
    code = pyotp.TOTP(owner.totp_secret).now()
    first = browser.sign_in(owner, code=code)
    second = Browser().sign_in(owner, code=code)
    later = Browser().sign_in(owner, code=pyotp.TOTP(owner.totp_secret).at(time.time() + 30))

    assert first.status_code == 302
    assert second.status_code == 422
    assert later.status_code == 302


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345"])
def test_what_is_no_code_is_refused(browser: Browser, owner: Person, code: str) -> None:
    browser.get("/sign-in")
    browser.send("/sign-in", email=owner.email, password=owner.password)
    browser.get("/sign-in/code")

    assert browser.send("/sign-in/code", code=code).status_code == 422


def test_a_code_may_be_one_step_late_and_no_more(owner: Person) -> None:
    totp = pyotp.TOTP(owner.totp_secret)

    assert Browser().sign_in(owner, code=totp.at(time.time() - 90)).status_code == 422
    assert Browser().sign_in(owner, code=totp.at(time.time() - 30)).status_code == 302


def test_too_many_passwords_are_refused_unchecked(browser: Browser, owner: Person) -> None:
    browser.get("/sign-in")
    wrong = [
        browser.send("/sign-in", email=owner.email, password="something else").status_code
        for _ in range(attempts.PASSWORD_FROM_ADDRESS.most)
    ]
    right = browser.send("/sign-in", email=owner.email, password=owner.password)

    assert set(wrong) == {422}
    assert right.status_code == 429
    assert "Too many attempts. Try again in 15 minutes." in browser.text


def test_too_many_codes_are_refused_unchecked(owner: Person, db: None) -> None:
    browser = Browser()
    browser.get("/sign-in")
    browser.send("/sign-in", email=owner.email, password=owner.password)
    browser.get("/sign-in/code")
    wrong = [browser.send("/sign-in/code", code="000000").status_code for _ in range(attempts.CODE_OF_ACCOUNT.most)]
    right = browser.send("/sign-in/code", code=pyotp.TOTP(owner.totp_secret).now())

    assert set(wrong) == {422}
    assert right.status_code == 429


def test_without_counters_nobody_signs_in(browser: Browser, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = attempts.redis.Redis(unix_socket_path="/nonexistent/redis.sock")
    monkeypatch.setattr(attempts, "_redis", lambda: gone)

    browser.get("/sign-in")

    assert browser.send("/sign-in", email=owner.email, password=owner.password).status_code == 503


def test_counters_hold_no_address(browser: Browser, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.get("/sign-in")
    browser.send("/sign-in", email=owner.email, password="something else")

    names = b" ".join(attempts._redis().keys("*"))
    assert b"attempts:" in names
    assert owner.email.encode() not in names
    assert b"127.0.0.1" not in names


def test_somebody_of_two_organizations_names_one(browser: Browser, organization: Organization) -> None:
    other = make_organization()
    make_member(organization, email="both@example.org")
    person = make_member(other, email="both@example.org")

    browser.get("/sign-in")
    ambiguous = browser.send("/sign-in", email="both@example.org", password=PASSWORD)
    named = browser.send(
        "/sign-in", email="Both@Example.org", password=PASSWORD, handle=other.bootstrap.organization.handle
    )
    browser.get("/sign-in/code")
    inside = browser.send("/sign-in/code", code=pyotp.TOTP(person.totp_secret).now())

    assert ambiguous.status_code == 422
    assert named.status_code == inside.status_code == 302


def test_the_session_gets_a_new_id_at_each_step(browser: Browser, owner: Person) -> None:
    browser.get("/sign-in")
    ids = []
    browser.send("/sign-in", email=owner.email, password=owner.password)
    ids.append(browser.client.session.session_key)
    browser.get("/sign-in/code")
    browser.send("/sign-in/code", code=pyotp.TOTP(owner.totp_secret).now())
    ids.append(browser.client.session.session_key)

    assert len(set(ids)) == 2
    assert not Session.objects.filter(session_key=ids[0]).exists()


def test_signing_out_ends_the_session_for_every_copy_of_its_cookie(
    signed_in: Browser, organization: Organization
) -> None:
    copy = Client()
    copy.cookies = signed_in.client.cookies.copy()
    signed_in.get("/workspaces")

    left = signed_in.send("/sign-out")

    assert left.status_code == 302
    assert copy.get("/workspaces").status_code == 302
    assert any('"member.signed-out"' in entry for entry in _entries(organization))


def test_signing_out_takes_a_form_of_ours(signed_in: Browser) -> None:
    assert signed_in.client.post("/sign-out").status_code == 403
    assert signed_in.client.get("/sign-out").status_code == 405
    assert signed_in.get("/workspaces").status_code == 200


@pytest.mark.parametrize(("idle", "age"), [(sessions.IDLE_S + 1, 0), (0, sessions.LIFE_S + 1)])
def test_a_session_ends_by_itself(signed_in: Browser, monkeypatch: pytest.MonkeyPatch, idle: int, age: int) -> None:
    session = signed_in.client.session
    session["seen_at"] -= idle
    session["signed_in_at"] -= age
    session.save()

    assert signed_in.get("/workspaces").status_code == 302


def test_a_suspended_member_is_out_at_once(browser: Browser, organization: Organization) -> None:
    person = make_member(organization)
    browser.sign_in(person)
    inside = browser.get("/workspaces").status_code
    member_update(
        actor=organization.owner, organization=organization.id, member=_member_id(person), changes={"is_active": False}
    )

    assert inside == 200
    assert browser.get("/workspaces").status_code == 302
    browser.get("/sign-in")
    assert browser.send("/sign-in", email=person.email, password=person.password).status_code == 422


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil.example"]
)
def test_the_way_back_leads_nowhere_else(browser: Browser, owner: Person, target: str) -> None:
    browser.get(f"/sign-in?next={target}")
    first = browser.send("/sign-in", email=owner.email, password=owner.password, next=target)
    browser.get("/sign-in/code")
    second = browser.send("/sign-in/code", code=pyotp.TOTP(owner.totp_secret).now(), next=target)

    assert first["Location"] == "/sign-in/code"
    assert second["Location"] == "/workspaces"


def test_the_way_back_leads_to_the_page_that_was_asked_for(browser: Browser, owner: Person) -> None:
    browser.get("/sign-in")
    first = browser.send("/sign-in", email=owner.email, password=owner.password, next="/organization/members")
    browser.get(first["Location"])
    second = browser.send("/sign-in/code", code=pyotp.TOTP(owner.totp_secret).now(), next="/organization/members")

    assert second["Location"] == "/organization/members"
    assert browser.get(second["Location"]).status_code == 200


def test_a_new_member_enrols_and_signs_in(signed_in: Browser, organization: Organization) -> None:
    signed_in.get("/organization/members")
    signed_in.send("/organization/members", name="Ada", email="ada@example.org", role="member")
    link = signed_in.text.split('<code id="link">')[1].split("</code>")[0]
    path = "/enrol/" + link.split("/enrol/")[1]
    browser = Browser()
    browser.get(path)
    secret = browser.text.split('<code id="totp">')[1].split("</code>")[0]
    code = pyotp.TOTP(secret).now()

    weak = browser.send(path, password="short", code=code)
    done = browser.send(path, password="a long passphrase", code=code)
    again = browser.get(path)
    later = pyotp.TOTP(secret).at(time.time() + 30)
    person = Person(uuid7(), "ada@example.org", "a long passphrase", secret, organization.owner)

    assert (weak.status_code, done.status_code, again.status_code) == (422, 302, 404)
    assert browser.sign_in(person, code=later).status_code == 302
