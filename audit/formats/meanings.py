"""What each action of the registry means to a SIEM. A test fails for an action without a line here.

The numbers of classes, activities and severities are those of OCSF 1.8.0; categories and types those of ECS 8.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from audit.actions import Action, Value


class Severity(IntEnum):
    """OCSF's `severity_id`."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Outcome(Enum):
    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"
    """It has only begun, or nobody knows how it ended."""
    STATED = "stated"
    """As the entry's own `status` or `state` says; never of a line."""


class OcsfClass(IntEnum):
    """OCSF's `class_uid`; the thousands are the category."""

    BASE_EVENT = 0
    ACCOUNT_CHANGE = 3001
    AUTHENTICATION = 3002
    ENTITY_MANAGEMENT = 3004
    USER_ACCESS = 3005
    APPLICATION_LIFECYCLE = 6002
    API_ACTIVITY = 6003
    DATASTORE_ACTIVITY = 6005
    APPLICATION_ERROR = 6008


@dataclass(frozen=True, slots=True)
class Meaning:
    name: str
    """For people to read."""
    ocsf: OcsfClass
    activity: int
    """OCSF's `activity_id` in that class; 99 where the class has no word for it, and `name` is the activity's name then."""
    categories: tuple[str, ...]
    """ECS's `event.category`."""
    types: tuple[str, ...]
    """ECS's `event.type`."""
    severity: Severity = Severity.INFORMATIONAL
    outcome: Outcome = Outcome.SUCCESS
    about: str = ""
    """What is managed, for entity management: `organization`, `workspace`, `key` or `policy`."""
    severity_failed: Severity | None = None
    """In place of `severity` when it failed."""


OTHER = 99
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
_FAILURE, _UNKNOWN, _STATED = Outcome.FAILURE, Outcome.UNKNOWN, Outcome.STATED
_ACCOUNT, _LOGON, _ENTITY, _ACCESS = (
    OcsfClass.ACCOUNT_CHANGE,
    OcsfClass.AUTHENTICATION,
    OcsfClass.ENTITY_MANAGEMENT,
    OcsfClass.USER_ACCESS,
)
_LIFECYCLE, _API, _DATA, _ERROR = (
    OcsfClass.APPLICATION_LIFECYCLE,
    OcsfClass.API_ACTIVITY,
    OcsfClass.DATASTORE_ACTIVITY,
    OcsfClass.APPLICATION_ERROR,
)
_IAM, _AUTH, _CONFIG, _CALL, _STORE = ("iam",), ("authentication",), ("configuration",), ("api",), ("database",)
_CHANGE = ("change",)

UNMAPPED = Meaning("Unmapped event", OcsfClass.BASE_EVENT, OTHER, (), ("info",), outcome=_UNKNOWN)
"""For an action that a newer release wrote."""

