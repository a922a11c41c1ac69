"""The closed registry of what can be written to the audit log, and which fields each action may show before and after.

An entry outlives erasure, so nothing personal and nothing a person typed may get in: fields are named here one by one, and
their values are numbers, truth values, times, ids and words of our own, never text. Names, reasons, addresses and labels are
changed without being repeated. A new kind of event is a new line here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

Value = None | bool | int | str | list[str] | dict[str, int]
"""What a field may hold. Strings are `WORD`s; integers are within ±(2⁵³ - 1), so that every JSON reader agrees on them."""

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
_LARGEST_INTEGER = (1 << 53) - 1


class FieldError(ValueError):
    """A field that the action does not list, or a value that is not a number, an id or a word of ours. Names the field only."""


class Action(StrEnum):
    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_UPDATED = "organization.updated"
    WORKSPACE_CREATED = "workspace.created"
    WORKSPACE_UPDATED = "workspace.updated"
    REGION_LOCKED = "workspace.region-locked"
    REGION_UNLOCKED = "workspace.region-unlocked"

    KEY_ISSUED = "key.issued"
    KEY_UPDATED = "key.updated"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    KEY_USED = "key.used"
    KEY_REFUSED = "key.refused"

    MEMBER_CREATED = "member.created"
    MEMBER_UPDATED = "member.updated"
    MEMBER_REMOVED = "member.removed"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_CHANGED = "membership.changed"
    MEMBERSHIP_REVOKED = "membership.revoked"
    SIGNED_IN = "member.signed-in"
    SIGN_IN_REFUSED = "member.sign-in-refused"
    SIGNED_OUT = "member.signed-out"
    PASSWORD_CHANGED = "member.password-changed"
    TOTP_ENROLLED = "member.totp-enrolled"

    INFERENCE_REQUESTED = "inference.requested"
    INFERENCE_COMPLETED = "inference.completed"

    SERVING_CHANGED = "serving.changed"
    REDACTION_TRIED = "redaction.tried"
    REDACTION_CHANGED = "redaction.changed"
    RETENTION_CHANGED = "retention.changed"
    PAYLOADS_EXPIRED = "payloads.expired"
    DATA_EXPIRED = "data.expired"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_ADVANCED = "erasure.advanced"
    ERASURE_COMPLETED = "erasure.completed"
    ERASURE_FAILED = "erasure.failed"
    ERASURE_BEYOND_RECOVERY = "erasure.beyond_recovery"
    CERTIFICATE_DOWNLOADED = "certificate.downloaded"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"

    EXPORT_REQUESTED = "export.requested"
    EXPORT_COMPLETED = "export.completed"
    EXPORT_DOWNLOADED = "export.downloaded"
    SCHEDULE_CREATED = "export-schedule.created"
    SCHEDULE_CHANGED = "export-schedule.changed"
    SCHEDULE_ENDED = "export-schedule.ended"
    DELIVERY_ACKNOWLEDGED = "export-delivery.acknowledged"
    DELIVERY_STOPPED = "export-delivery.stopped"
    DELIVERY_DOWNLOADED = "export-delivery.downloaded"

    WORKSPACE_KEY_CREATED = "workspace-key.created"
    WORKSPACE_KEY_ROTATED = "workspace-key.rotated"
    WORKSPACE_KEY_REWRAPPED = "workspace-key.rewrapped"
    WORKSPACE_KEY_DESTROYED = "workspace-key.destroyed"
    EPOCH_KEY_CREATED = "epoch-key.created"
    EPOCH_KEY_DESTROYED = "epoch-key.destroyed"
    ROOT_KEY_ROTATED = "root-key.rotated"

    SUBPROCESSORS_PUBLISHED = "subprocessors.published"
    SUBPROCESSORS_ANNOUNCED = "subprocessors.announced"
    SUBPROCESSORS_ACKNOWLEDGED = "subprocessors.acknowledged"
    AGREEMENT_ACCEPTED = "agreement.accepted"
    SUBJECT_EXPORTED = "subject.exported"

    JOB_FAILED = "job.failed"
    MODEL_IMPORTED = "model.imported"
    MODEL_COMPILED = "model.compiled"
    MODEL_DEPLOYED = "model.deployed"
    MODEL_GUARDED = "model.guard-tripped"
    MODEL_REMOVED = "model.removed"
    CELL_MIGRATED = "cell.migrated"

    HEARTBEAT = "log.heartbeat"
    SIGNER_ROTATED = "log.signer-rotated"
    WITNESS_REFUSED = "log.witness-refused"
    WITNESSES_CHANGED = "witnesses.changed"
    DETAIL_READ = "detail.read"
    DETAIL_DESTROYED = "detail.destroyed"
    PSEUDONYMS_RENEWED = "pseudonyms.renewed"
    BACKUP_MADE = "backup.made"
    BACKUP_REMOVED = "backup.removed"
    BACKUP_DRILLED = "backup.drilled"
    CELL_RESTORED = "cell.restored"
    LEDGER_REPLAYED = "ledger.replayed"


_WORKSPACE = {"environment", "region", "region_locked", "state", "version"}
_KEY = {"scopes", "expires_at", "networks", "state", "workspace", "replaced_by", "overlap_until", "environment"}
_MEMBER = {"role", "state", "totp"}
_SERVING = {
    "preset",
    "cache_scope",
    "lanes",
    "concurrency",
    "realtime_reserve_percent",
    "requests_per_minute",
    "tokens_per_minute",
    "queued_tokens",
    "weight_percent",
    "version",
}
_RETENTION = {"store_payloads", "payload_days", "classes", "overridden", "version"}
_REDACTION = {
    "actions",
    "allow",
    "context_required",
    "countries",
    "custom",
    "default_action",
    "deny",
    "evidence_hash",
    "languages",
    "ner",
    "ner_min_score_percent",
    "on_error",
    "output_scan",
    "placeholder",
    "routes_left_out",
    "thresholds_percent",
    "version",
}
_ERASURE = {"state", "scope", "request", "stores", "removed", "statement_sha256"}
_DEPLOYMENT = {
    "model",
    "versions",
    "previous",
    "small",
    "large",
    "threshold_millionths",
    "window",
    "batch_window_us",
    "max_batch_size",
    "p95_budget_us",
    "artifacts",
    "stage",
    "cause",
}
_KEY_STORE = {"version", "day", "root", "own"}
_SUBPROCESSORS = {"version", "objection_days", "count", "added", "removed", "changed"}
_SCHEDULE = {"kind", "format", "interval_hours", "legal_area", "region", "state", "version"}
_DELIVERY = {"state", "first", "end", "entries", "manifest_sha256", "evidence", "attempts", "cause", "schedule"}
_REPLAY = {
    "tombstones",
    "requests",
    "subjects",
    "workspaces",
    "workspaces_unknown",
    "verified",
    "ledger_lines",
    "ledger_head",
}
_EXPORT = {"state", "first", "end", "entries", "manifest_sha256", "bytes", "formats"}

FIELDS: Mapping[Action, frozenset[str]] = {
    action: frozenset(fields)
    for action, fields in {
        Action.ORGANIZATION_CREATED: {"state"},
        Action.ORGANIZATION_UPDATED: {"state"},
        Action.WORKSPACE_CREATED: _WORKSPACE,
        Action.WORKSPACE_UPDATED: _WORKSPACE,
        Action.REGION_LOCKED: _WORKSPACE,
        Action.REGION_UNLOCKED: _WORKSPACE,
        Action.KEY_ISSUED: _KEY,
        Action.KEY_UPDATED: _KEY,
        Action.KEY_ROTATED: _KEY,
        Action.KEY_REVOKED: _KEY,
        Action.KEY_USED: {"method", "endpoint"},
        Action.KEY_REFUSED: {"cause"},
        Action.MEMBER_CREATED: _MEMBER,
        Action.MEMBER_UPDATED: _MEMBER,
        Action.MEMBER_REMOVED: _MEMBER,
        Action.MEMBERSHIP_GRANTED: {"role"},
        Action.MEMBERSHIP_CHANGED: {"role"},
        Action.MEMBERSHIP_REVOKED: {"role"},
        Action.SIGNED_IN: {"method"},
        Action.SIGN_IN_REFUSED: {"cause"},
        Action.SIGNED_OUT: set[str](),
        Action.PASSWORD_CHANGED: set[str](),
        Action.TOTP_ENROLLED: set[str](),
        Action.INFERENCE_REQUESTED: {"kind", "model", "lane", "ner", "streamed", "redactions", "policy", "unredacted"},
        Action.INFERENCE_COMPLETED: {
            "status",
            "http_status",
            "finish_reason",
            "found_in_output",
            "prompt_tokens",
            "completion_tokens",
            "redactions",
            "duration_ms",
            "stored",
            "weights",
        },
        Action.SERVING_CHANGED: _SERVING,
        Action.REDACTION_TRIED: {"redactions"},
        Action.REDACTION_CHANGED: _REDACTION,
        Action.RETENTION_CHANGED: _RETENTION,
        Action.PAYLOADS_EXPIRED: {"removed", "keys_destroyed", "payload_days"},
        Action.DATA_EXPIRED: {"data_class", "removed", "days"},
        Action.ERASURE_REQUESTED: _ERASURE,
        Action.ERASURE_ADVANCED: _ERASURE,
        Action.ERASURE_COMPLETED: _ERASURE,
        Action.ERASURE_FAILED: _ERASURE | {"cause"},
        Action.ERASURE_BEYOND_RECOVERY: _ERASURE,
        Action.CERTIFICATE_DOWNLOADED: {"statement_sha256"},
        Action.HOLD_PLACED: {"scope", "released"},
        Action.HOLD_RELEASED: {"scope", "released"},
        Action.EXPORT_REQUESTED: _EXPORT,
        Action.EXPORT_COMPLETED: _EXPORT,
        Action.EXPORT_DOWNLOADED: {"manifest_sha256"},
        Action.SCHEDULE_CREATED: _SCHEDULE,
        Action.SCHEDULE_CHANGED: _SCHEDULE,
        Action.SCHEDULE_ENDED: _SCHEDULE,
        Action.DELIVERY_ACKNOWLEDGED: _DELIVERY,
        Action.DELIVERY_STOPPED: _DELIVERY,
        Action.DELIVERY_DOWNLOADED: {"manifest_sha256"},
        Action.WORKSPACE_KEY_CREATED: _KEY_STORE,
        Action.WORKSPACE_KEY_ROTATED: _KEY_STORE,
        Action.WORKSPACE_KEY_REWRAPPED: _KEY_STORE,
        Action.WORKSPACE_KEY_DESTROYED: _KEY_STORE,
        Action.EPOCH_KEY_CREATED: _KEY_STORE,
        Action.EPOCH_KEY_DESTROYED: _KEY_STORE,
        Action.ROOT_KEY_ROTATED: {"root", "rewrapped", "seed_resealed"},
        Action.SUBPROCESSORS_PUBLISHED: _SUBPROCESSORS,
        Action.SUBPROCESSORS_ANNOUNCED: _SUBPROCESSORS,
        Action.SUBPROCESSORS_ACKNOWLEDGED: {"version"},
        Action.AGREEMENT_ACCEPTED: {"version", "document_sha256"},
        Action.SUBJECT_EXPORTED: {"requests", "payloads", "entries", "bytes", "complete"},
        Action.JOB_FAILED: {"kind", "attempts", "cause"},
        Action.MODEL_IMPORTED: {"model", "kind", "sha256", "bytes"},
        Action.MODEL_COMPILED: {
            "model",
            "sha256",
            "weights",
            "contract",
            "passed",
            "artifact",
            "bytes",
            "parity_millionths",
        },
        Action.MODEL_DEPLOYED: _DEPLOYMENT,
        Action.MODEL_GUARDED: {"model", "artifact", "guard", "stage", "seen", "bad"},
        Action.MODEL_REMOVED: {"model", "kind", "sha256", "artifact", "weights"},
        Action.CELL_MIGRATED: {"release"},
        Action.HEARTBEAT: {"interval_s"},
        Action.SIGNER_ROTATED: {"generation", "vkey", "overlap_until"},
        Action.WITNESS_REFUSED: {"witness", "cause", "size", "cosigned_size"},
        Action.WITNESSES_CHANGED: {"witnesses"},
        Action.DETAIL_READ: set[str](),
        Action.DETAIL_DESTROYED: {"removed"},
        Action.PSEUDONYMS_RENEWED: set[str](),
        Action.BACKUP_MADE: {"region", "files_sha256", "bytes", "files", "log_size", "ledger_lines", "ledger_head"},
        Action.BACKUP_REMOVED: {"keys_removed", "removed", "horizon_days"},
        Action.BACKUP_DRILLED: {
            "passed",
            "cause",
            "duration_ms",
            "tombstones",
            "entries",
            "payloads_opened",
            "verified",
        },
        Action.CELL_RESTORED: _REPLAY | {"keys_from", "ledger_older", "log_size", "entries", "payloads_opened"},
        Action.LEDGER_REPLAYED: _REPLAY,
    }.items()
}


def checked(action: Action, fields: Mapping[str, object] | None) -> dict[str, Value] | None:
    """`fields` of a before or after, if `action` may show them. Raises FieldError, which never repeats a value."""
    if fields is None:
        return None
    allowed = FIELDS[action]
    clean: dict[str, Value] = {}
    for name, value in fields.items():
        if name not in allowed:
            raise FieldError(
                f"{action} does not list a field {name!r}: add it to audit.actions if it is never personal"
            )
        clean[name] = _checked_value(action, name, value)
    return clean


def _checked_value(action: Action, name: str, value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
        return value
    if isinstance(value, str) and WORD.fullmatch(value):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset) and all(_is_word(item) for item in value):
        return (
            sorted(str(item) for item in value) if isinstance(value, set | frozenset) else [str(item) for item in value]
        )
    if isinstance(value, Mapping) and all(_is_word(key) and type(count) is int for key, count in value.items()):
        return {str(key): count for key, count in value.items()}
    raise FieldError(f"{action}: the value of {name!r} is not a number, a truth value, an id or a word of ours")


def _is_word(item: object) -> bool:
    return isinstance(item, str) and WORD.fullmatch(item) is not None
