"""The record of processing activities of a workspace (GDPR 30(2)), made from what runs and what is configured.

docs/formats/records-of-processing.md describes it. It is made anew whenever somebody asks, and states nothing that the cell does
not know: what its operator or the organization has to say and did not say is null.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from audit import proofs
from audit.entry import now, timestamp
from audit.schedules import schedule_list
from audit.signing import vkeys
from cell.access import WorkspaceRef
from cell.config import config
from cell.countries import legal_area
from cell.keystore import custody
from cell.object_config import S3Bucket
from cell.tenancy import isolation
from inference.gateway.deployments import deployment_list
from inference.gateway.redaction_policies import redaction_policy_get
from inference.gateway.usage import models_used
from inference.redaction import TYPES
from retention import classes, stores
from retention.contracts import Policy
from retention.policies import retention_policy
from retention.terms import days_of
from workspaces.agreements import agreement_get
from workspaces.regions import own_region
from workspaces.selectors import organization_get, workspace_get
from workspaces.subprocessors import SubprocessorsInfo, subprocessors_now

FORMAT = "bailiwick-records-of-processing/1"


def record_of_processing(workspace: WorkspaceRef) -> dict[str, Any]:
    """The record as a JSON document."""
    info = workspace_get(workspace)
    organization = organization_get(workspace.organization)
    place = own_region()
    kept = retention_policy(workspace)
    in_force, announced = subprocessors_now()
    return {
        "format": FORMAT,
        "generated_at": timestamp(now()),
        "cell": {"code": config().cell, "region": place.id, "legal_area": place.legal_area},
        "controller": {
            "id": organization.id,
            "name": organization.name,
            # The controller's to state, in the console or by PATCH of the organization.
            **{name: getattr(organization, name) or None for name in ("address", "contact", "representative", "dpo")},
        },
        "processor": asdict(config().operator),
        "workspace": {
            "id": info.id,
            "name": info.name,
            "environment": info.environment.value,
            "region": info.region,
            "region_locked": info.region_locked,
            "state": info.state,
            "created_at": timestamp(info.created_at),
        },
        "agreement": _agreement(workspace),
        "processing": _processing(workspace, kept),
        "recipients": {
            "in_force": None if in_force is None else _recipients(in_force),
            "announced": [_recipients(one) for one in announced],
            "audit_log": _forwarded(workspace),
        },
        "transfers": _transfers(in_force, place.legal_area),
        "storage_regions": _regions(place.dr_peer, locked=info.region_locked),
        "retention": _retention(kept),
        "security": _security(workspace),
    }


def _agreement(workspace: WorkspaceRef) -> dict[str, Any]:
    info = agreement_get(workspace.organization)
    accepted = info.accepted
    return {
        "offered": None if info.offered is None else asdict(info.offered),
        "accepted": None
        if accepted is None
        else asdict(accepted.offer) | {"at": timestamp(accepted.accepted_at), "by": accepted.accepted_by},
    }


def _processing(workspace: WorkspaceRef, kept: Policy) -> dict[str, Any]:
    """The categories of processing (GDPR 30(2)(b)), each with what there is of it."""
    policy = redaction_policy_get(workspace)
    own = [policy.action(rule.label).value for rule in policy.custom]
    return {
        "inference": {
            "used": [asdict(use) | _days(use.first_day, use.last_day) for use in models_used(workspace)],
            "deployments": [
                {"name": info.deployment.name, "versions": [version.identity for version in info.deployment.versions]}
                for info in deployment_list()
            ],
        },
        "redaction": {
            "version": policy.version,
            "actions": {kind: policy.action(kind).value for kind in TYPES},
            "own_types": {action: own.count(action) for action in sorted(set(own))},
            "routes_left_out": sorted(policy.routes.left_out),
            # Sees texts before they are redacted, within the cell.
            "model": None if policy.ner is None else policy.ner.model,
            "on_error": policy.on_error.value,
            "output_scan": policy.output_scan.value,
        },
        "payload_storage": kept.store_payloads,
        # Whatever a workspace decides, these go with every request.
        "request_records": True,
        "audit_log": True,
        "erasure_stores": sorted({store.name for scope in stores.ANY_SCOPE for store in stores.registered(scope)}),
    }


def _days(first: Any, last: Any) -> dict[str, str]:
    return {"first_day": first.isoformat(), "last_day": last.isoformat()}


def _recipients(info: SubprocessorsInfo) -> dict[str, Any]:
    return {
        "version": info.version,
        "published_at": timestamp(info.published_at),
        "objections_until": timestamp(info.objections_until),
        "subprocessors": [msgspec.to_builtins(one) for one in info.list.subprocessors],
    }


def _transfers(in_force: SubprocessorsInfo | None, area: str) -> list[dict[str, str | None]]:
    """Out of the legal area (GDPR 30(2)(c)). The cell itself sends nothing there: only a sub-processor can be elsewhere."""
    return [
        {"to": one.name, "country": one.country, "safeguard": one.safeguard}
        for one in (in_force.list.subprocessors if in_force else ())
        if legal_area(one.country) != area
    ]


def _regions(peer: str | None, *, locked: bool) -> list[str]:
    """Where the workspace's data may be. The directory allows a peer in the same legal area only."""
    return [config().region] if locked or peer is None else [config().region, peer]


