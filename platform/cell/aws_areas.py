"""Under which law a region of AWS is: what is kept or wrapped there must be in the cell's own legal area."""

from __future__ import annotations

_EU = {
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-3",
    "eusc-de-east-1",
}
_UK = {"eu-west-2"}


def legal_area(region: str) -> str | None:
    """`eu`, `uk` or `us`; None for a region that is in none of them or not known here, such as Zurich (`eu-central-2`)."""
    if region in _EU:
        return "eu"
    if region in _UK:
        return "uk"
    return "us" if region.startswith(("us-east-", "us-west-", "us-gov-")) else None
