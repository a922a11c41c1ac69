"""What the redactor looks for: one module a kind of data, each a table of patterns."""

from __future__ import annotations

from typing import Final

from . import (
    bic,
    birth,
    card,
    crypto,
    health,
    iban,
    ip,
    ip_forms,
    keyed,
    licence,
    location,
    location_degrees,
    location_grid,
    mac,
    mail,
    mrz,
    national,
    passport,
    phone,
    plate,
    secret,
    url_credentials,
    vat,
    vin,
)
from .pattern import Pattern, Verified, Verify

BUILT_IN: Final[tuple[Pattern, ...]] = (
    *mail.PATTERNS,
    *phone.PATTERNS,
    *iban.PATTERNS,
    *card.PATTERNS,
    *ip.PATTERNS,
    *secret.PATTERNS,
    *vat.PATTERNS,
    *birth.PATTERNS,
    *passport.PATTERNS,
    *mrz.PATTERNS,
    *licence.PATTERNS,
    *health.PATTERNS,
    *vin.PATTERNS,
    *plate.PATTERNS,
    *bic.PATTERNS,
    *mac.PATTERNS,
    *url_credentials.PATTERNS,
    *keyed.PATTERNS,
    *crypto.PATTERNS,
    *location.PATTERNS,
    *location_degrees.PATTERNS,
    *location_grid.PATTERNS,
    *ip_forms.PATTERNS,
    *national.PATTERNS,
)

__all__ = ["BUILT_IN", "Pattern", "Verified", "Verify"]
