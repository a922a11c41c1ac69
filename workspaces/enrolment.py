"""How a new member sets a password and an authenticator, once, with the secret of their invitation.

The invitation's secret is Django's reset token: it is bound to the member's (still unusable) password, so it is spent as soon
as a password is set, and ends after three days.
"""

from __future__ import annotations

import hmac
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError

from audit import log
from audit.actions import Action
from cell.access import Actor, ActorKind
from cell.ids import Tag
from cell.keys import cell_keys
from cell.problems import Problem, not_found
from cell.tenancy import organization_scope
from workspaces.access import number_of
from workspaces.contracts import Enrolment, Invitation, MemberInfo
from workspaces.models import Member
from workspaces.regions import own_region
from workspaces.selectors import member_info
from workspaces.sign_on import TOTP_SECRET_BYTES, MemberBackend, accepted_step, seal_totp, totp_text, totp_uri


def enrolment_url(invitation: Invitation) -> str:
    """The page where the invited person enrols. It holds the invitation's secret: show it once, keep it nowhere."""
    return f"{own_region().console_url.rstrip('/')}/enrol/{invitation.member.id}/{invitation.secret}"


def enrolment_begin(*, member: str, secret: str) -> Enrolment:
    """What to show the person: their authenticator's secret. Raises Problem 404 if the invitation does not stand."""
    row = _invited(member, secret)
    totp_secret = _totp_secret(row, secret)
    return Enrolment(totp_text(totp_secret), totp_uri(totp_secret, row.email))


def enrolment_complete(*, member: str, secret: str, password: str, code: str) -> MemberInfo:
    """Sets the password and the authenticator, which has shown with `code` that it works. Spends the invitation.

    Raises Problem: 404 if the invitation does not stand, 400 for a weak password or a wrong code.
    """
    found = _invited(member, secret)
    with organization_scope(found.organization_id):
        row = Member.objects.select_for_update().get(id=found.id)
        if not default_token_generator.check_token(row, secret):
            raise not_found()
        try:
            validate_password(password, row)
        except ValidationError as error:
            raise Problem(400, "invalid", " ".join(error.messages)) from error
        totp_secret = _totp_secret(row, secret)
        step = accepted_step(totp_secret, code, after=0)
        if step is None:
            raise Problem(400, "invalid", "The code does not fit. Check the clock of your device and try the next one.")
        row.set_password(password)
        row.totp_secret = seal_totp(row.id, totp_secret)
        row.totp_counter = step
        row.save(update_fields=["password", "totp_secret", "totp_counter"])
        log.record(
            actor=Actor(ActorKind.MEMBER, row.id, row.organization_id, auth="invitation"),
            action=Action.TOTP_ENROLLED,
            organization=row.organization_id,
            targets=[(Tag.MEMBER, row.id)],
        )
        return member_info(row)


def _invited(member: str, secret: str) -> Member:
    number: UUID = number_of(member, Tag.MEMBER)
    row = MemberBackend().get_user(number)
    if row is None or row.totp_secret is not None or not default_token_generator.check_token(row, secret):
        raise not_found()
    return row


def _totp_secret(row: Member, secret: str) -> bytes:
    """Follows from the invitation, so that it is kept nowhere until it is sealed, and is the same when a page is loaded again."""
    key = cell_keys().derive("workspaces.enrolment")
    return hmac.digest(key, row.id.bytes + secret.encode(), "sha256")[:TOTP_SECRET_BYTES]
