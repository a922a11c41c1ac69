"""What the tests tune: a real blocked transposition, and landscapes whose truth and noise are known."""

from __future__ import annotations

import math
import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from compiler.tune import canonical
from compiler.tune.budget import Budget
from compiler.tune.device import Device
from compiler.tune.key import Key, key_of, source_hash
from compiler.tune.knobs import Candidate, Choice, PowerOfTwo, Switch
from compiler.tune.space import Space
from compiler.tune.tunable import Infeasible, Parity, Runner

DEVICE = Device("cuda", "Imagined 9000", ("sm_90",), 132, 1, 3_201_000, "580.159.03")
QUICK = Budget(rungs=(2, 4, 8), trials=24, patience=10, finalists=3, pairs=15)
NEXT_DRIVER = replace(DEVICE, driver="590.10.01")


def key_for(tunable: Landscape | Transposition, *, device: Device = DEVICE, n: int = 512) -> Key:
    return key_of("transpose", {"n": n}, dtype="float32", device=device, space=tunable.space, source=source_hash("v1"))


class Landscape:
    """Time by formula, with noise: a runner answers the nanoseconds that it claims to have taken. See `ClaimedTime`.

    The fastest is tile 64, stages 3, layout "b", at 0.5 ms; the default takes about three times as long.
    """

    def __init__(self, *, noise: float = 0.02, spikes: float = 0.05, seed: int = 0) -> None:
        self.space = Space(
            {
                "tile": PowerOfTwo(8, 256, default=16),
                "stages": PowerOfTwo(1, 16, default=1),
                "layout": Choice("a", "b", "c"),
                "fused": Switch(),
            },
            {"tile * stages <= 1024": lambda candidate: int(candidate["tile"]) * int(candidate["stages"]) <= 1024},
        )
        self.calls: Counter[str] = Counter()
        self._noise, self._spikes = noise, spikes
        self._random = random.Random(seed)

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        for tile in (8, 32, 128):
            yield {**self.space.default, "tile": tile}
            yield {**self.space.default, "tile": tile, "stages": 4}

    def prune(self, candidate: Candidate) -> str | None:
        self.calls["prune"] += 1
        return "spills 64 bytes" if candidate["tile"] == 256 and candidate["layout"] == "c" else None

    def build(self, candidate: Candidate) -> Runner:
        self.calls["build"] += 1
        if candidate["tile"] == 128 and candidate["fused"]:
            raise Infeasible("needs 300 kB of shared memory, there are 227")
        return lambda: self.run(candidate)

    def parity(self, candidate: Candidate) -> Parity:
        self.calls["parity"] += 1
        return Parity(True, {"max_abs": 1e-6})

    def run(self, candidate: Candidate) -> int:
        self.calls["run"] += 1
        spike = 4.0 if self._random.random() < self._spikes else 1.0
        return int(self.truth(candidate) * math.exp(self._random.gauss(0, self._noise)) * spike)

    def truth(self, candidate: Candidate) -> float:
        """Nanoseconds without noise."""
        far = abs(math.log2(int(candidate["tile"]) / 64)) + 0.5 * abs(math.log2(int(candidate["stages"]) / 4))
        return 5e5 * (1 + 0.5 * far) * {"a": 1.15, "b": 1.0, "c": 1.4}[str(candidate["layout"])]


class Equals(Landscape):
    """Every candidate is equally fast: whoever wins does so by luck."""

    def truth(self, candidate: Candidate) -> float:
        return 5e5


class Cheats(Landscape):
    """What is fused takes a tenth of the time and computes something else."""

    def truth(self, candidate: Candidate) -> float:
        return super().truth(candidate) * (0.1 if candidate["fused"] else 1)

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        yield from ({**seed, "fused": True} for seed in super().rules(shape))
        yield from super().rules(shape)

    def parity(self, candidate: Candidate) -> Parity:
        return Parity(not candidate["fused"], {"max_abs": 3.0 if candidate["fused"] else 1e-6})


class Written(Landscape):
    """Writes a line a candidate built, so that processes can be counted together; a run takes as long as it claims."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    def build(self, candidate: Candidate) -> Runner:
        with self._log.open("a") as file:
            file.write(f"{os.getpid()} {canonical.text(dict(candidate))}\n")
        return super().build(candidate)

    def run(self, candidate: Candidate) -> int:
        claimed = super().run(candidate)
        time.sleep(claimed / 1e9)
        return claimed


class Deadly(Written):
    """What is fused ends the process, as a kernel that writes where it may not does."""

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        return [{**self.space.default, "fused": True}, *super().rules(shape)]

    def run(self, candidate: Candidate) -> int:
        if candidate == {**self.space.default, "fused": True}:
            os.abort()
        return super().run(candidate)


class ClaimedTime:
    """A stopwatch that believes the runner."""

    def time(self, run: Runner) -> int:
        claimed = run()
        return claimed if isinstance(claimed, int) else 1


class Transposition:
    """A copy into the other order in blocks, with real time: tiny blocks pay for Python, huge ones for the cache."""

    def __init__(self, n: int = 512) -> None:
        self.space = Space({"rows": PowerOfTwo(4, n, default=4), "columns": PowerOfTwo(4, n, default=4)})
        self.calls: Counter[str] = Counter()
        self._source = np.arange(n * n, dtype=np.float32).reshape(n, n)
        self._target = np.empty_like(self._source)

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        return [{"rows": size, "columns": size} for size in (16, 64, 256)]

    def prune(self, candidate: Candidate) -> str | None:
        return None

    def build(self, candidate: Candidate) -> Runner:
        rows, columns = int(candidate["rows"]), int(candidate["columns"])
        n = len(self._source)

        def run() -> None:
            self.calls["run"] += 1
            for i in range(0, n, rows):
                for j in range(0, n, columns):
                    self._target[j : j + columns, i : i + rows] = self._source[i : i + rows, j : j + columns].T

        return run

    def parity(self, candidate: Candidate) -> bool:
        self._target.fill(-1)
        self.build(candidate)()
        return bool(np.array_equal(self._target, self._source.T))
