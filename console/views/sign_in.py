"""Signing in, signing out, and a new member's first visit."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from cell.config import config
from cell.problems import Problem
from console.forms import CodeForm, EnrolmentForm, PasswordForm
from console.views.base import ConsoleView, problem_page
from workspaces import sessions, sign_on
from workspaces.addresses import client_address
from workspaces.attempts import CountersUnavailable, TooManyAttempts
from workspaces.enrolment import enrolment_begin, enrolment_complete

REFUSED = "That is not right. Check the e-mail address, the password and, if you gave one, the organization."
REFUSED_CODE = "This code is not right, or was used before. Wait for the next one and try again."


class SignIn(View):
    """The first step: e-mail address and password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if sessions.actor_of(request) is not None:
            return redirect("workspaces")
        return self._page(request, PasswordForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        try:
            pending = sign_on.password_check(
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                handle=form.cleaned_data["handle"].strip().lower(),
                address=_address(request),
            )
        except sign_on.SignInRefused:
            form.add_error(None, REFUSED)
            return self._page(request, form, status=422)
        except (TooManyAttempts, CountersUnavailable) as error:
            return self._page(request, *_not_now(form, error))
        sessions.begin_pending(request, pending)
        return redirect(_with_next("sign-in-code", _next(request)))

    def _page(self, request: HttpRequest, form: PasswordForm, status: int = 200) -> HttpResponse:
        return render(request, "console/sign_in.html", {"form": form, "next": _next(request)}, status=status)


class SignInCode(View):
    """The second step: the code of the authenticator."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if sessions.pending_of(request) is None:
            return redirect("sign-in")
        return self._page(request, CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        pending = sessions.pending_of(request)
        if pending is None:
            return redirect("sign-in")
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        try:
            member = sign_on.code_check(pending=pending, code=form.cleaned_data["code"], address=_address(request))
        except sign_on.SignInRefused:
            form.add_error("code", REFUSED_CODE)
            return self._page(request, form, status=422)
        except (TooManyAttempts, CountersUnavailable) as error:
            return self._page(request, *_not_now(form, error))
        sessions.begin(request, member)
        return redirect(_next(request) or reverse("workspaces"))

    def _page(self, request: HttpRequest, form: CodeForm, status: int = 200) -> HttpResponse:
        return render(request, "console/sign_in_code.html", {"form": form, "next": _next(request)}, status=status)


class SignOut(ConsoleView):
    needs = {"POST": None}

    def post(self, request: HttpRequest) -> HttpResponse:
        sign_on.sign_out_record(self.actor)
        sessions.end(request)
        return redirect("sign-in")


class Enrol(View):
    """A new member sets a password and an authenticator, once."""

    def get(self, request: HttpRequest, member_id: str, secret: str) -> HttpResponse:
        return self._page(request, member_id, secret, EnrolmentForm())

    def post(self, request: HttpRequest, member_id: str, secret: str) -> HttpResponse:
        form = EnrolmentForm(request.POST)
        if not form.is_valid():
            return self._page(request, member_id, secret, form, status=422)
        try:
            enrolment_complete(
                member=member_id,
                secret=secret,
                password=form.cleaned_data["password"],
                code=form.cleaned_data["code"],
            )
        except Problem as problem:
            if problem.status_code != 400:
                return problem_page(request, problem)
            form.add_error(None, str(problem.detail))
            return self._page(request, member_id, secret, form, status=422)
        return redirect("sign-in")

    def _page(
        self, request: HttpRequest, member_id: str, secret: str, form: EnrolmentForm, status: int = 200
    ) -> HttpResponse:
        try:
            enrolment = enrolment_begin(member=member_id, secret=secret)
        except Problem as problem:
            return problem_page(request, problem)
        return render(request, "console/enrol.html", {"form": form, "enrolment": enrolment}, status=status)


def _not_now(form: Any, error: TooManyAttempts | CountersUnavailable) -> tuple[Any, int]:
    """Nothing was checked: says when to come back."""
    if isinstance(error, CountersUnavailable):
        form.add_error(None, "Signing in is not possible at the moment. Try again in a minute.")
        return form, 503
    minutes = -(-error.retry_after_s // 60)
    form.add_error(None, f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
    return form, 429


def _address(request: HttpRequest) -> str:
    address = client_address(
        request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", ""), config().trusted_proxies
    )
    return str(address or "unknown")


def _next(request: HttpRequest) -> str:
    """Where to go afterwards, if it is a page of this console; anything else is dropped."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    return target if target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None) else ""


def _with_next(name: str, target: str) -> str:
    return f"{reverse(name)}?{urlencode({'next': target})}" if target else reverse(name)
