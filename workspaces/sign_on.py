"""Signing in: password, then a time-based code (RFC 6238), each step limited, counted and on the record.

An e-mail address is unique within an organization only. Whoever has the same address and password in two of them names the
organization by its handle; every refusal reads the same, so the form tells nobody who is a member of what.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django_otp.oath import TOTP

from audit import log
from audit.actions import Action
from cell.access import Actor, ActorKind, system_actor
from cell.config import config
from cell.ids import Tag
from cell.keys import cell_keys
from cell.tenancy import organization_scope
from workspaces import attempts
from workspaces.models import Member
from workspaces.sessions import Pending

TOTP_SECRET_BYTES = 20
_STEPS_OF_DRIFT = 1
_ISSUER = "Bailiwick"


class SignInRefused(Exception):
    """The password or the code was not right, for a reason that is on the record and is not said."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the SQL function `resolve_member`."""

    member: UUID
    organization: UUID
    handle: str


class MemberBackend(BaseBackend):
    """Django's view of a member: found by the id in a session. Signing in goes through this module's functions alone."""

    def get_user(self, user_id: UUID) -> Member | None:
        with connection.cursor() as cursor:
            cursor.execute("select organization_of_member(%s)", [user_id])
            row = cursor.fetchone()
        if row is None or row[0] is None:
            return None
        with organization_scope(row[0]):
            return Member.objects.filter(id=user_id, is_active=True).first()


def password_check(*, email: str, password: str, handle: str, address: str) -> Pending:
    """The first step. `handle` may be empty; `address` is the caller's network address.

    Raises SignInRefused, or attempts.TooManyAttempts before anything was checked.
    """
    email = email.strip().lower()
    limits = [
        (attempts.PASSWORD_FROM_ADDRESS, f"{email}|{address}"),
        (attempts.PASSWORD_OF_ACCOUNT, email),
        (attempts.ANY_FROM_ADDRESS, address),
    ]
    attempts.count(limits)
    candidates = [one for one in _candidates(email) if handle in ("", one.handle)]
    right = [one for one in candidates if _password_fits(one, password)]
    if not candidates:
        make_password(password)  # as slow as a check: time does not tell whether the address is known
        _record_refusal(None, "unknown-account", address)
    for one in candidates:
        if one not in right:
            _record_refusal(one, "password", address)
    if len(right) != 1:
        raise SignInRefused("several organizations fit" if right else "nothing fits")
    attempts.forget(limits[:1])
    return Pending(right[0].member, right[0].organization)


def code_check(*, pending: Pending, code: str, address: str) -> Member:
    """The second step: the member, if `code` is right and was never used. Raises SignInRefused or TooManyAttempts."""
    limits = [(attempts.CODE_OF_ACCOUNT, str(pending.member)), (attempts.ANY_FROM_ADDRESS, address)]
    attempts.count(limits)
    with organization_scope(pending.organization):
        member = Member.objects.select_for_update().filter(id=pending.member, is_active=True).first()
        refused = None if member is not None and _accept_code(member, code) else "code"
        if refused is None and member is not None:
            _record(member.id, member.organization_id, Action.SIGNED_IN, address, method="password+totp")
    if refused is not None or member is None:
        _record_refusal(Candidate(pending.member, pending.organization, ""), "code", address)
        raise SignInRefused("the code does not fit or was used before")
    attempts.forget(limits[:1])
    return member


def sign_out_record(actor: Actor) -> None:
    """Leaves the entry of a sign-out."""
    if actor.organization is None or actor.id is None:
        return
    with organization_scope(actor.organization):
        log.record(
            actor=actor,
            action=Action.SIGNED_OUT,
            organization=actor.organization,
            targets=[(Tag.MEMBER, actor.id)],
        )


def new_totp_secret() -> bytes:
    return secrets.token_bytes(TOTP_SECRET_BYTES)


def seal_totp(member: UUID, secret: bytes) -> bytes:
    """The secret as it is stored: opened only with the cell's seed, and only for this member."""
    return cell_keys().seal_secret(secret, b"totp|" + member.bytes)


def totp_text(secret: bytes) -> str:
    """Base32 without padding, as authenticator apps take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def totp_uri(secret: bytes, account: str) -> str:
    """The otpauth URI (Key URI format) that an authenticator app opens or scans."""
    label = quote(f"{_ISSUER} {config().region}:{account}")
    return (
        f"otpauth://totp/{label}?{urlencode({'secret': totp_text(secret), 'issuer': f'{_ISSUER} {config().region}'})}"
    )


def accepted_step(secret: bytes, code: str, after: int) -> int | None:
    """The time step of `code` if it is right, at most one step off, and later than the step `after`."""
    if not (len(code) == 6 and code.isascii() and code.isdecimal()):
        return None
    totp = TOTP(secret)
    return totp.t() if totp.verify(int(code), tolerance=_STEPS_OF_DRIFT, min_t=after + 1) else None


def _accept_code(member: Member, code: str) -> bool:
    """Uses the code up. The member's row is locked, so of two that come at once one is refused."""
    if member.totp_secret is None:
        return False
    secret = cell_keys().open_secret(bytes(member.totp_secret), b"totp|" + member.id.bytes)
    step = accepted_step(secret, code, member.totp_counter)
    if step is None:
        return False
    member.totp_counter = step
    member.save(update_fields=["totp_counter"])
    return True


def _candidates(email: str) -> list[Candidate]:
    with connection.cursor() as cursor:
        cursor.execute("select member, organization_id, handle from resolve_member(%s)", [email])
        return [Candidate(*row) for row in cursor.fetchall()]


def _password_fits(candidate: Candidate, password: str) -> bool:
    with organization_scope(candidate.organization):
        stored = Member.objects.values_list("password", flat=True).get(id=candidate.member)
    return check_password(password, stored)


def _record_refusal(candidate: Candidate | None, cause: str, address: str) -> None:
    """An entry without the address of mail that was tried: it may be anyone's. An unknown account has no organization that
    could be shown where the attempt came from."""
    if candidate is None:
        with transaction.atomic():
            log.record(actor=system_actor("sign-in"), action=Action.SIGN_IN_REFUSED, after={"cause": cause})
        return
    with organization_scope(candidate.organization):
        _record(candidate.member, candidate.organization, Action.SIGN_IN_REFUSED, address, cause=cause)


def _record(member: UUID, organization: UUID, action: Action, address: str, **after: str) -> None:
    log.record(
        actor=Actor(kind=ActorKind.MEMBER, id=member, organization=organization, auth="password+totp"),
        action=action,
        organization=organization,
        targets=[(Tag.MEMBER, member)],
        after=after or None,
        detail={"address": address},
    )
