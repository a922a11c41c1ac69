"""Who co-signs a workspace's log: its own witnesses, how far each is, and the operator's."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit.cosigning.witnesses import MOST, NamedWitness, WitnessInfo, witness_list, witnesses_set
from cell.access import Scope
from cell.config import config
from cell.problems import Problem
from cell.witness_key import WitnessKey
from console.views.base import ConsoleView
from console.witness_forms import WitnessForm


class Witnesses(ConsoleView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}
    tab = "audit"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self._page(WitnessForm())

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        """Names one more."""
        form = WitnessForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        now = [info.named for info in witness_list(self.workspace)]
        try:
            self._set(now, [*now, form.witness])
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("witnesses", workspace_id)

    def _set(self, now: list[NamedWitness], wanted: list[NamedWitness]) -> None:
        witnesses_set(actor=self.actor, workspace=self.workspace, witnesses=wanted, expected=now)

    def _page(self, form: WitnessForm, *, status: int = 200) -> HttpResponse:
        found = [_shown(info) for info in witness_list(self.workspace)]
        cells = [str(witness.key) for witness in config().witnesses]
        return self.page("witnesses.html", form=form, witnesses=found, cells=cells, most=MOST, status=status)


class WitnessDrop(ConsoleView):
    """`key` is the hash of the witness's key. One that is named no more is dropped already."""

    needs = {"POST": Scope.AUDIT_EXPORT}
    tab = "audit"

    def post(self, request: HttpRequest, workspace_id: str, key: str) -> HttpResponse:
        now = [info.named for info in witness_list(self.workspace)]
        left = [named for named in now if _hash(named) != key]
        witnesses_set(actor=self.actor, workspace=self.workspace, witnesses=left, expected=now)
        return redirect("witnesses", workspace_id)


def _shown(info: WitnessInfo) -> dict[str, Any]:
    key = WitnessKey.parse(info.named.vkey)
    return {
        "name": key.name,
        "key": _hash(info.named),
        "vkey": info.named.vkey,
        "url": info.named.url,
        "pinned": bool(info.named.ca),
        "size": info.size,
        "cosigned_at": info.cosigned_at,
        "cause": info.cause,
        "refused_at": info.refused_at,
    }


def _hash(named: NamedWitness) -> str:
    return WitnessKey.parse(named.vkey).hash.hex()
