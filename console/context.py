"""What every page shows: which cell this is."""

from __future__ import annotations

from django.http import HttpRequest

from cell.config import config


def cell(request: HttpRequest) -> dict[str, object]:
    return {"region": config().region, "cell": config().cell}
