"""What an engine tells of its work: the answer to `protocol.Stats`."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from inference.engine.lanes import Lane

STEP_TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Upper bounds, inclusive, by which `ModelStats.step_tokens` counts."""


class LaneStats(msgspec.Struct):
    running: int
    waiting: int


class CascadeStats(msgspec.Struct):
    """How often the small model of a cascade was sure enough to answer since it was deployed."""

    model: str
    exits: int
    escalations: int
    """Requests that went on to the large one."""
    failures: int
    """Of those, the ones that the small model could not answer at all, such as for a prompt too long for it."""


class GuardStats(msgspec.Struct):
    """One thing that is watched in a canary."""

    seen: int
    bad: int
    tripped: bool


class TrialStats(msgspec.Struct):
    """A canary that goes on by itself, since it was loaded."""

    model: str
    artifact: str
    """What the canary is: its identity."""
    stage: int
    """As its deployment says, from 0."""
    stages: int
    compared: int
    """Places at which it was computed beside what serves."""
    answered: int
    """Requests that it answered."""
    guards: dict[str, GuardStats]
    """`errors`, `p95`, `divergence`; `artifact` alone where what is proven is not what would run."""


class Memory(msgspec.Struct, omit_defaults=True):
    """What a model takes, in bytes, as it was planned: `StatsReport.resident_bytes` is what came of it."""

    weights: int = 0
    """As the code reads them; those that are mapped are in memory as far as they are read."""
    pages: int = 0
    """Of keys and values, at most: those that nobody has used yet are in no memory."""
    arena: int = 0
    """Beside those, of a compiled step of any size that there may be."""
    fragmentation: float = 0.0
    """The part of the arena that no moment of a step needs, 0 to 1."""


class ModelStats(msgspec.Struct, omit_defaults=True):
    """What one model's worker has counted since it was loaded."""

    model: str
    """Its name; where several versions answer under it, the pinned name of one."""
    lanes: dict[Lane, LaneStats]
    prompt_tokens: int = 0
    """Computed: those found in the cache are in `prefix_hit_tokens`."""
    generated_tokens: int = 0
    cache_used: float = 0.0
    """Part of the KV cache that running requests hold, 0 to 1."""
    prefix_queried_tokens: int = 0
    prefix_hit_tokens: int = 0
    evicted_blocks: int = 0
    preemptions: int = 0
    recomputed_tokens: int = 0
    slow_path: int = 0
    """Steps whose shape had no captured graph, while graphs are on."""
    refused: dict[str, int] = {}
    """Requests that were not queued, by the code of their error."""
    ended: dict[str, int] = {}
    """Requests that were ended from outside: `cancelled`, `deadline`, `erased`, `error`."""
    flushes: list[tuple[str, str, int]] = []
    """Batches of embeddings: window, reason, count."""
    batch_sizes: list[tuple[str, int, int]] = []
    """The same by texts in the batch: window, size, count."""
    sizes: list[tuple[int, int]] = []
    """Steps by how many tokens they computed: tokens, rising, and how many steps computed so many."""
    computed_tokens: int = 0
    """Of all those steps: prompts' pieces, and one for each running answer."""
    memory: Memory = msgspec.field(default_factory=Memory)

    @property
    def step_tokens(self) -> list[int]:
        """The steps by `STEP_TOKENS`: one count for each bound, and one for more than the last."""
        counts = [0] * (len(STEP_TOKENS) + 1)
        for tokens, steps in self.sizes:
            counts[bisect_left(STEP_TOKENS, tokens)] += steps
        return counts


class StatsReport(msgspec.Struct, tag="stats", tag_field="kind"):
    running: int
    waiting: int
    draining: bool
    uptime_s: float
    steps: int
    generated_tokens: int
    models: list[ModelStats] = []
    cascades: list[CascadeStats] = []
    device_utilization: float | None = None
    """Part of the last moments in which the device computed, 0 to 1; None where it does not tell."""
    trials: list[TrialStats] = []
    refused_artifacts: list[tuple[str, str, int]] = []
    """Artifacts that were not used since the engine started: model, reason, count."""
    resident_bytes: int = 0
    """Memory that the process holds."""
    headroom_bytes: int | None = None
    """What it could have beyond that; None where the system does not tell."""
