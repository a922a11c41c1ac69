"""Entries as documents of the Elastic Common Schema 8.17. What ECS has no field for is under `bailiwick.`.

`event.original` is the entry itself and `event.hash` its SHA-256: the two fields that ECS keeps for showing that a log is whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from audit.formats.line import Line

SCHEMA = "8.17.0"

_encode = msgspec.json.Encoder().encode
_ECS = {"version": SCHEMA}
_OBSERVER = {"vendor": "Bailiwick", "product": "Bailiwick", "type": "audit"}
_SERVICE = {"name": "bailiwick", "type": "bailiwick"}


def write(line: Line) -> bytes:
    """One document as JSON on one line, without its newline."""
    return _encode(document(line))


def document(line: Line) -> dict[str, Any]:
    entry = line.entry
    found: dict[str, Any] = {
        "@timestamp": entry.time,
        "ecs": _ECS,
        "message": line.meaning.name,
        "event": _event(line),
        "observer": _OBSERVER,
        "service": _SERVICE,
        "cloud": _cloud(line),
        "log": {"logger": line.log.origin},
        "related": _related(line),
        "bailiwick": _own(line),
    }
    if entry.organization is not None:
        found["organization"] = {"id": entry.organization}
    user = _user(line)
    if user:
        found["user"] = user
    http = _http(line)
    if http:
        found["http"] = http
    return found


def _event(line: Line) -> dict[str, Any]:
    entry, meaning = line.entry, line.meaning
    found: dict[str, Any] = {
        "kind": "event",
        "category": meaning.categories,
        "type": meaning.types,
        "action": entry.action,
        "code": entry.action,
        "outcome": line.outcome.value,
        "severity": int(line.severity),
        "id": entry.id,
        "sequence": line.seq,
        "module": "bailiwick",
        "dataset": "bailiwick.audit",
        "provider": entry.cell,
        "hash": line.sha256,
        "original": line.body.decode(),
    }
    cause = line.field("cause")
    if isinstance(cause, str):
        found["reason"] = cause
    milliseconds = line.number("duration_ms")
    if milliseconds is not None:
        found["duration"] = milliseconds * 1_000_000
    return found


def _cloud(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"provider": "bailiwick", "region": line.log.region}
    if line.entry.workspace is not None:
        found["project"] = {"id": line.entry.workspace}
    return found


def _user(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if line.actor is not None:
        found["id"] = line.actor
    if line.member is not None:
        found["target"] = {"id": line.member}
        role = line.field("role")
        if isinstance(role, str):
            found["target"]["roles"] = [role]
    return found


def _http(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if line.request is not None:
        found["request"] = {"id": line.request}
    code = line.number("http_status")
    if code is not None:
        found["response"] = {"status_code": code}
    return found


def _related(line: Line) -> dict[str, Any]:
    users = [user for user in (line.actor, line.member) if user is not None]
    found: dict[str, Any] = {"hash": [line.sha256, line.leaf_hash]}
    if users:
        found["user"] = list(dict.fromkeys(users))
    return found


def _own(line: Line) -> dict[str, Any]:
    entry, actor = line.entry, line.entry.actor
    found: dict[str, Any] = {
        "leaf_hash": line.leaf_hash,
        "version": entry.v,
        "actor": {"type": actor.type, "auth": actor.auth},
    }
    for name in ("scope", "before", "after", "detail_commit"):
        if (value := getattr(entry, name)) is not None:
            found[name] = value
    if entry.targets:
        found["targets"] = entry.targets
    return found
