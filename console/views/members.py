"""Members of the organization, and who has which role in a workspace."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cell.access import Scope
from cell.problems import Problem
from console.forms import InvitationForm, MembershipForm
from console.views.base import ConsoleView
from workspaces.contracts import MemberInfo
from workspaces.enrolment import enrolment_url
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.selectors import member_list, membership_list
from workspaces.services import member_invite, member_remove, membership_remove, membership_set


class OrganizationMembers(ConsoleView):
    section = "members"
    needs = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(InvitationForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Shows the invitation in the answer itself: its secret works once and is kept nowhere."""
        form = InvitationForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            invitation = member_invite(
                actor=self.actor,
                organization=self.organization,
                email=form.cleaned_data["email"],
                name=form.cleaned_data["name"],
                role=OrganizationRole(form.cleaned_data["role"]),
            )
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return self._page(InvitationForm(), link=enrolment_url(invitation), status=201)

    def _page(self, form: InvitationForm, *, link: str = "", status: int = 200) -> HttpResponse:
        return self.page("members.html", form=form, members=member_list(self.organization), link=link, status=status)


class MemberRemoval(ConsoleView):
    needs = {"POST": Scope.MEMBERS_WRITE}

    def post(self, request: HttpRequest, member_id: str) -> HttpResponse:
        member_remove(actor=self.actor, organization=self.organization, member=member_id)
        return redirect("organization-members")


class WorkspaceMembers(ConsoleView):
    needs = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}
    tab = "members"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = MembershipForm(request.POST, members=self._choosable())
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            membership_set(
                actor=self.actor,
                workspace=self.workspace,
                member=form.cleaned_data["member"],
                role=WorkspaceRole(form.cleaned_data["role"]),
            )
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("members", workspace_id)

    def _choosable(self) -> list[MemberInfo]:
        """Only who may change roles here sees everyone in the organization."""
        may = self.actor.may(Scope.MEMBERS_WRITE, self.workspace.id)
        return member_list(self.organization) if may else []

    def _page(self, form: MembershipForm | None = None, *, status: int = 200) -> HttpResponse:
        form = form or MembershipForm(members=self._choosable())
        return self.page(
            "workspace_members.html", form=form, memberships=membership_list(self.workspace), status=status
        )


class MembershipRemoval(ConsoleView):
    needs = {"POST": Scope.MEMBERS_WRITE}
    tab = "members"

    def post(self, request: HttpRequest, workspace_id: str, member_id: str) -> HttpResponse:
        membership_remove(actor=self.actor, workspace=self.workspace, member=member_id)
        return redirect("members", workspace_id)
