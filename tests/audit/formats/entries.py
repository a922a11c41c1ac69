"""Entries of every action, as the log has them."""

from __future__ import annotations

from collections.abc import Iterator

from audit.actions import FIELDS, Action, Value, checked
from audit.entry import Entry, EntryActor
from audit.formats import Log

CELL = "eude1"
WORKSPACE, ORGANIZATION = f"ws_{CELL}_{'1' * 32}", f"org_{CELL}_{'2' * 32}"
REQUEST, EXPORT, ERASURE = f"req_{CELL}_{'3' * 32}", f"exp_{CELL}_{'4' * 32}", f"ers_{CELL}_{'5' * 32}"
PSEUDONYM, KEY = "a" * 32, f"key_{CELL}_{'6' * 32}"
LOG = Log(region="eu-de-1", origin=f"audit.eu-de-1.bailiwick/{WORKSPACE}")

MEMBER = EntryActor(auth="password+totp", id=PSEUDONYM, key=None, type="member")
BY_KEY = EntryActor(auth="key", id=None, key=KEY, type="key")
SYSTEM = EntryActor(auth="job", id=None, key=None, type="system")
ACTORS = (MEMBER, BY_KEY, SYSTEM)

_VALUES: dict[str, Value] = {
    "role": "admin",
    "state": "ready",
    "status": "completed",
    "http_status": 200,
    "duration_ms": 1250,
    "prompt_tokens": 12,
    "completion_tokens": 34,
    "method": "password+totp",
    "cause": "code",
    "model": "bailiwick-demo-chat",
    "version": 3,
    "redactions": {"EMAIL": 1, "IBAN": 2},
    "scopes": ["audit:read", "keys:write"],
    "request": REQUEST,
}
_TARGETS: dict[str, tuple[str, ...]] = {
    "organization": (ORGANIZATION,),
    "workspace": (WORKSPACE,),
    "key": (KEY,),
    "member": ("member:" + "b" * 32,),
    "membership": ("member:" + "b" * 32,),
    "inference": (REQUEST,),
    "erasure": (ERASURE, REQUEST),
    "certificate": (ERASURE,),
    "export": (EXPORT,),
    "model": ("bailiwick-demo-chat",),
}


def entry(
    action: str, actor: EntryActor = MEMBER, *, after: dict[str, Value] | None = None, workspace: str | None = WORKSPACE
) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        after=after,
        before=None,
        cell=CELL,
        detail_commit=None,
        id=f"ent_{CELL}_{'0' * 31}1",
        organization=None if workspace is None else ORGANIZATION,
        scope="audit:export",
        targets=_TARGETS.get(action.partition(".")[0], ()),
        time="2026-11-21T10:28:57.496908Z",
        v=1,
        workspace=workspace,
    )


def fields(action: Action) -> dict[str, Value]:
    """Every field that the action may show."""
    found = checked(action, {name: _VALUES.get(name, 7) for name in sorted(FIELDS[action])})
    return found or {}


def of_every_action() -> Iterator[tuple[Action, Entry]]:
    """Each by every kind of actor, with and without its fields, in a workspace and in none."""
    for action in Action:
        for actor in ACTORS:
            for after in (None, fields(action)):
                for workspace in (WORKSPACE, None):
                    yield action, entry(action.value, actor, after=after, workspace=workspace)
