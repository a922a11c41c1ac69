"""Whose turn it is: virtual token counters, one for each workspace of a lane. Imports no torch.

Source: Sheng et al., *Fairness in Serving Large Language Models* (OSDI 2024). A workspace pays for the tokens that are computed
for it, divided by its weight; the next request is taken from the workspace that has paid least. One that comes back is lifted to
the least of those that are at work, so that nobody saves up turns while away. The counter is a workspace's, never a key's:
otherwise many keys would be many turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from inference.engine.request import Generation

INPUT_PRICE = 1.0
OUTPUT_PRICE = 2.0
"""A generated token needs a step of its own, a prompt's tokens share one."""
_REMEMBERED = 256
"""Accounts that are kept without looking whether they still matter."""


@dataclass(slots=True, eq=False)
class Account:
    """One workspace in one lane."""

    paid: float
    """The virtual token counter: price of what was computed for it, over its weight."""
    at_work: int = 0
    """Requests that wait or run."""
    line: deque[Generation] = field(default_factory=deque)
    """Those that wait, oldest first."""
    waiting_tokens: int = 0


class FairQueue:
    """The waiting requests of one lane, and what each workspace has paid. For the step thread alone."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._waiting: dict[str, Account] = {}
        self._floor = 0.0
        self.waiting = 0
        self.waiting_tokens = 0

    def paid(self, workspace: str) -> float:
        account = self._accounts.get(workspace)
        return self._floor if account is None else account.paid

    def enter(self, generation: Generation) -> Account:
        """A new request, which waits at the end of its workspace's line; the account that it is charged to."""
        workspace = generation.workspace
        account = self._accounts.get(workspace)
        if account is None or not account.at_work:
            busy = [other.paid for other in self._accounts.values() if other.at_work]
            if busy:
                self._floor = max(self._floor, min(busy))
            if account is None:
                account = self._accounts[workspace] = Account(self._floor)
            account.paid = max(account.paid, self._floor)
        account.at_work += 1
        account.line.append(generation)
        self._waits(generation, account, 1)
        return account

    def put_back(self, generation: Generation) -> None:
        """A request that had begun waits again, before all others of its workspace."""
        account = self._accounts[generation.workspace]
        account.line.appendleft(generation)
        self._waits(generation, account, 1)

    def take(self, generation: Generation) -> None:
        """A request stops waiting; does nothing when it does not wait."""
        account = self._accounts[generation.workspace]
        if generation in account.line:
            account.line.remove(generation)
            self._waits(generation, account, -1)

    def leave(self, generation: Generation) -> None:
        """A request has ended, waiting or not."""
        self.take(generation)
        account = self._accounts[generation.workspace]
        account.at_work -= 1
        if not account.at_work:
            if len(self._accounts) == 1 or not any(other.at_work for other in self._accounts.values()):
                self._floor = max(self._floor, account.paid)
            if len(self._accounts) > _REMEMBERED:
                # Whoever has paid no more than the floor would be lifted to it anyway.
                kept = {w: a for w, a in self._accounts.items() if a.at_work or a.paid > self._floor}
                self._accounts = kept

    def heads(self) -> Iterator[Generation]:
        """The oldest waiting request of each workspace, the one that has paid least first. Paused ones wait on."""
        waiting = list(self._waiting.values())
        if len(waiting) > 1:
            first = min(waiting, key=_paid)
            yield from _head(first)
            waiting.remove(first)
            waiting.sort(key=_paid)
        for account in waiting:
            yield from _head(account)

    def line(self, workspace: str) -> list[Generation]:
        """What the workspace has waiting, oldest first."""
        account = self._waiting.get(workspace)
        return [] if account is None else list(account.line)

    def waiting_of(self, workspace: str) -> tuple[int, int]:
        """Requests and tokens that the workspace has waiting."""
        account = self._waiting.get(workspace)
        return (0, 0) if account is None else (len(account.line), account.waiting_tokens)

    def _waits(self, generation: Generation, account: Account, one: int) -> None:
        """Counts a request in (1) or out (-1)."""
        tokens = one * generation.expected_tokens
        account.waiting_tokens += tokens
        self.waiting_tokens += tokens
        self.waiting += one
        if account.line:
            self._waiting[generation.workspace] = account
        else:
            del self._waiting[generation.workspace]


def _paid(account: Account) -> float:
    return account.paid


def _head(account: Account) -> Iterator[Generation]:
    return islice((generation for generation in account.line if not generation.paused), 1)
