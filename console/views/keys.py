"""Keys of a workspace, and the management keys of the organization."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from cell.access import Scope, WorkspaceRef
from cell.problems import Problem
from console.forms import KeyForm
from console.views.base import ConsoleView
from workspaces.contracts import IssuedKey
from workspaces.selectors import key_list
from workspaces.services import key_issue, key_revoke

FIRST_CHOICE = (Scope.INFERENCE_CHAT, Scope.INFERENCE_EMBEDDINGS, Scope.MODELS_READ)
"""What a new key of a workspace may unless one ticks otherwise."""


class KeyList(ConsoleView):
    needs = {"GET": Scope.KEYS_READ, "POST": Scope.KEYS_WRITE}
    tab = "keys"

    @property
    def place(self) -> WorkspaceRef | None:
        """Whose keys these are; None for the organization's own."""
        return self.workspace

    def get(self, request: HttpRequest, **_: str) -> HttpResponse:
        return self._page(self._form())

    def post(self, request: HttpRequest, **_: str) -> HttpResponse:
        """Shows the new key in the answer itself: it is in no address, and going back does not bring it up again."""
        form = KeyForm(request.POST, grantable=self._grantable())
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            issued = key_issue(
                actor=self.actor,
                organization=self.organization,
                workspace=self.place,
                name=form.cleaned_data["name"],
                scopes=[Scope(scope) for scope in form.cleaned_data["scopes"]],
                days=form.cleaned_data["days"],
                cidrs=form.cleaned_data["cidrs"],
            )
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return self._page(self._form(), issued=issued, status=201)

    def _form(self) -> KeyForm:
        chosen = FIRST_CHOICE if self.place else (Scope.WORKSPACES_READ,)
        return KeyForm(grantable=self._grantable(), initial={"scopes": [scope.value for scope in chosen]})

    def _grantable(self) -> frozenset[Scope]:
        return self.actor.scopes_in(self.place.id) if self.place else self.actor.scopes

    def _page(self, form: KeyForm, *, issued: IssuedKey | None = None, status: int = 200) -> HttpResponse:
        now = timezone.now()
        keys = [(key, key.state(now)) for key in key_list(self.organization, self.place)]
        return self.page("keys.html", form=form, keys=keys, issued=issued, status=status)


class KeyRevocation(ConsoleView):
    needs = {"POST": Scope.KEYS_WRITE}
    tab = "keys"

    def post(self, request: HttpRequest, workspace_id: str, key_id: str) -> HttpResponse:
        key_revoke(actor=self.actor, organization=self.organization, workspace=self.workspace, key=key_id)
        return redirect("keys", workspace_id)


class OrganizationKeyList(KeyList):
    section = "keys"

    @property
    def place(self) -> WorkspaceRef | None:
        return None


class OrganizationKeyRevocation(ConsoleView):
    needs = {"POST": Scope.KEYS_WRITE}

    def post(self, request: HttpRequest, key_id: str) -> HttpResponse:
        key_revoke(actor=self.actor, organization=self.organization, workspace=None, key=key_id)
        return redirect("organization-keys")
