"""Errors that a caller can cause, as RFC 9457 problems. Apart from `cell.api`, so that authentication can raise them:
REST framework imports the authentication classes while it is itself being imported."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions


class Problem(exceptions.APIException):
    """An RFC 9457 problem. `type` is a stable word, `detail` tells the caller what to do."""

    def __init__(self, status_code: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status_code
        self.code = code
        self.members = members


def not_found() -> Problem:
    return Problem(404, "not-found", "There is nothing here that you may see. Check the id and the key's workspace.")
