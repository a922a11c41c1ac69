"""The inference API: a bare ASGI callable, so that a call costs microseconds beside Django in the same process.

A request goes one way: key, limits, body, redaction, intent, engine, restored answer, outcome. Nothing here starts a thread or
touches Django's database connections; `tests/inference/gateway/test_lean.py` holds it to that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from audit.entry import now
from cell.ids import Tag
from cell.pseudonyms import subject_pseudonym
from cell.telemetry import get_logger
from inference.engine.protocol import Embed, Generate
from inference.gateway import answers
from inference.gateway.catalog import Catalog
from inference.gateway.counts import recordable
from inference.gateway.door import DEADLINE, LANE, Door, Visit, deadline_of, lane_of
from inference.gateway.errors import ApiError, internal, invalid
from inference.gateway.estimates import answer_estimate, prompt_estimate
from inference.gateway.exchange import INTENT_WITHIN_S, Exchange
from inference.gateway.grants import Grant, Grants
from inference.gateway.http import Disconnected, Header, Receive, Scope, Send, read_body, send_error, send_json
from inference.gateway.limits import Refusal
from inference.gateway.metrics import METRICS
from inference.gateway.parsing import parser
from inference.gateway.parts import Parts
from inference.gateway.patience import Patience
from inference.gateway.processes import RequestIds
from inference.gateway.recognising import Asker
from inference.gateway.records import SCOPES, Admission
from inference.gateway.redacting import Redacted, RequestRedaction
from inference.gateway.schemas import ChatRequest, CompletionRequest, EmbeddingRequest, InferenceRequest
from workspaces.addresses import allowed, client_address

MODEL_SCOPES = frozenset({"models:read", "inference:chat", "inference:embeddings"})
"""Any of them may see which models there are."""

log = get_logger(__name__)

Endpoint = Callable[[Scope, Receive, Send, list[Header]], Awaitable[int]]
"""Answers a request and returns its HTTP status. Raises ApiError for one that is still to be answered."""


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed."""


