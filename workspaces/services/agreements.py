"""Accepting the data processing agreement for an organization."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope
from cell.ids import Tag
from cell.problems import Problem
from cell.tenancy import organization_scope
from workspaces.access import require_owner
from workspaces.agreements import AgreementInfo, agreement_get, agreement_offer
from workspaces.models import AgreementAcceptance
from workspaces.selectors import name_of


def agreement_accept(*, actor: Actor, organization: UUID, version: str) -> AgreementInfo:
    """Accepts the agreement that is offered now; `version` says that it is the one that was read.

    Raises Problem: 404 if none is offered, 412 if it is another version, 403 for whoever is no owner, 409 if it was accepted.
    """
    offer = agreement_offer()
    if offer is None:
        raise Problem(404, "nothing-offered", "The operator of this cell offers no agreement here. Ask them for it.")
    if version != offer.version:
        raise Problem(412, "changed-meanwhile", "The operator offers another version. Read it and repeat.")
    require_owner(actor, "accept the agreement")
    with organization_scope(organization):
        row = AgreementAcceptance(
            organization_id=organization,
            version=offer.version,
            reference=offer.reference,
            sha256=offer.sha256,
            accepted_by=name_of(actor, organization),
            accepted_at=timezone.now(),
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise Problem(409, "accepted", "This version was accepted before.") from None
        log.record(
            actor=actor,
            action=Action.AGREEMENT_ACCEPTED,
            organization=organization,
            scope=Scope.WORKSPACES_WRITE,
            targets=[(Tag.ORGANIZATION, organization)],
            after={"version": offer.version, "document_sha256": offer.sha256},
        )
    return agreement_get(organization)
