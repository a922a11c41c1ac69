"""The record of processing activities of a workspace, in words and for paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from cell.access import Scope
from console.redaction_forms import ACTIONS, ON_ERROR, OUTPUT_SCAN
from console.views.base import ConsoleView
from inference.gateway.processing_record import record_of_processing
from inference.redaction import OnError, OutputScan
from retention.classes import PAYLOADS

NOT_STATED = "not stated"
ROOTS = {
    "file": "in a file of this cell",
    "pkcs11": "in a hardware module (PKCS#11)",
    "aws-kms": "in AWS KMS",
    "vault": "in a Vault transit engine",
}
OBJECTS = {"folder": "folder of the cell", "s3": "bucket that keeps versions"}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the record: the law that asks for it, and what there is, each under its name."""

    title: str
    law: str
    rows: list[tuple[str, list[str]]] = field(default_factory=list)


class Records(ConsoleView):
    needs = {"GET": Scope.RETENTION_READ}
    tab = "records"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        record = record_of_processing(self.workspace)
        recipients = record["recipients"]
        return self.page(
            "records.html",
            generated_at=datetime.fromisoformat(record["generated_at"]),
            sections=_sections(record),
            in_force=recipients["in_force"],
            announced=recipients["announced"],
            transfers=record["transfers"],
            legal_area=record["cell"]["legal_area"],
        )


def _sections(record: Mapping[str, Any]) -> list[Section]:
    return [
        Section("Controller", "Art. 30(2)(a)", _party(record["controller"])),
        Section("Processor", "Art. 30(2)(a)", [*_party(record["processor"]), ("Agreement", _agreement(record))]),
        Section("Workspace", "", _workspace(record)),
        Section("Processing", "Art. 30(2)(b)", [*_processing(record["processing"]), ("Audit log", _forwarded(record))]),
        Section("How long data is kept", "Art. 30(1)(f)", _retention(record)),
        Section("Security", "Art. 30(2)(d), 32", _security(record)),
    ]


def _party(stated: Mapping[str, str | None]) -> list[tuple[str, list[str]]]:
    labels = {
        "name": "Name",
        "address": "Address",
        "contact": "Contact",
        "representative": "Representative",
        "dpo": "Data protection officer",
    }
    return [(label, [stated.get(name) or NOT_STATED]) for name, label in labels.items()]


def _agreement(record: Mapping[str, Any]) -> list[str]:
    offered, accepted = record["agreement"]["offered"], record["agreement"]["accepted"]
    if accepted is not None:
        day = datetime.fromisoformat(accepted["at"])
        return [
            f"Version {accepted['version']} ({accepted['reference']})",
            f"accepted on {day:%-d %B %Y} by {accepted['by'][:19]}…",
        ]
    return ["none accepted" if offered else NOT_STATED]


def _workspace(record: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    workspace, cell = record["workspace"], record["cell"]
    return [
        ("Name", [f"{workspace['name']}, {workspace['environment']}"]),
        ("Id", [workspace["id"]]),
        ("Region", [f"{cell['region']}, legal area {cell['legal_area'].upper()}"]),
        ("May be served from", record["storage_regions"]),
        ("Since", [f"{datetime.fromisoformat(workspace['created_at']):%-d %B %Y}"]),
    ]


def _processing(processing: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    inference, redaction = processing["inference"], processing["redaction"]
    used = [
        f"{use['model']} ({use['kind']}): {use['requests']:,} requests, {use['first_day']} to {use['last_day']}"
        for use in inference["used"]
    ]
    return [
        ("Inference", used or ["not used yet"]),
        ("Models on offer", [one["name"] for one in inference["deployments"]] or ["none"]),
        ("Redaction", [f"version {redaction['version']} of the policy", *_actions(redaction)]),
        ("Model that looks for names", [redaction["model"] or "none"]),
        ("What cannot be redacted", [ON_ERROR[OnError(redaction["on_error"])]]),
        ("What the model writes itself", [OUTPUT_SCAN[OutputScan(redaction["output_scan"])]]),
        ("Prompts and answers", ["stored, redacted and sealed" if processing["payload_storage"] else "not stored"]),
        ("Figures of each request", ["kept, with the keyed pseudonym of its subject if the caller names one"]),
    ]


def _actions(redaction: Mapping[str, Any]) -> Iterable[str]:
    """One line for each action, with the types that it counts for."""
    for action, words in ACTIONS.items():
        kinds = [kind for kind, chosen in redaction["actions"].items() if chosen == action]
        own = redaction["own_types"].get(action, 0)
        if own:
            kinds.append(f"{own} of the workspace's own")
        if kinds:
            yield f"{words}: {', '.join(kinds)}"


def _retention(record: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    retention, stored = record["retention"], record["processing"]["payload_storage"]
    kept = [
        (
            one["label"],
            [f"{one['days']} days, then {one['ends']}" if stored or one["name"] != PAYLOADS else "not stored"],
        )
        for one in retention["classes"]
    ]
    return [
        *kept,
        ("Backups of keys", [f"{retention['key_backups_days']} days"]),
        ("Audit log", ["not erased: it proves what was done (Art. 5(2)), without content"]),
    ]


def _forwarded(record: Mapping[str, Any]) -> list[str]:
    sent = [
        f"sent to {one['kind']} in {one['region'] or 'a place'} ({one['legal_area'].upper()}), every {one['interval_hours']} hours"
        for one in record["recipients"]["audit_log"]
    ]
    return ["every request and every change, without content", *sent]


def _security(record: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    security = record["security"]
    sealed, objects = security["payload_encryption"], security["objects"]
    wall, log = security["isolation"], security["audit_log"]
    root = f"the cell's root, {ROOTS[sealed['root']]}"
    if sealed["own_root"]:
        root = f"the organization's own key, {ROOTS[sealed['own_root']]}"
    spans = security["telemetry"]
    return [
        ("Stored text", [f"{sealed['cipher']}; {sealed['key']}", f"wrapped by {root}"]),
        ("Keys that are destroyed", [f"can come back from a backup for {sealed['horizon_days']} days at most"]),
        ("Exports and models", [f"in a {OBJECTS[objects['kind']]}, {objects['region']}"]),
        ("In transit", ["TLS" if security["transport"] == "tls" else "loopback of one machine, without TLS"]),
        ("Isolation of tenants", [_isolation(wall)]),
        ("Sign-in of members", [security["sign_in"]]),
        ("Audit log", [f"{log['sealed_entries']:,} entries sealed in a signed tree", *log["verifier_keys"]]),
        ("Erasure", [f"verified in {', '.join(record['processing']['erasure_stores'])}, with a signed certificate"]),
        ("Telemetry", ["none leaves the cell" if spans is None else f"spans without content, to {spans['region']}"]),
    ]


def _isolation(wall: Mapping[str, Any]) -> str:
    enforced = "enforced" if wall["row_level_security"] else "NOT enforced"
    return f"row-level security {enforced} on {wall['isolated']} of {wall['tables']} tables"