class Gateway:
    """ASGI application for the paths below `/v1`. `start` and `stop` belong to the server's lifespan."""

    def __init__(
        self, *, cell: str, process_tag: int, parts: Parts, grants: Grants, door: Door, limits: Limits
    ) -> None:
        """Made inside the event loop that it serves. `process_tag` marks the request ids of this process."""
        self._ids = RequestIds(process_tag)
        self._id_prefix = f"{Tag.REQUEST.value}_{cell}_"
        self._parts = parts
        self._grants = grants
        self._door = door
        self._limits = limits
        self._catalog = Catalog(parts.engine)
        self._patience = Patience(INTENT_WITHIN_S, Exchange.under_way)
        self._redaction = RequestRedaction(parts.redactors, parts.long_texts, parts.engine)
        self._routes: dict[str, tuple[str, str, Endpoint]] = {
            "/v1/chat/completions": ("POST", "chat", self._inference(ChatRequest)),
            "/v1/completions": ("POST", "completion", self._inference(CompletionRequest)),
            "/v1/embeddings": ("POST", "embedding", self._inference(EmbeddingRequest)),
            "/v1/models": ("GET", "models", self._list_models),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request. Every answer carries `x-request-id`."""
        began = perf_counter()
        number = self._ids.new()
        scope["bailiwick.number"] = number
        scope["bailiwick.began"] = began
        headers: list[Header] = [(b"x-request-id", (self._id_prefix + number.hex).encode())]
        name = "other"
        failure: ApiError | None = None
        try:
            method, name, endpoint = self._route(scope["path"])
            if scope["method"] != method:
                allow = ((b"allow", method.encode()),)
                raise ApiError(405, "method_not_allowed", f"Use {method} for this path.", headers=allow)
            status = await endpoint(scope, receive, send, headers)
        except ApiError as error:
            status, failure = error.status, error
            await send_error(send, error, headers)
        except Disconnected:
            status = 499
        except Exception as error:
            log.error("gateway.request.failed", request=headers[0][1].decode(), exc_info=error)
            status, failure = 500, internal()
            await send_error(send, failure, headers)
        METRICS.answered(name, status, perf_counter() - began)
        spans = self._parts.spans
        if spans is not None and "bailiwick.exchange" in scope:
            exchange = scope.pop("bailiwick.exchange")  # each would keep the other alive
            spans.ended(scope, name, self._id_prefix + number.hex, status, failure, exchange)

    @property
    def paths(self) -> frozenset[str]:
        """Every path that is answered, but for those of single models below `/v1/models/`."""
        return frozenset(self._routes)

    def _route(self, path: str) -> tuple[str, str, Endpoint]:
        route = self._routes.get(path)
        if route is not None:
            return route
        if path.startswith("/v1/models/"):
            return "GET", "models", self._show_model
        raise ApiError(404, "not_found", "There is no such path. See docs/integrate.md for those there are.")

    # Who may ask ----------------------------------------------------------------------------------------------------

    async def _grant(self, scope: Scope, given: dict[bytes, bytes]) -> Grant:
        authorization = given.get(b"authorization")
        grant = self._grants.find(authorization)
        if grant is None:
            grant = await self._grants.load(authorization or b"")
        if grant.networks:
            peer = scope.get("client")
            forwarded = given.get(b"x-forwarded-for", b"").decode("latin-1")
            address = client_address(peer[0] if peer else "", forwarded, self._limits.trusted_proxies)
            if not allowed(address, grant.networks):
                raise ApiError(403, "address_not_allowed", "This key may not be used from your network address.")
        return grant

    # Models ---------------------------------------------------------------------------------------------------------

    async def _list_models(self, scope: Scope, receive: Receive, send: Send, headers: list[Header]) -> int:
        await self._may_see_models(scope)
        models = [
            model for model in await self._catalog.refresh() if model.kind != "tagging"
        ]  # redaction's, and no caller's
        await send_json(send, 200, answers.model_list(models), headers)
        return 200

    async def _show_model(self, scope: Scope, receive: Receive, send: Send, headers: list[Header]) -> int:
        await self._may_see_models(scope)
        model = await self._catalog.find(scope["path"].removeprefix("/v1/models/"))
        await send_json(send, 200, answers.encode(answers.model_card(model)), headers)
        return 200

    async def _may_see_models(self, scope: Scope) -> None:
        grant = await self._grant(scope, dict(scope["headers"]))
        if grant.scopes.isdisjoint(MODEL_SCOPES):
            raise ApiError(403, "missing_scope", "This needs a key with the scope models:read.")

    # Inference ------------------------------------------------------------------------------------------------------

    def _inference(self, kind: type[Any]) -> Endpoint:
        parse: Callable[[bytes], InferenceRequest] = parser(kind)
        need = SCOPES[kind.kind]

        async def answer(scope: Scope, receive: Receive, send: Send, headers: list[Header]) -> int:
            given = dict(scope["headers"])
            grant = await self._grant(scope, given)
            if self._parts.spans is not None:
                # To be traced from here on: without a key anybody could fill the collector.
                scope["bailiwick.exchange"] = None
            if need not in grant.scopes:
                raise ApiError(403, "missing_scope", f"This needs a key with the scope {need}.")
            lane = lane_of(given.get(LANE), grant.serving)
            deadline_at = deadline_of(given.get(DEADLINE), scope["bailiwick.began"])
            limiter = grant.limiter
            entered = self._door.enter(limiter, lane)
            if isinstance(entered, Refusal):
                entered = await self._door.insist_on_entering(entered, limiter, lane, headers)
            visit = entered
            exchange: Exchange | None = None
            try:
                request = parse(await read_body(given, receive, self._limits.body_bytes))
                admission = await self._admit(scope, grant, visit, request, deadline_at, headers)
                exchange = Exchange(self._parts, self._patience, admission, receive)
                if self._parts.spans is not None:
                    scope["bailiwick.exchange"] = exchange
                await exchange.run(send, headers)
                return exchange.status
            finally:
                self._door.leave(visit, exchange)

        return answer

    async def _admit(
        self,
        scope: Scope,
        grant: Grant,
        visit: Visit,
        request: InferenceRequest,
        deadline_at: float | None,
        headers: list[Header],
    ) -> Admission:
        """Everything that can still refuse the request before it is recorded. Raises ApiError."""
        model = self._catalog.known(request.model) or await self._catalog.find(request.model)
        if model.kind != request.model_kind:
            wanted = "an embedding" if request.model_kind == "embedding" else "a text"
            raise invalid(
                f"This endpoint needs {wanted} model; this one is of another kind.", "model", "model_not_supported"
            )
        parts = list(request.parts())
        texts = [text for _, text in parts]
        prompt, answer = prompt_estimate(texts), answer_estimate(request, model.max_tokens)
        refusal = self._door.admit(visit, model, prompt, answer, headers)
        if refusal is not None:
            await self._door.insist_on_tokens(refusal, visit, model, prompt, answer, headers)
        number = scope["bailiwick.number"]
        request_id = self._id_prefix + number.hex
        about = request.safety_identifier or request.user
        subject = None if not about else subject_pseudonym(grant.pseudonym_key, about)
        asker = Asker(
            workspace=grant.public_id,
            request=request_id,
            subject="" if subject is None else subject.hex(),
            lane=visit.lane,
            weight=grant.weight,
            preset=grant.preset,
            deadline_at=deadline_at,
        )
        redacted = await self._redaction.redact(grant, request, parts, asker)
        evidence = redacted.placeholders.evidence
        _tell(redacted, headers)
        operations = request.operations(redacted.texts, request_id, grant.public_id, visit.lane)
        _entitle(operations, grant, subject, deadline_at)
        return Admission(
            number=number,
            request_id=request_id,
            grant=grant,
            request=request,
            operations=operations,  # type: ignore[arg-type]  # a list of one kind is one of requests
            placeholders=redacted.placeholders or None,
            redactions=recordable(evidence.replaced),
            policy=evidence.policy_version,
            ner=evidence.recogniser,
            output=redacted.redaction.output(),
            unredacted=redacted.failed,
            lane=visit.lane,
            subject=subject,
            started_at=now(),
            began=scope["bailiwick.began"],
            deadline_at=deadline_at,
        )


def _tell(redacted: Redacted, headers: list[Header]) -> None:
    """Tells the caller in headers what was redacted, in counts, and in hashes where the policy wants them."""
    evidence = redacted.placeholders.evidence
    headers.append((b"x-bailiwick-redaction-layers", evidence.layers_header.encode()))
    if evidence.replaced:
        headers.append((b"x-bailiwick-redactions", evidence.header.encode()))
    if evidence.hashes:
        headers.append((b"x-bailiwick-redaction-hashes", ",".join(evidence.hashes).encode()))
    if redacted.failed:
        headers.append((b"x-bailiwick-unredacted", b"true"))


def _entitle(
    operations: list[Generate] | list[Embed], grant: Grant, subject: bytes | None, deadline_at: float | None
) -> None:
    """Tells the engine what the workspace may have and whom the request is about: what was authenticated, and nothing that a
    caller wrote. Raises ApiError 504 if there is no time left."""
    deadline_s = None
    if deadline_at is not None:
        deadline_s = deadline_at - perf_counter()
        if deadline_s <= 0:
            message = "The time you gave the request was over before it could begin. Give it more."
            raise ApiError(504, "deadline_exceeded", message)
    serving = grant.serving
    pseudonym = "" if subject is None else subject.hex()
    for operation in operations:
        operation.subject = pseudonym
        operation.weight = grant.weight
        operation.deadline_s = deadline_s
        if isinstance(operation, Generate):
            operation.key = grant.key_id
            operation.cache = grant.cache
            operation.queued_tokens = serving.queued_tokens
        else:
            operation.preset = grant.preset
