"""Management API of the audit log: entries, the newest checkpoint, proofs and exports."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from audit import exports, proofs
from audit.checkpoint import encode
from audit.entry import Kind
from audit.exports import ExportInfo
from audit.merkle import ProofError
from audit.selectors import entry_list
from audit.signing import vkeys
from cell.access import Scope
from cell.api import CellView, Page, Problem, not_found
from cell.config import config
from cell.ids import ForeignId, MalformedId, Tag, tagged, untag

_KINDS = {"change": (Kind.CHANGE,), "inference": (Kind.INTENT, Kind.OUTCOME)}


class LoggedEntrySerializer(serializers.Serializer[Any]):
    seq = serializers.IntegerField(
        allow_null=True, help_text="Place in the log; null for about a second, until sealed."
    )
    entry = serializers.DictField(help_text="The entry itself, as docs/formats/entry.md describes it.")


class CheckpointSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    root = serializers.CharField(help_text="Base64.")  # type: ignore[assignment]  # a field; DRF takes it off the class
    note = serializers.CharField(help_text="The signed note: keep it, it is what makes a rewritten log visible.")
    vkeys = serializers.ListField(child=serializers.CharField(), help_text="The cell's verifier keys.")
    since = serializers.IntegerField(required=False)
    consistency = serializers.ListField(child=serializers.CharField(), required=False, help_text="Base64 hashes.")


class ProofSerializer(serializers.Serializer[Any]):
    entry = serializers.CharField(help_text="The entry's canonical JSON; its bytes are what is hashed.")
    index = serializers.IntegerField()
    size = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField(), help_text="Base64 hashes, lowest first.")
    checkpoint = serializers.CharField(help_text="Signed note.")
    tlog_proof = serializers.CharField(help_text="The same as a file in the form C2SP tlog-proof v1.")


class ExportSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField(["requested", "ready", "failed"])
    requested_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    first = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True, help_text="One past the last entry.")
    manifest_sha256 = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)


class EntriesView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(
        parameters=[OpenApiParameter("kind", str, enum=list(_KINDS), description="Only changes, or only inference.")],
        responses=LoggedEntrySerializer(many=True),
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        kind = request.query_params.get("kind")
        if kind is not None and kind not in _KINDS:
            raise Problem(400, "invalid", f"kind is one of: {', '.join(_KINDS)}.")
        page = Page()
        found = entry_list(
            self.workspace,
            lambda rows: page.paginate_queryset(rows, request, view=self) or [],
            kinds=tuple(Kind) if kind is None else _KINDS[kind],
        )
        return page.get_paginated_response([{"seq": entry.seq, "entry": entry.document} for entry in found])


class CheckpointView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "since", int, description="Size of a checkpoint that you hold: adds the proof that the log only grew."
            )
        ],
        responses=CheckpointSerializer,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        since = request.query_params.get("since")
        try:
            if since is None:
                checkpoint, more = proofs.checkpoint(self.workspace), {}
            else:
                if not (since.isascii() and since.isdecimal()) or len(since) > 18:
                    raise ProofError("since is the size of a checkpoint")
                proof = proofs.consistency(self.workspace, int(since))
                checkpoint, more = proof.checkpoint, {"since": proof.first, "consistency": _texts(proof.path)}
        except proofs.NoCheckpoint:
            raise Problem(
                404, "not-sealed", "Nothing of this workspace is sealed yet. Ask again in a second."
            ) from None
        except ProofError as error:
            detail = f"{error}. Give the size of a checkpoint that you hold, from 1 up to the newest."
            raise Problem(400, "no-consistency", detail[:1].upper() + detail[1:]) from None
        return Response(
            {
                "size": checkpoint.size,
                "root": encode(checkpoint.root),
                "note": checkpoint.note,
                "vkeys": vkeys(),
                **more,
            }
        )


class ProofView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=ProofSerializer)
    def get(self, request: Request, workspace_id: str, entry_id: str) -> Response:
        try:
            proof = proofs.inclusion(self.workspace, _number(entry_id, Tag.ENTRY))
        except proofs.NoEntry:
            raise not_found() from None
        except proofs.NotSealed:
            raise Problem(409, "not-sealed", "This entry is not sealed yet. Ask again in a second.") from None
        return Response(
            {
                "entry": proof.body.decode(),
                "index": proof.index,
                "size": proof.checkpoint.size,
                "path": _texts(proof.path),
                "checkpoint": proof.checkpoint.note,
                "tlog_proof": proof.tlog_proof,
            }
        )


class ExportsView(CellView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}

    @extend_schema(responses=ExportSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = exports.export_list(self.workspace, lambda rows: page.paginate_queryset(rows, request, view=self) or [])
        return page.get_paginated_response([_export(info) for info in found])

    @extend_schema(request=None, responses={202: ExportSerializer})
    def post(self, request: Request, workspace_id: str) -> Response:
        body = _export(exports.export_create(actor=self.actor, workspace=self.workspace))
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": f"{request.path}/{body['id']}"})


class ExportView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, workspace_id: str, export_id: str) -> Response:
        return Response(_export(exports.export_get(self.workspace, _number(export_id, Tag.EXPORT))))


class ExportDownloadView(CellView):
    needs = {"GET": Scope.AUDIT_EXPORT}

    @extend_schema(responses={(200, "application/x-tar"): OpenApiResponse(description="The export's files.")})
    def get(self, request: Request, workspace_id: str, export_id: str) -> FileResponse:
        number = _number(export_id, Tag.EXPORT)
        content = exports.export_download(actor=self.actor, workspace=self.workspace, export=number)
        response = FileResponse(
            content, content_type="application/x-tar", as_attachment=True, filename=f"{_public(number)}.tar"
        )
        # What comes from a bucket has no end that could be looked up.
        response.headers["Content-Length"] = str(exports.export_get(self.workspace, number).size_bytes)
        return response


def _export(info: ExportInfo) -> dict[str, Any]:
    return dict(
        ExportSerializer(
            {
                "id": _public(info.id),
                "state": info.state,
                "requested_at": info.requested_at,
                "completed_at": info.completed_at,
                "first": info.first,
                "end": info.end,
                "manifest_sha256": info.manifest_sha256,
                "size_bytes": info.size_bytes,
            }
        ).data
    )


def _public(export: UUID) -> str:
    return tagged(Tag.EXPORT, config().cell, export)


def _number(public_id: str, tag: Tag) -> UUID:
    """The workspace in the path is of this cell, so an id of another one is simply not in it."""
    try:
        return untag(public_id, tag, config().cell)
    except (MalformedId, ForeignId):
        raise not_found() from None


def _texts(hashes: tuple[bytes, ...]) -> list[str]:
    return [encode(item) for item in hashes]


_BASE = "workspaces/<str:workspace_id>/audit"

urlpatterns = [
    path(f"{_BASE}/entries", EntriesView.as_view(), name="audit-entries"),
    path(f"{_BASE}/checkpoint", CheckpointView.as_view(), name="audit-checkpoint"),
    path(f"{_BASE}/proofs/<str:entry_id>", ProofView.as_view(), name="audit-proof"),
    path(f"{_BASE}/exports", ExportsView.as_view(), name="audit-exports"),
    path(f"{_BASE}/exports/<str:export_id>", ExportView.as_view(), name="audit-export"),
    path(f"{_BASE}/exports/<str:export_id>/download", ExportDownloadView.as_view(), name="audit-export-download"),
]
