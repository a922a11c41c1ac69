"""A workspace's log in the paths of C2SP tlog-tiles, below ``…/audit/log``: read-only, for tools that know no API of ours."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from audit import proofs, tiles
from cell.access import Scope
from cell.api import CellView, not_found

_KEPT = "private, max-age=31536000, immutable"
"""A full tile is what it is for good; partial ones and the checkpoint are asked for again."""


class TiledCheckpointView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(
        responses={(200, "text/plain"): OpenApiResponse(description="The newest checkpoint, a signed note.")}
    )
    def get(self, request: Request, workspace_id: str) -> HttpResponse:
        try:
            note = proofs.checkpoint(self.workspace).note
        except proofs.NoCheckpoint:
            raise not_found() from None
        return HttpResponse(note, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


class TileView(CellView):
    """`level` is 0 to 5, or `entries`; `place` as in ``x001/x234/067`` or ``x001/x234/067.p/8``."""

    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiResponse(description="Hashes, or an entry bundle.")}
    )
    def get(self, request: Request, workspace_id: str, level: str, place: str) -> HttpResponse:
        try:
            where = tiles.Place.parse(place)
            if level == "entries":
                content = tiles.entry_bundle(self.workspace, where)
            elif level in "012345" and len(level) == 1:
                content = tiles.hash_tile(self.workspace, int(level), where)
            else:
                raise tiles.NoTile
        except tiles.NoTile:
            raise not_found() from None
        kept = _KEPT if where.is_full else "no-store"
        return HttpResponse(content, content_type="application/octet-stream", headers={"Cache-Control": kept})


_BASE = "workspaces/<str:workspace_id>/audit/log"

urlpatterns = [
    path(f"{_BASE}/checkpoint", TiledCheckpointView.as_view(), name="audit-tiled-checkpoint"),
    path(f"{_BASE}/tile/<str:level>/<path:place>", TileView.as_view(), name="audit-tile"),
]
