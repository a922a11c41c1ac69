"""Proofs for people: an entry's proof file, and a page that checks such files in the reader's own browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from audit import proofs
from audit.signing import vkeys
from cell.access import Scope
from cell.ids import Tag
from cell.problems import Problem, not_found
from console.middleware import POLICY
from console.views.base import ConsoleView
from workspaces.access import number_of

_SENDS_NOTHING = POLICY.replace("connect-src 'self'", "connect-src 'none'")


class Verify(ConsoleView):
    """The second verifier (static/console/verify.js). The browser may not even send what it reads back to this cell."""

    needs = {"GET": None}

    def get(self, request: HttpRequest) -> HttpResponse:
        response = self.page("verify.html", vkeys=vkeys())
        response["Content-Security-Policy"] = _SENDS_NOTHING
        return response


class ProofFile(ConsoleView):
    """An entry's proof as a file (C2SP tlog-proof)."""

    needs = {"GET": Scope.AUDIT_READ}
    tab = "audit"

    def get(self, request: HttpRequest, workspace_id: str, entry_id: str) -> HttpResponse:
        try:
            proof = proofs.inclusion(self.workspace, number_of(entry_id, Tag.ENTRY))
        except proofs.NoEntry:
            raise not_found() from None
        except proofs.NotSealed:
            raise Problem(409, "not-sealed", "This entry is not sealed yet. Ask again in a second.") from None
        return HttpResponse(
            proof.tlog_proof,
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{entry_id}.tlog-proof"'},
        )
