"""Everything that the cell holds about one subject of a workspace, for the person's right to it (GDPR 15 and 20).

docs/formats/subject-export.md describes the file. The subject's name is used to compute the pseudonym under which their requests
are known, and is kept nowhere: not in the file, its name, the log or the audit log. The file is made in memory, piece by piece
within bounds, because opened text on a disk would outlive every key.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from audit import log
from audit.actions import Action
from audit.entry import now, outcome_id, timestamp
from audit.selectors import LoggedEntry, entry_list
from cell.access import Actor, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from cell.keys import RootUnavailable, UnwrapError
from cell.keys.envelope import EnvelopeError
from cell.problems import Problem
from cell.pseudonyms import LONGEST_SUBJECT, subject_key, subject_pseudonym
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from inference.gateway.selectors import RequestInfo, request_list
from retention.payloads import PayloadHeld, payload_open
from retention.policies import retention_policy
from workspaces.regions import own_region

FORMAT = "bailiwick-subject-export/1"
MOST_REQUESTS = 1_000
"""In one file; the next one begins where it ends."""
MOST_BYTES = 32 * 1024 * 1024
"""Of text in one file, before it is compressed; a request that passes it is still whole in the file."""
_CHUNK = 100
"""Requests read in one transaction."""

logger = get_logger(__name__)

README = """\
What this cell holds about one person, asked for by its organization (GDPR Art. 15 and 20).

export.json     what this is: the workspace, the pseudonym, when it was made, and how much of everything there is
requests.ndjson one JSON object a line for each request about the person, newest first: its figures, and under "payload"
                the stored text, null where none was stored, or where it has expired or was erased; {"held": true} where a
                legal hold or a restriction covers it, {"unreadable": true} where it was damaged
entries.ndjson  the audit log's entries of these requests; "seq" is an entry's place in the sealed log

The person is known here by a keyed pseudonym alone. Personal data in a prompt was replaced before anything was stored, so the text
has placeholders such as [EMAIL_1] in its place. If "complete" is false, ask again with "before" set to the id in "next".
"""


@dataclass(frozen=True, slots=True)
class SubjectExport:
    """A ZIP file."""

    content: bytes
    made_at: str

    @property
    def file_name(self) -> str:
        return f"subject-export-{self.made_at[:19].replace(':', '').replace('-', '')}Z.zip"


def subject_export(*, actor: Actor, workspace: WorkspaceRef, subject: str, before: UUID | None = None) -> SubjectExport:
    """Everything about `subject`, as the application names them in `user` or `safety_identifier`, newest first.

    `before` continues a file that was full below its last request. That it was made is an entry, which tells how much it
    holds and not of whom. Nobody is an answer, too: a file without requests says that nothing is held.

    Raises Problem 400 for what cannot be a subject, 503 while the keys cannot be asked (see `payload_open`).
    """
    pseudonym = _pseudonym(workspace, subject)
    made_at = timestamp(now())
    found = _Found()
    for chunk in _chunks(workspace, pseudonym, before):
        found.add(workspace, chunk)
        if not found.complete:
            break
    content = _packed(_about(workspace, pseudonym, made_at, found), found)
    with workspace_scope(workspace):
        log.record(
            actor=actor,
            action=Action.SUBJECT_EXPORTED,
            workspace=workspace,
            scope=Scope.ERASURES_WRITE,
            after={
                "requests": len(found.requests),
                "payloads": found.payloads,
                "entries": len(found.entries),
                "bytes": len(content),
                "complete": found.complete,
            },
        )
    return SubjectExport(content, made_at)


class _Found:
    """Lines of the two files, as they grow."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.entries: list[bytes] = []
        self.payloads = 0
        self.complete = True
        self.last: UUID | None = None
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self.requests) >= MOST_REQUESTS or self._bytes >= MOST_BYTES

    def add(self, workspace: WorkspaceRef, chunk: list[RequestInfo]) -> None:
        """As many of the requests as there is room for."""
        logged = _logged(workspace, chunk)
        for request in chunk:
            if self.is_full:
                self.complete = False
                return
            payload = _payload(workspace, request.id)
            self.payloads += payload is not None
            self.requests.append(_line(_request(request) | {"payload": payload}))
            of_it = (request.id, outcome_id(request.id))
            entries = [_line({"seq": logged[one].seq, "entry": logged[one].document}) for one in of_it if one in logged]
            self.entries += entries
            self._bytes += len(self.requests[-1]) + sum(map(len, entries))
            self.last = request.id


