"""Management API of the audit log: entries and their detail, checkpoints and proofs.

The log is that of a workspace, or below `organization/audit` that of the cell, as far as the organization may see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import personal, proofs, tiles_api
from audit.checkpoint import encode
from audit.entry import Kind
from audit.merkle import ProofError
from audit.selectors import entry_list
from audit.signing import vkeys
from audit.trees import CellReader, Reader
from cell.access import Scope
from cell.api import CellView, Page, Problem, not_found, number_here
from cell.ids import Tag

_KINDS = {"change": (Kind.CHANGE,), "inference": (Kind.INTENT, Kind.OUTCOME)}


class LoggedEntrySerializer(serializers.Serializer[Any]):
    seq = serializers.IntegerField(
        allow_null=True, help_text="Place in the log; null for about a second, until sealed."
    )
    entry = serializers.DictField(help_text="The entry itself, as docs/formats/entry.md describes it.")


class WitnessedSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    root = serializers.CharField(help_text="Base64.")  # type: ignore[assignment]  # a field; DRF takes it off the class
    note = serializers.CharField(help_text="The signed note with the lines of those who co-signed it.")


class CheckpointSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    root = serializers.CharField(help_text="Base64.")  # type: ignore[assignment]  # a field; DRF takes it off the class
    note = serializers.CharField(help_text="The signed note: keep it, it is what makes a rewritten log visible.")
    vkeys = serializers.ListField(child=serializers.CharField(), help_text="The cell's verifier keys.")
    witnessed = WitnessedSerializer(
        allow_null=True, help_text="The newest checkpoint that a witness co-signed, which may be an older one."
    )
    since = serializers.IntegerField(required=False)
    consistency = serializers.ListField(child=serializers.CharField(), required=False, help_text="Base64 hashes.")


class ProofSerializer(serializers.Serializer[Any]):
    entry = serializers.CharField(help_text="The entry's canonical JSON; its bytes are what is hashed.")
    index = serializers.IntegerField()
    size = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField(), help_text="Base64 hashes, lowest first.")
    checkpoint = serializers.CharField(help_text="Signed note.")
    tlog_proof = serializers.CharField(help_text="The same as a file in the form C2SP tlog-proof v1.")


class DetailSerializer(serializers.Serializer[Any]):
    detail = serializers.DictField(help_text="What is personal about the entry.")
    salt = serializers.CharField(help_text="Base64, 32 bytes.")
    detail_commit = serializers.CharField(
        help_text="As in the entry: HMAC-SHA256 of the detail's canonical JSON under the salt, in hexadecimal digits."
    )


class ListedSerializer(serializers.Serializer[Any]):
    leaf = serializers.CharField(help_text="The checkpoint's text; its bytes are what is hashed.")
    index = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Leaves of the tree of checkpoints.")
    path = serializers.ListField(child=serializers.CharField(), help_text="Base64 hashes, lowest first.")
    checkpoint = serializers.CharField(help_text="Signed note of the tree of checkpoints.")
    tlog_proof = serializers.CharField(help_text="The same as a file in the form C2SP tlog-proof v1.")


class LogView(CellView):
    """Reads the log of the workspace in the path; without one, the cell's."""

    needs = {"GET": Scope.AUDIT_READ}

    @property
    def reader(self) -> Reader:
        if "workspace_id" in self.kwargs:
            return self.workspace
        if self.actor.organization is None:
            raise not_found()
        return CellReader(self.actor.organization)


class EntriesView(LogView):
    @extend_schema(
        parameters=[OpenApiParameter("kind", str, enum=list(_KINDS), description="Only changes, or only inference.")],
        responses=LoggedEntrySerializer(many=True),
    )
    def get(self, request: Request, **_: str) -> Response:
        kind = request.query_params.get("kind")
        if kind is not None and kind not in _KINDS:
            raise Problem(400, "invalid", f"kind is one of: {', '.join(_KINDS)}.")
        page = Page()
        found = entry_list(
            self.reader,
            page.pager(request, self),
            kinds=tuple(Kind) if kind is None else _KINDS[kind],
        )
        return page.get_paginated_response([{"seq": entry.seq, "entry": entry.document} for entry in found])


class DetailView(LogView):
    @extend_schema(responses=DetailSerializer)
    def get(self, request: Request, entry_id: str, **_: str) -> Response:
        entry = number_here(entry_id, Tag.ENTRY)
        opened = personal.detail_read(actor=self.actor, reader=self.reader, entry=entry)
        body = {"detail": opened.document, "salt": encode(opened.salt), "detail_commit": opened.commitment}
        return Response(body, headers={"Cache-Control": "no-store"})


_SINCE = OpenApiParameter(
    "since", int, description="Size of a checkpoint that you hold: adds the proof that the log only grew."
)


