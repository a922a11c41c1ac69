"""The redaction of one request: by its workspace's policy, and closed to whatever cannot be redacted unless that says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from inference.gateway.errors import ApiError, redaction_failed
from inference.gateway.grants import Grant
from inference.gateway.long_texts import LongTexts
from inference.gateway.parts import Redaction, RedactionSource
from inference.gateway.schemas import InferenceRequest
from inference.redaction import (
    Blocked,
    Evidence,
    OnError,
    OutputScan,
    PlaceholderMap,
    RedactionError,
    TextTooLong,
    expanded,
)


@dataclass(frozen=True, slots=True)
class Redacted:
    texts: list[str]
    placeholders: PlaceholderMap
    redaction: Redaction
    """What did it."""
    failed: bool = False
    """It could not be done, and the policy lets the texts go on as they are."""


class RequestRedaction:
    def __init__(self, redactors: RedactionSource, long_texts: LongTexts) -> None:
        self._redactors = redactors
        self._long_texts = long_texts

    async def redact(self, grant: Grant, request: InferenceRequest, texts: list[str]) -> Redacted:
        """The request's texts with placeholders. Raises ApiError."""
        if request.token_inputs:
            hint = "Send text: this workspace redacts personal data, which cannot be done on token ids."
            raise ApiError(
                400, "token_input_not_redactable", hint, param="input" if request.kind == "embedding" else "prompt"
            )
        workspace = grant.workspace.id
        redaction = self._redactors.find(workspace, grant.redaction)
        if redaction is None:
            redaction = await self._redactors.load(workspace, grant.redaction)
        policy = redaction.policy
        if policy.output_scan is OutputScan.MASK and getattr(request, "logprobs", None) not in (None, False):
            hint = "This workspace masks what the model writes, which its log-probabilities would show."
            raise ApiError(400, "unsupported_parameter", f"'logprobs' cannot be given. {hint}", param="logprobs")
        try:
            work = partial(redaction.redact_texts, texts)
            if policy.routes.left_out:
                work = partial(work, routes=request.routes())
            redacted, placeholders = await self._long_texts.run(sum(map(len, texts)), work)
        except Blocked as refused:
            raise ApiError(400, "redaction_blocked", str(refused)) from None
        except RedactionError as error:
            if policy.on_error is OnError.ALLOW:
                return Redacted(
                    expanded(texts), PlaceholderMap({}, Evidence(policy.version, {}, {}, ())), redaction, failed=True
                )
            if isinstance(error, TextTooLong):
                raise ApiError(400, "text_too_long", str(error)) from None
            raise redaction_failed() from None
        return Redacted(redacted, placeholders, redaction)
