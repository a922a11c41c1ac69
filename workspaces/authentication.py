"""Who is asking: a key in the Authorization header, or a signed-in member's session. Each becomes an `Actor`."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from audit import log
from audit.actions import Action
from cell.access import Actor, ActorKind, Environment, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.keys import cell_keys
from cell.problems import Problem
from workspaces import sessions
from workspaces.access import misdirected
from workspaces.addresses import allowed, client_address, parse_networks
from workspaces.contracts import ServingInfo
from workspaces.serving import CacheScope, Lane, Preset
from workspaces.tokens import PEPPER_PURPOSE, MalformedToken, parse, verify


class ResolvedKey(NamedTuple):
    """A row of the SQL function `resolve_key`, in its order. The workspace's columns are None for a management key."""

    key: UUID
    secret_hash: bytes
    organization_id: UUID
    workspace_id: UUID | None
    scopes: list[str]
    expires_at: datetime
    revoked_at: datetime | None
    cidrs: list[str]
    region: str | None
    environment: str | None
    state: str | None
    preset: str | None
    cache_scope: str | None
    lanes: list[str] | None
    concurrency: int | None
    realtime_reserve_percent: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    queued_tokens: int | None
    weight_percent: int | None
    serving_version: int | None

    @property
    def workspace(self) -> WorkspaceRef | None:
        if self.workspace_id is None or self.region is None or self.environment is None:
            return None
        return WorkspaceRef(self.workspace_id, self.organization_id, self.region, Environment(self.environment))

    @property
    def serving(self) -> ServingInfo | None:
        if (
            self.cache_scope is None
            or self.lanes is None
            or self.concurrency is None
            or self.realtime_reserve_percent is None
            or self.requests_per_minute is None
            or self.tokens_per_minute is None
            or self.weight_percent is None
            or self.serving_version is None
        ):
            return None
        return ServingInfo(
            preset=None if self.preset is None else Preset(self.preset),
            cache_scope=CacheScope(self.cache_scope),
            lanes=tuple(Lane(lane) for lane in self.lanes),
            concurrency=self.concurrency,
            realtime_reserve_percent=self.realtime_reserve_percent,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            queued_tokens=self.queued_tokens,
            weight_percent=self.weight_percent,
            version=self.serving_version,
        )


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer sk-…`"""

    def authenticate(self, request: Request) -> tuple[Actor, ResolvedKey] | None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise exceptions.AuthenticationFailed("Send a key as 'Authorization: Bearer sk-…'.")
        resolved = resolve_token(credentials.strip())
        address = client_address(
            request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", ""), config().trusted_proxies
        )
        if not allowed(address, parse_networks(resolved.cidrs)):
            raise Problem(403, "address-not-allowed", "This key may not be used from your network address.")
        actor = _actor_of(resolved)
        _note_use(actor, resolved)
        return actor, resolved

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="bailiwick"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The console's session cookie, with CSRF protection for whatever is not a mere read."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        actor = sessions.actor_of(request._request)
        if actor is None:
            return None
        self.enforce_csrf(request)
        return actor, None


def resolve_token(text: str) -> ResolvedKey:
    """The key whose token `text` is. Raises AuthenticationFailed, or Problem 421 for a key of another cell."""
    try:
        token = parse(text)
    except MalformedToken as error:
        raise exceptions.AuthenticationFailed(f"This is not a key: {error}.") from error
    if token.cell != config().cell:
        raise misdirected(token.cell)
    with connection.cursor() as cursor:
        cursor.execute("select * from resolve_key(%s)", [token.key_id])
        row = cursor.fetchone()
    # An unknown key id and a wrong secret are one answer: an id alone says nothing about whether it exists.
    if row is None or not verify(token.secret, bytes(row[1]), _pepper()):
        raise exceptions.AuthenticationFailed("This key is not known here. Check that it was copied whole.")
    resolved = ResolvedKey(*row)
    if resolved.revoked_at is not None:
        raise exceptions.AuthenticationFailed("This key was revoked. Issue a new one.")
    if resolved.expires_at <= timezone.now():
        raise exceptions.AuthenticationFailed(
            "This key has expired. Issue a new one, or rotate keys before they expire."
        )
    return resolved


def _actor_of(resolved: ResolvedKey) -> Actor:
    scopes = frozenset(Scope(scope) for scope in resolved.scopes)
    everywhere = resolved.workspace_id is None
    return Actor(
        kind=ActorKind.KEY,
        id=resolved.key,
        organization=resolved.organization_id,
        scopes=scopes if everywhere else frozenset(),
        workspace_scopes={} if resolved.workspace_id is None else {resolved.workspace_id: scopes},
        auth="key",
    )


def _note_use(actor: Actor, resolved: ResolvedKey) -> None:
    """Stamps the key's last use, to the hour, and leaves one entry for the hour in which it was used."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select touch_key(%s)", [resolved.key])
        row: tuple[Any, ...] = cursor.fetchone() or (False,)
        if row[0]:
            log.record(
                actor=actor,
                action=Action.KEY_USED,
                workspace=resolved.workspace,
                organization=resolved.organization_id,
                targets=[(Tag.KEY, resolved.key)],
            )


@cache
def _pepper() -> bytes:
    return cell_keys().derive(PEPPER_PURPOSE)
