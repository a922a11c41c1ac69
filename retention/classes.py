"""The kinds of data whose time can be over, how long each may be kept, and the registry of who lets it go.

An app that keeps such data registers its class from its AppConfig.ready, in every process alike:

    classes.register(RequestRecords())

`retention` knows no class of another app by name: what is registered can be decided about in a workspace's policy, and is
looked after by the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from cell.access import WorkspaceRef
from retention.models import FEWEST_DAYS, MOST_DAYS, PAYLOAD_DAYS

PAYLOADS: Final = "payloads"
"""The class whose days are the policy's `payload_days`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How many days: where nobody decided, and between which of them a workspace may choose without a reason."""

    default: int = PAYLOAD_DAYS
    fewest: int = FEWEST_DAYS
    most: int = MOST_DAYS

    def allows(self, days: int) -> bool:
        """Whether `days` take no reason."""
        return self.fewest <= days <= self.most


class DataClass(Protocol):
    """Data of one kind. Its methods are called outside of any scope, by any number of workers, after any crash."""

    name: str
    """A stable word, e.g. `request_records`; it stands in policies and in entries."""
    label: str
    """For people, e.g. `Records of requests`."""
    ends: str
    """What happens when the time is over, in a few words for people."""
    rule: Rule
    leads_to_payloads: bool
    """Whether payloads are found by it: then it is kept for as long as they are, whatever its own days."""
    batch: int
    """How many items go at once: few enough not to be in anybody's way."""

    def due(self) -> list[WorkspaceRef]:
        """Workspaces that have something whose time is over by the policies of this moment."""
        ...

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        """Lets up to `limit` items go, and says so in the log in the same transaction. Returns how many; 0 ends the workspace's
        turn. It reads its terms when it runs: see `retention.terms`.
        """
        ...


_registered: dict[str, DataClass] = {}


def register(data_class: DataClass) -> None:
    """Adds `data_class`; once for each name and process."""
    if data_class.name in _registered:
        raise ValueError(f"there are two classes of data called {data_class.name}")
    _registered[data_class.name] = data_class


def registered() -> list[DataClass]:
    """All classes, in the order in which they were added: payloads come first."""
    return list(_registered.values())


def beside_payloads() -> dict[str, DataClass]:
    """The classes that a policy names in `classes`, by name."""
    return {name: data_class for name, data_class in _registered.items() if name != PAYLOADS}
