"""Places: who takes part in a step. Imports no torch.

A place is a turn in a step and not memory. A newcomer whose workspace has less than its share of them comes in although all are
taken, and a prompt of such a workspace is computed in as few steps as the budget allows; meanwhile the youngest answers of
whoever has more than a share and is furthest ahead sit out, keeping all they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from inference.engine.admission import Limits
from inference.engine.lanes import LANES, Lane
from inference.engine.request import Choice, Generation

_SQUEEZED = 4
"""One newcomer for so many places comes in while all are taken."""

Rank = Callable[[Generation], tuple[int, float]]
"""How late a request's turn is: by lane, then by what its workspace has paid."""
Prompt = tuple[Generation, Choice]


class Places:
    """Of one scheduler. For the step thread alone."""

    def __init__(self, limits: Limits, rank: Rank) -> None:
        self._limits = limits
        self._rank = rank
        self.running: dict[Generation, int] = {}
        """Places of each running request, oldest first: one for each of its choices that has not ended."""
        self._lanes: dict[Lane, int] = dict.fromkeys(LANES, 0)

    @property
    def taken(self) -> int:
        """Choices that run, those that sit out included."""
        return sum(self._lanes.values())

    def of(self, lane: Lane) -> int:
        return self._lanes[lane]

    def seat(self, generation: Generation) -> None:
        self.running[generation] = slots(generation)
        self._lanes[generation.lane] += slots(generation)

    def release(self, generation: Generation) -> bool:
        """Gives up the place of a choice that has ended; whether it was the request's last."""
        self.running[generation] -= 1
        self._lanes[generation.lane] -= 1
        if self.running[generation]:
            return False
        del self.running[generation]
        return True

    def leave(self, generation: Generation) -> bool:
        """Gives up all places of a request; False when it has none."""
        held = self.running.pop(generation, None)
        if held is None:
            return False
        self._lanes[generation.lane] -= held
        return True

    def room(self, lane: Lane) -> int:
        """Free places for newcomers of the lane."""
        # Those that were squeezed in have others sit out for them: they take no place of the realtime lane's own.
        room = self._limits.slots("standard") - self._others
        if lane == "realtime" or self._lanes["realtime"] > self._limits.realtime_slots:
            room = self._limits.max_running - self._lanes["realtime"] - (self._others + min(0, room))
        return room

    def squeezes_in(self, head: Generation) -> bool:
        """Whether a newcomer comes in although no place is free: its workspace stays within its share of them, one that is as far
        ahead or further has more than its own, and not too many have been squeezed in already."""
        most = self._limits.max_running
        if head.lane == "batch" or self.taken + slots(head) > most + most // _SQUEEZED:
            return False
        beyond = self._beyond_shares(head)
        rank, mine = self._rank(head), head.workspace
        return beyond[mine] + slots(head) <= 0 and any(
            other.workspace != mine and beyond[other.workspace] > 0 and self._rank(other) >= rank
            for other in self.running
        )

    def sitting_out(self) -> set[Generation]:
        """Who is left out of the next step because more are running than there are places."""
        limits = self._limits
        excess = max(self.taken - limits.max_running, self._others - limits.slots("standard"))
        out: set[Generation] = set()
        if excess <= 0:
            return out
        running = [generation for generation in reversed(self.running) if not generation.paused]
        excess -= self.taken - sum(self.running[generation] for generation in running)
        beyond = self._beyond_shares()
        for generation in sorted(running, key=lambda g: (beyond[g.workspace] > 0, self._rank(g)), reverse=True):
            if excess <= 0:
                break
            out.add(generation)
            excess -= self.running[generation]
        return out

    def making_way(self, prompts: Sequence[Prompt], budget: int) -> set[Generation]:
        """Whose answers are left out of the next step for the sake of `prompts`, of which the budget leaves too little to those of
        workspaces within their share. Nobody falls below a share for it."""
        if sum(map(_missing, prompts)) <= budget:
            return set()
        beyond = self._beyond_shares()
        wanted = sum(_missing(prompt) for prompt in prompts if beyond[prompt[0].workspace] <= 0)
        lacking = min(wanted, self._limits.step_tokens) - budget
        out: set[Generation] = set()
        if lacking <= 0:
            return out
        filling = {generation for generation, _ in prompts}
        answering = [g for g in reversed(self.running) if beyond[g.workspace] > 0 and g not in filling and not g.paused]
        for generation in sorted(answering, key=self._rank, reverse=True):
            held = self.running[generation]
            if lacking <= 0 or beyond[generation.workspace] < held:
                break
            beyond[generation.workspace] -= held
            lacking -= held
            out.add(generation)
        return out

    @property
    def _others(self) -> int:
        return self._lanes["standard"] + self._lanes["batch"]

    def _beyond_shares(self, newcomer: Generation | None = None) -> dict[str, float]:
        """Places that each workspace with something running, and the newcomer's, has beyond its share by weight; it lacks what is
        below 0."""
        held: Counter[str] = Counter()
        weights = {} if newcomer is None else {newcomer.workspace: newcomer.weight}
        for generation, count in self.running.items():
            held[generation.workspace] += count
            weights[generation.workspace] = generation.weight
        share = self._limits.max_running / sum(weights.values())
        return {workspace: held[workspace] - share * weight for workspace, weight in weights.items()}


def slots(generation: Generation) -> int:
    """Places that a request takes: before its fork those of all its choices."""
    return len(generation.unfinished) if len(generation.choices) > 1 else generation.sampling.n


def _missing(prompt: Prompt) -> int:
    choice = prompt[1]
    return len(choice.tokens) - choice.computed
