"""Under which law a country is: who receives data there receives it within a cell's legal area, or it is a transfer."""

from __future__ import annotations

_EEA = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905  # as people read it
)
"""The Union's members, and those of the EEA, where the GDPR holds, too (EEA Joint Committee decision 154/2018)."""


def legal_area(country: str) -> str | None:
    """`eu`, `uk` or `us` for an ISO 3166-1 alpha-2 code; None for a country of none of them."""
    if country in _EEA:
        return "eu"
    return {"GB": "uk", "US": "us"}.get(country)
