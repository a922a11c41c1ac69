"""How a workspace redacts: the main choices, the whole policy as JSON, and a playground."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cell.access import Scope
from cell.problems import Problem
from console.redaction_forms import ChoicesForm, DocumentForm, TrialForm
from console.views.base import ConsoleView, shown_version
from inference.gateway.dry_runs import DryRun, dry_run
from inference.gateway.redaction_policies import redaction_policy_get, redaction_policy_set


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text that was tried; what was found in it if `type` is not empty."""

    text: str
    type: str = ""
    score: str = ""
    action: str = ""
    layer: str = ""


class _Part(ConsoleView):
    tab = "redaction"

    @property
    def decides(self) -> bool:
        return self.actor.may(Scope.REDACTION_WRITE, self.workspace.id)

    def shown(self, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page; what `context` names stands in the place of its own kind."""
        policy = redaction_policy_get(self.workspace)
        context.setdefault("choices", ChoicesForm.of(policy))
        context.setdefault("document", DocumentForm.of(policy))
        context.setdefault("trial", TrialForm(decides=self.decides))
        rules = len(policy.custom)
        return self.page("redaction.html", status=status, policy=policy, rules=rules, **context)

    def save(self, name: str, form: Form, document: Callable[[], object]) -> HttpResponse:
        """Decides what `document` gives for a form that is in order; the page with what is wrong otherwise."""
        if not form.is_valid():
            return self.shown(status=422, **{name: form})
        try:
            redaction_policy_set(
                actor=self.actor,
                workspace=self.workspace,
                document=document(),
                expected_version=shown_version(self.request),
            )
        except Problem as problem:
            for said in _said(problem):
                form.add_error(None, said)
            return self.shown(status=problem.status_code, **{name: form})
        return redirect("redaction", self.kwargs["workspace_id"])


class RedactionOne(_Part):
    """The policy's main choices; saving leaves what they do not ask as it is."""

    needs = {"GET": Scope.REDACTION_READ, "POST": Scope.REDACTION_WRITE}

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self.shown()

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = ChoicesForm(request.POST)
        return self.save("choices", form, lambda: form.document(redaction_policy_get(self.workspace)))


class RedactionDocument(_Part):
    """The whole policy, as JSON."""

    needs = {"POST": Scope.REDACTION_WRITE}

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = DocumentForm(request.POST)
        return self.save("document", form, lambda: form.cleaned_data["document"])


class RedactionTrial(_Part):
    """What would be found in a text."""

    needs = {"POST": Scope.REDACTION_READ}

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = TrialForm(request.POST, decides=self.decides)
        if not form.is_valid():
            return self.shown(status=422, trial=form)
        text = form.cleaned_data["text"].replace("\r\n", "\n")
        try:
            found = dry_run(
                actor=self.actor,
                workspace=self.workspace,
                text=text,
                document=form.cleaned_data.get("policy"),
            )
        except Problem as problem:
            for said in _said(problem):
                form.add_error(None, said)
            return self.shown(status=problem.status_code, trial=form)
        return self.shown(trial=form, found=found, pieces=list(_pieces(text, found)))


def _pieces(text: str, found: DryRun) -> Iterator[Piece]:
    done = 0
    for finding, action in found.findings:
        if finding.start > done:
            yield Piece(text[done : finding.start])
        yield Piece(text[finding.start : finding.end], finding.type, f"{finding.score:.2f}", action, finding.layer)
        done = finding.end
    if done < len(text):
        yield Piece(text[done:])


def _said(problem: Problem) -> list[str]:
    """What is wrong, field by field where it is a policy's."""
    errors = problem.members.get("errors")
    if not errors:
        return [str(problem.detail)]
    return [f"{path}: {said}" for path, each in errors.items() for said in each]