def _pseudonym(workspace: WorkspaceRef, subject: str) -> bytes:
    if not subject or len(subject) > LONGEST_SUBJECT:
        raise Problem(
            400, "invalid", f"Name the subject as your application does, in at most {LONGEST_SUBJECT} characters."
        )
    try:
        return subject_pseudonym(subject_key(workspace.id), subject)
    except UnicodeEncodeError:
        raise Problem(400, "invalid", "The subject's name is not valid Unicode.") from None


def _chunks(workspace: WorkspaceRef, pseudonym: bytes, before: UUID | None) -> Iterator[list[RequestInfo]]:
    """The subject's requests, newest first, read in pieces: no transaction is held while text is opened."""

    def page(rows: QuerySet[RequestRecord]) -> QuerySet[RequestRecord]:
        found = rows.filter(subject=pseudonym)
        return (found if before is None else found.filter(id__lt=before))[:_CHUNK]

    while chunk := request_list(workspace, page):
        yield chunk
        before = chunk[-1].id


def _logged(workspace: WorkspaceRef, chunk: list[RequestInfo]) -> dict[UUID, LoggedEntry]:
    numbers = [number for request in chunk for number in (request.id, outcome_id(request.id))]
    return {entry.id: entry for entry in entry_list(workspace, lambda rows: rows.filter(id__in=numbers))}


def _payload(workspace: WorkspaceRef, request: UUID) -> dict[str, Any] | None:
    try:
        text = payload_open(workspace, request)
    except RootUnavailable:
        raise Problem(
            503, "key-unavailable", "The key that opens stored text cannot be asked now. Try again."
        ) from None
    except PayloadHeld:
        return {"held": True}
    except (EnvelopeError, UnwrapError):
        # Altered outside of this cell's programs: the person is told that there is something, and the operator hears of it.
        logger.error("subject.export.unreadable", request=str(request), workspace=str(workspace.id))
        return {"unreadable": True}
    if text is None:
        return None
    return {
        "stored_at": timestamp(text.stored_at),
        # JSON already: see `inference.gateway.transcript`.
        "prompt": msgspec.Raw(text.prompt),
        "answer": msgspec.Raw(text.answer),
    }


def _request(info: RequestInfo) -> dict[str, Any]:
    cell = config().cell
    shown = asdict(info) | {"id": tagged(Tag.REQUEST, cell, info.id), "key": tagged(Tag.KEY, cell, info.key)}
    del shown["names_subject"]  # they all do
    return shown


def _about(workspace: WorkspaceRef, pseudonym: bytes, made_at: str, found: _Found) -> dict[str, Any]:
    cell, kept = config().cell, retention_policy(workspace)
    place = own_region()
    return {
        "format": FORMAT,
        "made_at": made_at,
        "cell": {"code": cell, "region": place.id, "legal_area": place.legal_area},
        "organization": tagged(Tag.ORGANIZATION, cell, workspace.organization),
        "workspace": tagged(Tag.WORKSPACE, cell, workspace.id),
        "subject": pseudonym.hex(),
        "requests": len(found.requests),
        "payloads": found.payloads,
        "entries": len(found.entries),
        "payloads_days": kept.payload_days if kept.store_payloads else 0,
        "complete": found.complete,
        "next": None if found.complete or found.last is None else tagged(Tag.REQUEST, cell, found.last),
    }


def _packed(about: dict[str, Any], found: _Found) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        archive.writestr("export.json", msgspec.json.format(_json(about), indent=2) + b"\n")
        for name, lines in (("requests.ndjson", found.requests), ("entries.ndjson", found.entries)):
            with archive.open(name, "w") as member:
                for line in lines:
                    member.write(line)
    return file.getvalue()


_json = msgspec.json.Encoder().encode


def _line(document: dict[str, Any]) -> bytes:
    return _json(document) + b"\n"
