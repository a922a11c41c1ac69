"""The only doors to an object: each takes the actor, and answers "not yours" and "not there" alike."""

from __future__ import annotations

from uuid import UUID

from cell.access import Actor, Environment, Scope, WorkspaceRef
from cell.config import config
from cell.ids import ForeignId, MalformedId, Tag, untag
from cell.problems import Problem, not_found
from cell.regions import UnknownCell
from cell.tenancy import organization_scope
from workspaces.models import Workspace
from workspaces.regions import directory


def workspace_for(actor: Actor, public_id: str, need: Scope) -> WorkspaceRef:
    """The workspace, if the actor holds `need` in it.

    Raises Problem: 404 if there is no such workspace in the actor's organization or the actor has nothing in it, 403 if they
    have something but not `need`, 421 if the id belongs to another cell.
    """
    number = number_of(public_id, Tag.WORKSPACE)
    if actor.organization is None:
        raise not_found()
    with organization_scope(actor.organization):
        workspace = Workspace.objects.filter(organization_id=actor.organization, id=number).first()
    if workspace is None:
        raise not_found()
    if not actor.scopes_in(number):
        raise not_found()
    if not actor.may(need, number):
        raise Problem(403, "missing-scope", f"This needs the scope {need} in the workspace.", scope=need)
    return WorkspaceRef(workspace.id, workspace.organization_id, workspace.region, Environment(workspace.environment))


def organization_for(actor: Actor, need: Scope) -> UUID:
    """The actor's organization, if they hold `need` in all of it. Raises Problem 403."""
    if actor.organization is None or not actor.may(need):
        raise Problem(403, "missing-scope", f"This needs the scope {need} in the whole organization.", scope=need)
    return actor.organization


def is_owner(actor: Actor) -> bool:
    """Whether the actor holds every scope in all of the organization, as its owners do."""
    return actor.scopes >= frozenset(Scope)


def require_owner(actor: Actor, what: str) -> None:
    """Raises Problem 403 unless the actor is an owner."""
    if not is_owner(actor):
        raise Problem(403, "owner-required", f"Only an owner of the organization may {what}.")


def number_of(public_id: str, tag: Tag) -> UUID:
    """The primary key in a public id. Raises Problem: 404 if it is none, 421 if it belongs to another cell."""
    try:
        return untag(public_id, tag, config().cell)
    except MalformedId as error:
        raise not_found() from error
    except ForeignId as error:
        raise misdirected(error.cell) from error


def misdirected(cell: str) -> Problem:
    """421 for something of another cell, with that cell's URL if the directory knows it. Never a redirect."""
    try:
        url = directory().url_for(cell)
    except UnknownCell:
        return Problem(
            421, "misdirected", f"This belongs to the cell {cell}, which no region of the directory has.", cell=cell
        )
    detail = f"This belongs to the cell {cell}, not to {config().cell}. Send the request to {url}."
    return Problem(421, "misdirected", detail, cell=cell, url=url)