MEANINGS: Mapping[Action, Meaning] = {
    Action.ORGANIZATION_CREATED: Meaning(
        "Organization created", _ENTITY, 1, _IAM, ("admin", "creation"), _LOW, about="organization"
    ),
    Action.ORGANIZATION_UPDATED: Meaning(
        "Organization updated", _ENTITY, 3, _IAM, ("admin", "change"), _LOW, about="organization"
    ),
    Action.WORKSPACE_CREATED: Meaning("Workspace created", _ENTITY, 1, _CONFIG, ("creation",), _LOW, about="workspace"),
    Action.WORKSPACE_UPDATED: Meaning("Workspace updated", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="workspace"),
    Action.REGION_LOCKED: Meaning(
        "Workspace locked to its region", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="workspace"
    ),
    Action.REGION_UNLOCKED: Meaning(
        "Workspace unlocked from its region", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="workspace"
    ),
    Action.KEY_ISSUED: Meaning("Key issued", _ENTITY, 1, _IAM, ("admin", "creation"), _LOW, about="key"),
    Action.KEY_UPDATED: Meaning("Key updated", _ENTITY, 3, _IAM, ("admin", "change"), _LOW, about="key"),
    Action.KEY_ROTATED: Meaning("Key rotated", _ENTITY, 3, _IAM, ("admin", "change"), _LOW, about="key"),
    Action.KEY_REVOKED: Meaning("Key revoked", _ENTITY, 11, _IAM, ("admin", "deletion"), _LOW, about="key"),
    Action.KEY_USED: Meaning("Key used", _LOGON, 1, _AUTH, ("start",)),
    Action.KEY_REFUSED: Meaning("Key refused", _LOGON, 1, _AUTH, ("start",), _MEDIUM, _FAILURE),
    Action.MEMBER_CREATED: Meaning("Member created", _ACCOUNT, 1, _IAM, ("creation", "user"), _LOW),
    Action.MEMBER_UPDATED: Meaning("Member updated", _ACCOUNT, OTHER, _IAM, ("change", "user"), _LOW),
    Action.MEMBER_REMOVED: Meaning("Member removed", _ACCOUNT, 6, _IAM, ("deletion", "user"), _LOW),
    Action.MEMBERSHIP_GRANTED: Meaning("Role granted", _ACCESS, 1, _IAM, ("change", "user"), _LOW),
    Action.MEMBERSHIP_CHANGED: Meaning("Role changed", _ACCESS, 1, _IAM, ("change", "user"), _LOW),
    Action.MEMBERSHIP_REVOKED: Meaning("Role revoked", _ACCESS, 2, _IAM, ("change", "user"), _LOW),
    Action.SIGNED_IN: Meaning("Signed in", _LOGON, 1, _AUTH, ("start",)),
    Action.SIGN_IN_REFUSED: Meaning("Sign-in refused", _LOGON, 1, _AUTH, ("start",), _MEDIUM, _FAILURE),
    Action.SIGNED_OUT: Meaning("Signed out", _LOGON, 2, _AUTH, ("end",)),
    Action.PASSWORD_CHANGED: Meaning("Password changed", _ACCOUNT, 3, _IAM, ("change", "user"), _MEDIUM),
    Action.TOTP_ENROLLED: Meaning("Second factor enrolled", _ACCOUNT, 10, _IAM, ("change", "user"), _LOW),
    Action.INFERENCE_REQUESTED: Meaning("Inference requested", _API, 1, _CALL, ("start",), outcome=_UNKNOWN),
    Action.INFERENCE_COMPLETED: Meaning("Inference completed", _API, 1, _CALL, ("end",), outcome=_STATED),
    Action.SERVING_CHANGED: Meaning("Serving policy changed", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="policy"),
    Action.REDACTION_TRIED: Meaning("Redaction tried on a text", _API, 2, _CALL, ("access",)),
    Action.REDACTION_CHANGED: Meaning(
        "Redaction policy changed", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="policy"
    ),
    Action.RETENTION_CHANGED: Meaning(
        "Retention policy changed", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="policy"
    ),
    Action.PAYLOADS_EXPIRED: Meaning("Payloads expired", _DATA, 7, _STORE, _CHANGE),
    Action.DATA_EXPIRED: Meaning("Data expired", _DATA, 7, _STORE, _CHANGE),
    Action.ERASURE_REQUESTED: Meaning("Erasure requested", _API, 1, _CALL, ("deletion", "start"), _LOW),
    Action.ERASURE_ADVANCED: Meaning("Erasure advanced", _DATA, 7, _STORE, _CHANGE, outcome=_UNKNOWN),
    Action.ERASURE_COMPLETED: Meaning("Erasure completed", _DATA, 7, ("api", "database"), ("deletion", "end"), _LOW),
    Action.ERASURE_FAILED: Meaning(
        "Erasure not complete", _DATA, 7, ("api", "database"), ("deletion", "end", "error"), _HIGH, _FAILURE
    ),
    Action.ERASURE_BEYOND_RECOVERY: Meaning("Erasure beyond recovery", _DATA, 7, _STORE, _CHANGE, _LOW),
    Action.HOLD_PLACED: Meaning("Legal hold placed", _ENTITY, 1, _CONFIG, ("creation",), _MEDIUM, about="policy"),
    Action.HOLD_RELEASED: Meaning("Legal hold released", _ENTITY, 4, _CONFIG, ("deletion",), _MEDIUM, about="policy"),
    Action.CERTIFICATE_DOWNLOADED: Meaning("Certificate downloaded", _API, 2, _CALL, ("access",)),
    Action.EXPORT_REQUESTED: Meaning("Audit export requested", _API, 1, _CALL, ("creation", "start")),
    Action.EXPORT_COMPLETED: Meaning(
        # It fails when the database no longer holds what was signed.
        "Audit export ended",
        _API,
        1,
        _CALL,
        ("creation", "end"),
        outcome=_STATED,
        severity_failed=_CRITICAL,
    ),
    Action.EXPORT_DOWNLOADED: Meaning("Audit export downloaded", _API, 2, _CALL, ("access",), _LOW),
    Action.SCHEDULE_CREATED: Meaning(
        "Audit export scheduled", _ENTITY, 1, _CONFIG, ("creation",), _LOW, about="policy"
    ),
    Action.SCHEDULE_CHANGED: Meaning(
        "Audit export schedule changed", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="policy"
    ),
    Action.SCHEDULE_ENDED: Meaning(
        # Whoever wants to act unseen turns the export off first.
        "Audit export schedule ended",
        _ENTITY,
        4,
        _CONFIG,
        ("deletion",),
        _HIGH,
        about="policy",
    ),
    Action.DELIVERY_ACKNOWLEDGED: Meaning("Audit export delivered", _API, 1, _CALL, ("end",)),
    Action.DELIVERY_STOPPED: Meaning("Audit export not deliverable", _API, 1, _CALL, ("end",), _HIGH, _FAILURE),
    Action.DELIVERY_DOWNLOADED: Meaning("Delivered audit export downloaded", _API, 2, _CALL, ("access",), _LOW),
    Action.WORKSPACE_KEY_CREATED: Meaning("Workspace key created", _ENTITY, 1, _CONFIG, ("creation",), about="key"),
    Action.WORKSPACE_KEY_ROTATED: Meaning("Workspace key rotated", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="key"),
    Action.WORKSPACE_KEY_REWRAPPED: Meaning(
        "Workspace key wrapped anew", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="key"
    ),
    Action.WORKSPACE_KEY_DESTROYED: Meaning(
        "Workspace key destroyed", _ENTITY, 4, _CONFIG, ("deletion",), _HIGH, about="key"
    ),
    Action.EPOCH_KEY_CREATED: Meaning("Epoch key created", _ENTITY, 1, _CONFIG, ("creation",), about="key"),
    Action.EPOCH_KEY_DESTROYED: Meaning("Epoch key destroyed", _ENTITY, 4, _CONFIG, ("deletion",), about="key"),
    Action.ROOT_KEY_ROTATED: Meaning("Root key rotated", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="key"),
    Action.HEARTBEAT: Meaning("Log heartbeat", _LIFECYCLE, OTHER, _CONFIG, ("info",)),
    Action.SIGNER_ROTATED: Meaning("Log signing key rotated", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="key"),
    # Somebody outside says that the log was rewritten.
    Action.WITNESS_REFUSED: Meaning("Log refused by a witness", _ERROR, 1, _CONFIG, ("info",), _CRITICAL, _FAILURE),
    Action.WITNESSES_CHANGED: Meaning(
        "Witnesses of the log changed", _ENTITY, 3, _CONFIG, _CHANGE, _MEDIUM, about="policy"
    ),
    Action.DETAIL_READ: Meaning("Personal detail of an entry read", _API, 2, _CALL, ("access",), _LOW),
    Action.DETAIL_DESTROYED: Meaning("Personal detail of entries destroyed", _DATA, 7, _STORE, _CHANGE, _LOW),
    Action.PSEUDONYMS_RENEWED: Meaning(
        "Pseudonyms renewed", _ENTITY, 3, _IAM, ("change", "user"), _MEDIUM, about="key"
    ),
    Action.JOB_FAILED: Meaning("Job failed", _ERROR, 1, ("process",), ("end",), _MEDIUM, _FAILURE),
    Action.MODEL_IMPORTED: Meaning("Model imported", _LIFECYCLE, 1, ("package",), ("installation",), _LOW),
    Action.MODEL_COMPILED: Meaning("Model compiled", _LIFECYCLE, 1, ("package",), ("installation",), _LOW),
    # A version misbehaved and is taken back in the same moment.
    Action.MODEL_GUARDED: Meaning("Guard of a model tripped", _ERROR, 1, ("package",), ("info",), _HIGH, _FAILURE),
    Action.MODEL_DEPLOYED: Meaning("Model deployment changed", _LIFECYCLE, 8, ("package",), _CHANGE, _LOW),
    Action.MODEL_REMOVED: Meaning("Model removed", _LIFECYCLE, 2, ("package",), ("deletion",), _LOW),
    Action.CELL_MIGRATED: Meaning("Cell migrated", _LIFECYCLE, 8, _CONFIG, _CHANGE, _LOW),
    Action.BACKUP_MADE: Meaning("Backup made", _DATA, OTHER, _STORE, ("info",), _LOW),
    Action.BACKUP_REMOVED: Meaning("Backups removed", _DATA, 7, _STORE, _CHANGE, _LOW),
    Action.BACKUP_DRILLED: Meaning("Restore drill ended", _DATA, OTHER, _STORE, ("info",), _LOW),
    # Everything after the backup is gone, and what was erased since has to be erased anew.
    Action.CELL_RESTORED: Meaning("Cell restored from a backup", _LIFECYCLE, OTHER, _CONFIG, _CHANGE, _HIGH),
    Action.LEDGER_REPLAYED: Meaning("Erasures replayed after a restore", _DATA, 7, _STORE, _CHANGE, _HIGH),
    Action.SUBJECT_EXPORTED: Meaning("A person's data handed out", _API, 2, _CALL, ("access",), _MEDIUM),
    Action.AGREEMENT_ACCEPTED: Meaning(
        "Data processing agreement accepted", _ENTITY, 3, _CONFIG, _CHANGE, _LOW, about="organization"
    ),
    Action.SUBPROCESSORS_PUBLISHED: Meaning(
        "List of sub-processors published", _LIFECYCLE, OTHER, _CONFIG, _CHANGE, _MEDIUM
    ),
    Action.SUBPROCESSORS_ANNOUNCED: Meaning(
        "Change of sub-processors announced", _LIFECYCLE, OTHER, _CONFIG, ("info",), _MEDIUM
    ),
    Action.SUBPROCESSORS_ACKNOWLEDGED: Meaning(
        "Change of sub-processors acknowledged", _ENTITY, 3, _CONFIG, ("info",), _LOW, about="organization"
    ),
}

_BY_NAME = {action.value: meaning for action, meaning in MEANINGS.items()}
_STATES = {
    "completed": Outcome.SUCCESS,
    "ready": Outcome.SUCCESS,
    "failed": Outcome.FAILURE,
    "cancelled": Outcome.FAILURE,
}


def meaning_of(action: str) -> Meaning:
    """UNMAPPED for an action that is not in this release's registry."""
    return _BY_NAME.get(action, UNMAPPED)


def outcome_of(meaning: Meaning, after: Mapping[str, Value] | None) -> Outcome:
    """How it went, by the entry's own words where `meaning` leaves it to them."""
    if meaning.outcome is not Outcome.STATED:
        return meaning.outcome
    said = (after or {}).get("status") or (after or {}).get("state")
    return _STATES.get(said, Outcome.UNKNOWN) if isinstance(said, str) else Outcome.UNKNOWN