class CheckpointView(LogView):
    @extend_schema(parameters=[_SINCE], responses=CheckpointSerializer)
    def get(self, request: Request, **_: str) -> Response:
        return _checkpoint(
            request,
            lambda: proofs.checkpoint(self.reader),
            lambda first: proofs.consistency(self.reader, first),
            lambda: proofs.witnessed(self.reader),
        )


class CellCheckpointView(LogView):
    """The tree of checkpoints, which is one for the whole cell."""

    @extend_schema(parameters=[_SINCE], responses=CheckpointSerializer)
    def get(self, request: Request, **_: str) -> Response:
        return _checkpoint(
            request,
            lambda: proofs.super_checkpoint(self.reader),
            lambda first: proofs.super_consistency(self.reader, first),
            lambda: proofs.super_witnessed(self.reader),
        )


class ProofView(LogView):
    @extend_schema(responses=ProofSerializer)
    def get(self, request: Request, entry_id: str, **_: str) -> Response:
        try:
            proof = proofs.inclusion(self.reader, number_here(entry_id, Tag.ENTRY))
        except proofs.NoEntry:
            raise not_found() from None
        except proofs.NotSealed:
            raise Problem(409, "not-sealed", "This entry is not sealed yet. Ask again in a second.") from None
        return Response({"entry": proof.body.decode(), **_proof(proof)})


class CellProofView(LogView):
    @extend_schema(
        parameters=[
            OpenApiParameter("size", int, description="Of the checkpoint; the newest that is listed if absent.")
        ],
        responses=ListedSerializer,
    )
    def get(self, request: Request, **_: str) -> Response:
        size = request.query_params.get("size")
        if size is not None and not _is_size(size):
            raise Problem(400, "invalid", "size is the size of a checkpoint.")
        try:
            proof = proofs.super_inclusion(self.reader, size=None if size is None else int(size))
        except proofs.NotSealed:
            raise Problem(
                404,
                "not-listed",
                "This checkpoint is not in the tree of checkpoints. The newest of every log is added once an hour, and"
                " that of an export when it is made.",
            ) from None
        return Response({"leaf": proof.body.decode(), **_proof(proof)})


def _checkpoint(
    request: Request,
    newest: Callable[[], proofs.SignedTree],
    since: Callable[[int], proofs.Consistency],
    witnessed: Callable[[], proofs.SignedTree | None],
) -> Response:
    first = request.query_params.get("since")
    try:
        if first is None:
            checkpoint, more = newest(), {}
        else:
            if not _is_size(first):
                raise ProofError("since is the size of a checkpoint")
            proof = since(int(first))
            checkpoint, more = proof.checkpoint, {"since": proof.first, "consistency": _texts(proof.path)}
    except proofs.NoCheckpoint:
        raise Problem(404, "not-sealed", "Nothing of this log is sealed yet. Ask again in a second.") from None
    except ProofError as error:
        detail = f"{error}. Give the size of a checkpoint that you hold, from 1 up to the newest."
        raise Problem(400, "no-consistency", detail[:1].upper() + detail[1:]) from None
    cosigned = witnessed()
    body = {**_signed(checkpoint), "vkeys": vkeys(), "witnessed": None if cosigned is None else _signed(cosigned)}
    return Response(body | more)


def _signed(checkpoint: proofs.SignedTree) -> dict[str, Any]:
    return {"size": checkpoint.size, "root": encode(checkpoint.root), "note": checkpoint.note}


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _proof(proof: proofs.Inclusion) -> dict[str, Any]:
    return {
        "index": proof.index,
        "size": proof.checkpoint.size,
        "path": _texts(proof.path),
        "checkpoint": proof.checkpoint.note,
        "tlog_proof": proof.tlog_proof,
    }


def _texts(hashes: tuple[bytes, ...]) -> list[str]:
    return [encode(item) for item in hashes]


_WORKSPACE, _CELL = "workspaces/<str:workspace_id>/audit", "organization/audit"

urlpatterns = [
    *tiles_api.urlpatterns,
    *(
        path(f"{base}/{tail}", view.as_view(), name=f"{prefix}-{name}")
        for base, prefix in ((_WORKSPACE, "audit"), (_CELL, "audit-of-cell"))
        for tail, view, name in (
            ("entries", EntriesView, "entries"),
            ("entries/<str:entry_id>/detail", DetailView, "detail"),
            ("checkpoint", CheckpointView, "checkpoint"),
            ("proofs/<str:entry_id>", ProofView, "proof"),
            ("cell-checkpoint", CellCheckpointView, "cell-checkpoint"),
            ("cell-proof", CellProofView, "cell-proof"),
        )
    ),
]
