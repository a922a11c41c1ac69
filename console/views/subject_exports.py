"""Everything that is held about one subject, as a file for that person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from cell.access import Scope
from cell.ids import Tag
from cell.problems import Problem
from console.record_forms import SubjectExportForm
from console.views.base import ConsoleView
from inference.gateway.api.subject_exports import zip_response
from inference.gateway.subject_exports import subject_export
from workspaces.access import number_of


class SubjectExportNew(ConsoleView):
    """The form, and for a form that is in order the file in the answer itself: it is kept nowhere."""

    needs = {"GET": Scope.ERASURES_WRITE, "POST": Scope.ERASURES_WRITE}
    tab = "erasures"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self.page("subject_export.html", form=SubjectExportForm())

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = SubjectExportForm(request.POST)
        if not form.is_valid():
            return self.page("subject_export.html", form=form, status=422)
        before = form.cleaned_data["before"].strip()
        try:
            made = subject_export(
                actor=self.actor,
                workspace=self.workspace,
                subject=form.cleaned_data["subject"],
                before=number_of(before, Tag.REQUEST) if before else None,
            )
        except Problem as problem:
            form.add_error("before" if problem.status_code in (404, 421) else None, str(problem.detail))
            return self.page("subject_export.html", form=form, status=problem.status_code)
        return zip_response(made)