def _retention(kept: Policy) -> dict[str, Any]:
    """Days until erasure (GDPR 30(1)(f), which an organization needs for its own record)."""
    return {
        "classes": [
            {"name": one.name, "label": one.label, "days": days_of(kept, one), "ends": one.ends}
            for one in classes.registered()
        ],
        "outside_usual": bool(kept.reason),
        # It proves what was done (GDPR 5(2)), and goes with the workspace's own end at the earliest.
        "audit_log_days": None,
        "key_backups_days": config().keys.horizon_days,
    }


def _forwarded(workspace: WorkspaceRef) -> list[dict[str, Any]]:
    """Where the organization has its audit log sent: in the legal area, or it would have been refused."""
    found = schedule_list(workspace, lambda rows: rows.filter(ended_at__isnull=True))
    return [
        {
            "kind": one.destination["kind"],
            "region": one.destination.get("region"),
            "legal_area": one.destination["legal_area"],
            "format": one.format,
            "interval_hours": one.interval_hours,
        }
        for one in found
    ]


def _security(workspace: WorkspaceRef) -> dict[str, Any]:
    """The technical measures (GDPR 30(2)(d)), as they are configured here and as the database answers now."""
    cell, wall = config(), isolation()
    own = custody.own_root_of(workspace.id)
    return {
        "payload_encryption": {
            "cipher": "AES-256-GCM",
            "key": "one for each request, under a key of its day, under the workspace's key",
            "root": cell.keys.root.provider,
            "own_root": None if own is None else own.provider,
            "horizon_days": cell.keys.horizon_days,
        },
        "objects": _objects(),
        "transport": "loopback" if cell.embedded else "tls",
        "isolation": {
            "row_level_security": wall.tables == wall.isolated and not wall.bypassed,
            "tables": wall.tables,
            "isolated": wall.isolated,
        },
        "sign_in": "password and one-time code",
        "audit_log": {"sealed_entries": _sealed(workspace), "verifier_keys": vkeys()},
        "telemetry": None
        if cell.otlp_endpoint is None
        else {"region": cell.otlp_region, "ratio": cell.trace_ratio, "payload": False},
    }


def _objects() -> dict[str, str | None]:
    """Where exports and models are kept."""
    place = config().objects
    if isinstance(place, S3Bucket):
        return {"kind": "s3", "region": place.region, "legal_area": place.legal_area}
    return {"kind": "folder", "region": config().region, "legal_area": own_region().legal_area}


def _sealed(workspace: WorkspaceRef) -> int:
    try:
        return proofs.checkpoint(workspace).size
    except proofs.NoCheckpoint:
        return 0
