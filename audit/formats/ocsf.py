"""Entries as events of OCSF 1.8.0 (schema.ocsf.io) with the profiles `cloud` and `datetime`, and `ai_operation` for inference;
`host` where a class has its actor from there.

A member is `user.uid` by pseudonym, a key `user.uid` by id. The address of a caller is not in an entry, so a required
`src_endpoint` says that it is not recorded. `raw_data` is the entry itself, `raw_data_hash` its SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from audit.formats.line import Line
from audit.formats.meanings import MEANINGS, OTHER, UNMAPPED, Meaning, OcsfClass, Outcome, Severity

SCHEMA = "1.8.0"
MAPPING = "1"
"""Grows when the same entry would give another line."""

_encode = msgspec.json.Encoder().encode
_PROFILES = ["cloud", "datetime"]
_AI_PROFILES = [*_PROFILES, "ai_operation"]
_HOST_PROFILES = [*_PROFILES, "host"]
_ACTOR_FROM_HOST = {OcsfClass.BASE_EVENT, OcsfClass.APPLICATION_LIFECYCLE, OcsfClass.APPLICATION_ERROR}
_PRODUCT = {"name": "Bailiwick", "vendor_name": "Bailiwick", "version": MAPPING}
_SERVICE = {"name": "Bailiwick"}
_NOT_RECORDED = {"name": "not-recorded"}
_NOBODY = {"name": "unknown", "type_id": 0, "type": "Unknown"}
_CATEGORIES = {0: "Uncategorized", 3: "Identity & Access Management", 6: "Application Activity"}
_CLASSES = {
    OcsfClass.BASE_EVENT: "Base Event",
    OcsfClass.ACCOUNT_CHANGE: "Account Change",
    OcsfClass.AUTHENTICATION: "Authentication",
    OcsfClass.ENTITY_MANAGEMENT: "Entity Management",
    OcsfClass.USER_ACCESS: "User Access Management",
    OcsfClass.APPLICATION_LIFECYCLE: "Application Lifecycle",
    OcsfClass.API_ACTIVITY: "API Activity",
    OcsfClass.DATASTORE_ACTIVITY: "Datastore Activity",
    OcsfClass.APPLICATION_ERROR: "Application Error",
}
_ACTIVITIES = {
    OcsfClass.BASE_EVENT: {},
    OcsfClass.ACCOUNT_CHANGE: {1: "Create", 3: "Password Change", 6: "Delete", 10: "MFA Factor Enable"},
    OcsfClass.AUTHENTICATION: {1: "Logon", 2: "Logoff"},
    OcsfClass.ENTITY_MANAGEMENT: {1: "Create", 3: "Update", 4: "Delete", 11: "Deactivate"},
    OcsfClass.USER_ACCESS: {1: "Assign Privileges", 2: "Revoke Privileges"},
    OcsfClass.APPLICATION_LIFECYCLE: {1: "Install", 2: "Remove", 8: "Update"},
    OcsfClass.API_ACTIVITY: {1: "Create", 2: "Read", 3: "Update", 4: "Delete"},
    OcsfClass.DATASTORE_ACTIVITY: {7: "Delete"},
    OcsfClass.APPLICATION_ERROR: {1: "General Error"},
}
_STATUSES = {
    Outcome.SUCCESS: (1, "Success"),
    Outcome.FAILURE: (2, "Failure"),
    Outcome.UNKNOWN: (0, "Unknown"),
}
_SEVERITIES = {severity: severity.name.capitalize() for severity in Severity}
# OCSF has a number for a policy and an organization; what else is managed is named in words.
_ENTITIES = {
    "organization": (4, "Organization"),
    "policy": (5, "Policy"),
    "workspace": (OTHER, "Workspace"),
    "key": (OTHER, "API key"),
}
_KINDS = {
    "ws": "workspace",
    "org": "organization",
    "key": "API key",
    "req": "request",
    "exp": "export",
    "sch": "export schedule",
    "dlv": "export delivery",
    "ers": "erasure",
    "job": "job",
}


def write(line: Line) -> bytes:
    """One event as JSON on one line, without its newline."""
    return _encode(event(line))


def event(line: Line) -> dict[str, Any]:
    meaning, entry = line.meaning, line.entry
    status_id, status = _STATUSES[line.outcome]
    severity = line.severity
    found: dict[str, Any] = {
        **_CLASSIFIED[meaning.name],
        "time": line.milliseconds,
        "time_dt": entry.time,
        "severity_id": int(severity),
        "severity": _SEVERITIES[severity],
        "status_id": status_id,
        "status": status,
        "message": meaning.name,
        "metadata": _metadata(line),
        "cloud": _cloud(line),
        "actor": _actor(line),
    }
    cause = line.field("cause")
    if isinstance(cause, str):
        found["status_detail"] = cause
    _MEMBERS[meaning.ocsf](line, found)
    found["raw_data"] = line.body.decode()
    found["raw_data_hash"] = {"algorithm_id": 3, "algorithm": "SHA-256", "value": line.sha256}
    found["raw_data_size"] = len(line.body)
    found["unmapped"] = _unmapped(line)
    return found


def _classified(meaning: Meaning) -> dict[str, Any]:
    class_, activity = meaning.ocsf, meaning.activity
    category = class_ // 1000
    name = meaning.name if activity == OTHER else _ACTIVITIES[class_][activity]
    return {
        "class_uid": int(class_),
        "class_name": _CLASSES[class_],
        "category_uid": category,
        "category_name": _CATEGORIES[category],
        "activity_id": activity,
        "activity_name": name,
        "type_uid": class_ * 100 + activity,
        "type_name": f"{_CLASSES[class_]}: {'Other' if activity == OTHER else name}",
    }


_CLASSIFIED = {meaning.name: _classified(meaning) for meaning in (*MEANINGS.values(), UNMAPPED)}


def _metadata(line: Line) -> dict[str, Any]:
    entry = line.entry
    found: dict[str, Any] = {
        "version": SCHEMA,
        "product": _PRODUCT,
        "uid": entry.id,
        "event_code": entry.action,
        "sequence": line.seq,
        "log_name": line.log.origin,
        "log_version": str(entry.v),
        "original_time": entry.time,
        "profiles": _profiles(line),
    }
    tenant = entry.workspace or entry.organization
    if tenant is not None:
        found["tenant_uid"] = tenant
    if line.request is not None:
        found["correlation_uid"] = line.request
    return found


def _profiles(line: Line) -> list[str]:
    if line.meaning.ocsf in _ACTOR_FROM_HOST:
        return _HOST_PROFILES
    return _AI_PROFILES if line.is_inference else _PROFILES


def _cloud(line: Line) -> dict[str, Any]:
    entry = line.entry
    found: dict[str, Any] = {"provider": "Bailiwick", "region": line.log.region}
    if entry.workspace is not None:
        found["account"] = {"uid": entry.workspace}
    if entry.organization is not None:
        found["org"] = {"uid": entry.organization}
    return found


def _actor(line: Line) -> dict[str, Any]:
    actor = line.entry.actor
    if actor.id is not None:
        return {"user": _member(actor.id)}
    if actor.key is not None:
        return {"user": _key(actor.key)}
    # The cell itself: a job, the sealer, a command of the operator.
    return {"app_name": "Bailiwick", "app_uid": actor.auth}


def _member(pseudonym: str) -> dict[str, Any]:
    return {"uid": pseudonym, "type_id": 1, "type": "User"}


def _key(key: str) -> dict[str, Any]:
    return {
        "uid": key,
        "type_id": 4,
        "type": "Service",
        "programmatic_credentials": [{"uid": key, "type": "API key"}],
    }


def _unmapped(line: Line) -> dict[str, Any]:
    entry = line.entry
    found: dict[str, Any] = {"leaf_hash": line.leaf_hash, "auth": entry.actor.auth, "cell": entry.cell}
    for name in ("scope", "before", "after", "detail_commit"):
        if (value := getattr(entry, name)) is not None:
            found[name] = value
    if entry.targets:
        found["targets"] = entry.targets
    return found


def _user(line: Line) -> dict[str, Any]:
    """To whom it was done, or who did it to themselves."""
    if line.member is not None:
        return _member(line.member)
    user = _actor(line).get("user")
    return user if isinstance(user, dict) else _NOBODY


def _account_change(line: Line, found: dict[str, Any]) -> None:
    found["user"] = _user(line)


def _authentication(line: Line, found: dict[str, Any]) -> None:
    found["user"] = _user(line)
    found["service"] = _SERVICE
    method = line.field("method")
    if isinstance(method, str):
        found["auth_protocol_id"], found["auth_protocol"] = OTHER, method
        found["is_mfa"] = "+" in method


def _user_access(line: Line, found: dict[str, Any]) -> None:
    found["user"] = _user(line)
    role = line.field("role")
    found["privileges"] = [role] if isinstance(role, str) else ["unknown"]
    found["resources"] = _resources(line)


def _entity_management(line: Line, found: dict[str, Any]) -> None:
    entry = line.entry
    number, name = _ENTITIES[line.meaning.about]
    uid = next(iter(entry.targets), None) or entry.workspace or entry.organization or entry.cell
    found["entity"] = {"uid": uid, "type_id": number, "type": name}
    version = line.number("version")
    if version is not None:
        found["entity"]["version"] = str(version)


def _application_lifecycle(line: Line, found: dict[str, Any]) -> None:
    found["app"] = {"name": next(iter(line.entry.targets), "Bailiwick")}


def _api_activity(line: Line, found: dict[str, Any]) -> None:
    api: dict[str, Any] = {"operation": line.entry.action, "service": _SERVICE}
    if line.request is not None:
        api["request"] = {"uid": line.request}
    if line.is_inference:
        _inference(line, found)
    found["api"] = api
    found["src_endpoint"] = _source(line)
    if line.entry.targets:
        found["resources"] = _resources(line)
    code = line.number("http_status")
    if code is not None:
        api["response"] = {"code": code}
        found["http_response"] = {"code": code}
        found["status_code"] = str(code)
    milliseconds = line.number("duration_ms")
    if milliseconds is not None:
        found["duration"] = milliseconds


def _inference(line: Line, found: dict[str, Any]) -> None:
    model = line.field("model")
    if isinstance(model, str):
        found["ai_model"] = {"name": model, "ai_provider": "Bailiwick"}
    context: dict[str, Any] = {"uid": line.request or line.entry.id}
    prompt, completion = line.number("prompt_tokens"), line.number("completion_tokens")
    if prompt is not None:
        context["prompt_tokens"] = prompt
    if completion is not None:
        context["completion_tokens"] = completion
    found["message_context"] = context


def _datastore_activity(line: Line, found: dict[str, Any]) -> None:
    found["databucket"] = {"name": "payloads", "type_id": OTHER, "type": "Sealed payloads"}
    found["src_endpoint"] = _source(line)


def _nothing_more(line: Line, found: dict[str, Any]) -> None:
    """The class has nothing of its own that an entry could fill."""


def _source(line: Line) -> dict[str, Any]:
    return _NOT_RECORDED if line.actor is not None else {"name": line.entry.cell}


def _resources(line: Line) -> list[dict[str, Any]]:
    return [_resource(target) for target in line.entry.targets]


def _resource(target: str) -> dict[str, Any]:
    if target.startswith("member:"):
        return {"uid": target.removeprefix("member:"), "type": "member", "role_id": 1, "role": "Target"}
    kind = _KINDS.get(target.partition("_")[0])
    if kind is None:
        return {"name": target, "role_id": 1, "role": "Target"}
    return {"uid": target, "type": kind, "role_id": 1, "role": "Target"}


_MEMBERS: dict[OcsfClass, Callable[[Line, dict[str, Any]], None]] = {
    OcsfClass.BASE_EVENT: _nothing_more,
    OcsfClass.ACCOUNT_CHANGE: _account_change,
    OcsfClass.AUTHENTICATION: _authentication,
    OcsfClass.ENTITY_MANAGEMENT: _entity_management,
    OcsfClass.USER_ACCESS: _user_access,
    OcsfClass.APPLICATION_LIFECYCLE: _application_lifecycle,
    OcsfClass.API_ACTIVITY: _api_activity,
    OcsfClass.DATASTORE_ACTIVITY: _datastore_activity,
    OcsfClass.APPLICATION_ERROR: _nothing_more,
}
