"""The redaction of one request: by its workspace's policy, and closed to whatever cannot be redacted unless that says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from inference.gateway.errors import ApiError, redaction_failed
from inference.gateway.grants import Grant
from inference.gateway.long_texts import LongTexts
from inference.gateway.parts import Engine, Redaction, RedactionSource
from inference.gateway.recognising import Asker, RecogniserAway, recognised
from inference.gateway.schemas import InferenceRequest
from inference.redaction import (
    MAX_CHARACTERS,
    Blocked,
    Evidence,
    OnError,
    OutputScan,
    PlaceholderMap,
    Policy,
    Recognised,
    Recogniser,
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
    def __init__(self, redactors: RedactionSource, long_texts: LongTexts, engine: Engine) -> None:
        """`engine` serves the models that policies have look for names."""
        self._redactors = redactors
        self._long_texts = long_texts
        self._engine = engine

    async def redact(
        self, grant: Grant, request: InferenceRequest, parts: list[tuple[str, str]], asker: Asker
    ) -> Redacted:
        """The texts of the request's `parts` with placeholders. Raises ApiError."""
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
        found = None
        texts = [text for _, text in parts]
        try:
            work = partial(redaction.redact_texts, texts)
            routes = [route for route, _ in parts] if policy.routes.left_out else None
            if routes is not None:
                work = partial(work, routes=routes)
            characters = sum(map(len, texts))
            if policy.ner is not None and characters <= MAX_CHARACTERS:
                found = await self._recognised(policy, policy.ner, texts, routes, asker)
                work = partial(work, recognised=found)
            redacted, placeholders = await self._long_texts.run(characters, work)
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
        return Redacted(redacted, placeholders, redaction, failed=found is not None and not found.model)

    async def _recognised(
        self, policy: Policy, ner: Recogniser, texts: list[str], routes: list[str] | None, asker: Asker
    ) -> Recognised:
        """What the policy's model finds in the texts that are redacted. Where it cannot be asked and the policy lets unredacted
        texts go on, they go on as the other layers leave them. Raises ApiError."""
        left_out = policy.routes.left_out
        wanted = (
            texts
            if routes is None
            else ["" if route in left_out else text for text, route in zip(texts, routes, strict=True)]
        )
        try:
            return await recognised(self._engine, ner, wanted, asker, self._long_texts.threads)
        except RecogniserAway as away:
            if policy.on_error is OnError.ALLOW:
                return Recognised("", [[] for _ in texts])
            raise away.as_error() from None
