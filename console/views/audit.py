"""The audit log of a workspace, newest first, with what is sealed and what the last checkpoint signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit import proofs
from audit.entry import Kind
from audit.pseudonyms import member_pseudonyms
from audit.selectors import LoggedEntry, entry_list
from cell.access import Scope
from cell.config import config
from cell.ids import Tag, untag
from cell.own_ids import own_id
from console.views.base import ConsoleView
from workspaces.access import number_of
from workspaces.selectors import key_list, member_list

ROWS = 50
KINDS = {"changes": (Kind.CHANGE,), "inference": (Kind.INTENT, Kind.OUTCOME)}


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as people read it."""

    id: str
    at: datetime
    action: str
    actor: str
    targets: list[str]
    changes: list[tuple[str, str, str]]
    """Field, before, after; words of the log's own registry."""
    seq: int | None


class AuditLog(ConsoleView):
    """`kind` narrows it, `before` continues it below an entry; htmx asks for the rows alone."""

    needs = {"GET": Scope.AUDIT_READ}
    tab = "audit"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        kind = request.GET.get("kind", "")
        before = number_of(request.GET["before"], Tag.ENTRY) if "before" in request.GET else None
        found = entry_list(
            self.workspace,
            lambda rows: (rows.filter(id__lt=before) if before else rows)[: ROWS + 1],
            kinds=KINDS.get(kind, tuple(Kind)),
        )
        names = self._names()
        context: dict[str, Any] = {
            "rows": [_row(entry, names) for entry in found[:ROWS]],
            "more": len(found) > ROWS,
            "kind": kind if kind in KINDS else "",
            "workspace_id": workspace_id,
        }
        if request.headers.get("HX-Request"):
            return render(request, "console/audit_rows.html", context)
        context |= {"checkpoint": self._checkpoint(), "witnessed": proofs.witnessed(self.workspace)}
        return self.page("audit.html", **context, paged=before is not None)

    def _checkpoint(self) -> proofs.SignedTree | None:
        try:
            return proofs.checkpoint(self.workspace)
        except proofs.NoCheckpoint:
            return None

    def _names(self) -> dict[str, str]:
        """Who stands behind the log's pseudonyms and key ids, as far as the reader may know."""
        names: dict[str, str] = {}
        if self.actor.may(Scope.MEMBERS_READ):
            for member in member_list(self.organization):
                number: UUID = untag(member.id, Tag.MEMBER, config().cell)
                names |= dict.fromkeys(member_pseudonyms(number, workspace=self.workspace), member.name)
        if self.actor.may(Scope.KEYS_READ, self.workspace.id):
            names |= {key.id: f"key {key.name}" for key in key_list(self.organization, self.workspace)}
        if self.actor.may(Scope.KEYS_READ):
            names |= {key.id: f"key {key.name}" for key in key_list(self.organization, None)}
        return names


def _row(entry: LoggedEntry, names: dict[str, str]) -> Row:
    document = entry.document
    actor = document["actor"]
    who = actor["id"] or actor["key"]
    return Row(
        id=own_id(Tag.ENTRY, entry.id),
        at=datetime.fromisoformat(document["time"]),
        action=document["action"],
        actor=names.get(who, f"{actor['type']} {who[:12]}…") if who else "this cell",
        targets=[names.get(target.removeprefix("member:"), target) for target in document["targets"]],
        changes=_changes(document["before"] or {}, document["after"] or {}),
        seq=entry.seq,
    )


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, _text(before.get(name)), _text(after.get(name))) for name in sorted({*before, *after})]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{name} {count}" for name, count in value.items())
        case _:
            return str(value)
