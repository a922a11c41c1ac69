"""Where entries may go: into the cell's own legal area, and nowhere else."""

from __future__ import annotations

from audit.destinations.errors import Forbidden
from audit.destinations.settings import AnySettings
from cell.regions import Directory


def check_place(settings: AnySettings, directory: Directory, region: str) -> None:
    """Whether the cell of `region` may send there. Raises Forbidden.

    Where a host really stands nobody can see from here: its owner declares it, and only AWS's names say it themselves. A place that
    contradicts those or the directory, or is not of the cell's legal area, is refused.
    """
    own = directory.region(region)
    if own is None or settings.legal_area != own.legal_area:
        area = "unknown" if own is None else own.legal_area
        raise Forbidden(f"the destination is outside the cell's legal area ({area}): entries do not leave it")
    if settings.known_area not in (None, own.legal_area):
        raise Forbidden(
            "the destination's region is under another law than the cell's, or under one that is not known here"
        )
    if settings.region is not None:
        named = directory.region(settings.region)
        if named is None or named.legal_area != settings.legal_area:
            raise Forbidden("the directory of regions knows no such region in that legal area")
