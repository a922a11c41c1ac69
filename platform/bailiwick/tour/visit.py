"""What the steps of the tour hand to each other, and how they look at what they are answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bailiwick.embedded.home import Home
from bailiwick.tour.client import Client
from bailiwick.tour.narrator import Narrator

WAIT_S = 60.0
SECRETS = ("erika.mustermann@example.org", "DE89 3704 0044 0532 0130 00")
"""Personal data that the tour sends, and then looks for where it must not be."""


class Unexpected(Exception):
    """The cell answered, but not as it promises to."""


@dataclass(slots=True)
class Tour:
    """What the steps hand to each other."""

    home: Home
    cell: Mapping[str, Any]
    say: Narrator
    admin: Client
    workspace: str = ""
    key: str = ""
    """Of the tour's own workspace: chat and embeddings only."""
    request: str = ""
    """The chat call whose payload is erased."""
    vkeys: list[str] = field(default_factory=list)
    """The keys that sign the log, as the cell said before it exported anything."""

    @property
    def path(self) -> str:
        return f"/api/workspaces/{self.workspace}"

    @property
    def application(self) -> Client:
        return Client(self.cell["base_url"], self.key)


def wait(tour: Tour, path: str, over: Callable[[Any], object]) -> Any:
    """What is at `path` once it is as `over` wants it. Raises Unexpected if it does not become so."""
    deadline = time.monotonic() + WAIT_S
    while not over(now := tour.admin.call("GET", path).body):
        require(time.monotonic() < deadline, f"{path} is still {now.get('state', 'as it was')} after {WAIT_S:.0f} s")
        time.sleep(0.1)
    return now


def require(condition: bool, otherwise: str) -> None:
    """Raises Unexpected."""
    if not condition:
        raise Unexpected(otherwise)
