"""The workspaces, making one, and the settings of one."""

from __future__ import annotations

from collections.abc import Callable

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cell.access import Environment, Scope
from cell.problems import Problem
from console.forms import ServingForm, SettingsForm, WorkspaceForm
from console.tabs import landing
from console.views.base import ConsoleView, shown_version
from retention.policies import retention_policy
from workspaces.contracts import WorkspaceInfo
from workspaces.regions import own_region
from workspaces.selectors import serving_get, workspace_get, workspace_list
from workspaces.services import serving_update, workspace_create, workspace_update


class Home(ConsoleView):
    needs = {"GET": None}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("workspaces")


class WorkspaceList(ConsoleView):
    needs = {"GET": None}

    def get(self, request: HttpRequest) -> HttpResponse:
        workspaces = [(one, landing(self.actor, one.ref)) for one in workspace_list(self.actor)]
        return self.page("workspaces.html", workspaces=workspaces)


class WorkspaceNew(ConsoleView):
    needs = {"GET": Scope.WORKSPACES_WRITE, "POST": Scope.WORKSPACES_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(WorkspaceForm(initial={"environment": Environment.PRODUCTION.value, "region_locked": True}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = WorkspaceForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        created = workspace_create(
            actor=self.actor,
            organization=self.organization,
            name=form.cleaned_data["name"],
            environment=Environment(form.cleaned_data["environment"]),
            region_locked=form.cleaned_data["region_locked"],
        )
        return redirect("workspace", created.id)

    def _page(self, form: WorkspaceForm, status: int = 200) -> HttpResponse:
        return self.page("workspace_new.html", form=form, place=own_region(), status=status)


class _Part(ConsoleView):
    """What a form on the workspace's page is sent to."""

    def save(self, form: Form, update: Callable[[], object]) -> HttpResponse:
        """Calls `update` for a form that is in order; the page again with what is wrong otherwise."""
        if not form.is_valid():
            return _overview(self, form, status=422)
        try:
            update()
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return _overview(self, form, status=problem.status_code)
        return redirect("workspace", self.kwargs["workspace_id"])


class WorkspaceOne(_Part):
    """The overview: where it is, its limits, and how long it keeps what."""

    needs = {"GET": Scope.WORKSPACES_READ, "POST": Scope.WORKSPACES_WRITE}
    tab = "workspace"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return _overview(self)

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = SettingsForm(request.POST)
        return self.save(
            form,
            lambda: workspace_update(
                actor=self.actor,
                workspace=self.workspace,
                changes=form.cleaned_data,
                expected_version=shown_version(request),
            ),
        )


class RegionLock(ConsoleView):
    """Locks the region with `lock=1`, unlocks it with `lock=0`."""

    needs = {"POST": Scope.WORKSPACES_WRITE}
    tab = "workspace"

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        locked = request.POST.get("lock") == "1"
        workspace_update(
            actor=self.actor,
            workspace=self.workspace,
            changes={"region_locked": locked},
            expected_version=shown_version(request),
        )
        return redirect("workspace", workspace_id)


class State(ConsoleView):
    """Suspends inference, or takes it up again."""

    needs = {"POST": Scope.WORKSPACES_WRITE}
    tab = "workspace"

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        state = "suspended" if request.POST.get("suspend") == "1" else "active"
        workspace_update(
            actor=self.actor,
            workspace=self.workspace,
            changes={"state": state},
            expected_version=shown_version(request),
        )
        return redirect("workspace", workspace_id)


class Serving(_Part):
    """Limits, lanes, batching and caching."""

    needs = {"POST": Scope.WORKSPACES_WRITE}
    tab = "workspace"

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = ServingForm(request.POST, weighs=_weighs(self))
        return self.save(
            form,
            lambda: serving_update(
                actor=self.actor,
                workspace=self.workspace,
                changes=form.cleaned_data,
                expected_version=shown_version(request),
            ),
        )


_FORMS: dict[str, type[Form]] = {"settings": SettingsForm, "serving": ServingForm}


def _overview(view: ConsoleView, form: Form | None = None, status: int = 200) -> HttpResponse:
    """The workspace's page; `form` stands in the place of its own kind."""
    workspace: WorkspaceInfo = workspace_get(view.workspace)
    policy = serving_get(view.workspace)
    context: dict[str, object] = {"place": own_region(), "served": policy}
    if view.actor.may(Scope.WORKSPACES_WRITE, view.workspace.id):
        context["settings"] = SettingsForm(
            initial={name: getattr(workspace, name) for name in SettingsForm.base_fields}
        )
        context["serving"] = ServingForm(
            initial={name: getattr(policy, name) for name in ServingForm.base_fields}, weighs=_weighs(view)
        )
    if view.actor.may(Scope.RETENTION_READ, view.workspace.id):
        context["policy"] = retention_policy(view.workspace)
    for name, kind in _FORMS.items():
        if isinstance(form, kind):
            context[name] = form
    return view.page("workspace.html", status=status, **context)


def _weighs(view: ConsoleView) -> bool:
    """Whether they may set the workspace's weight."""
    return view.actor.may(Scope.WORKSPACES_WRITE)
