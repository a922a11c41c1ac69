"""Every refusal of the inference API, as an OpenAI error object: ``{"error": {message, type, param, code}}``.

Messages say what to do. They may repeat names of fields, never values, which may hold personal data.
"""

from __future__ import annotations

import msgspec


class ErrorBody(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(msgspec.Struct):
    error: ErrorBody


_encode = msgspec.json.Encoder().encode

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    421: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class ApiError(Exception):
    """Ends a request with an error object. `retry_after_s` becomes the Retry-After header (whole seconds, rounded up)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = headers

    def body(self) -> bytes:
        kind = _TYPES.get(self.status, "api_error")
        return _encode(ErrorAnswer(ErrorBody(self.message, kind, self.param, self.code)))


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    return ApiError(400, code, message, param=param)


def unsupported(param: str, hint: str) -> ApiError:
    return ApiError(400, "unsupported_parameter", f"'{param}' is not supported here. {hint}", param=param)


def unauthenticated(message: str) -> ApiError:
    return ApiError(401, "invalid_api_key", message, headers=((b"www-authenticate", b"Bearer"),))


def unknown_model() -> ApiError:
    return ApiError(
        404,
        "model_not_found",
        "This cell does not serve a model of that name. GET /v1/models lists those it does.",
        param="model",
    )


def too_large(limit_bytes: int) -> ApiError:
    # The rest of the body was not read, so the connection cannot carry another request.
    return ApiError(
        413,
        "request_too_large",
        f"The body is larger than {limit_bytes} bytes, the most this cell accepts. Send less text in one request.",
        headers=((b"connection", b"close"),),
    )


def audit_unavailable() -> ApiError:
    return ApiError(
        503,
        "audit_unavailable",
        "The audit log cannot be written now, and nothing is answered unrecorded. Retry.",
        retry_after_s=1,
    )


def redaction_failed() -> ApiError:
    return ApiError(500, "redaction_failed", "Redaction failed, so the text was not passed on. Report the request id.")


def internal() -> ApiError:
    return ApiError(500, "internal_error", "This is a fault of the cell. Report the request id.")
