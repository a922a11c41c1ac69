"""The data processing agreement (GDPR 28(3)): what the operator offers, and what was accepted for the organization."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cell.config import config
from cell.tenancy import organization_scope
from workspaces.models import AgreementAcceptance


@dataclass(frozen=True, slots=True)
class AgreementOffer:
    version: str
    reference: str
    sha256: str | None
    """Of the document, if the operator states it."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Which text was accepted, when, and by whom."""

    offer: AgreementOffer
    accepted_at: datetime
    accepted_by: str
    """The pseudonym of a member as entries of the organization have it, or a key's public id."""


@dataclass(frozen=True, slots=True)
class AgreementInfo:
    offered: AgreementOffer | None
    """None if the operator's configuration names none."""
    acceptances: tuple[Acceptance, ...]
    """Newest first."""

    @property
    def accepted(self) -> Acceptance | None:
        return self.acceptances[0] if self.acceptances else None

    @property
    def is_open(self) -> bool:
        """Whether what is offered was never accepted."""
        return self.offered is not None and all(one.offer.version != self.offered.version for one in self.acceptances)


def agreement_get(organization: UUID) -> AgreementInfo:
    with organization_scope(organization):
        rows = list(AgreementAcceptance.objects.filter(organization_id=organization).order_by("-id"))
    return AgreementInfo(agreement_offer(), tuple(acceptance(row) for row in rows))


def agreement_offer() -> AgreementOffer | None:
    stated = config().agreement
    if stated.version is None or stated.reference is None:
        return None
    return AgreementOffer(stated.version, stated.reference, stated.sha256)


def acceptance(row: AgreementAcceptance) -> Acceptance:
    return Acceptance(AgreementOffer(row.version, row.reference, row.sha256), row.accepted_at, row.accepted_by)
