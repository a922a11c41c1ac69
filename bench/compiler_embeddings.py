"""MiniLM compiled, through the engine, beside ONNX Runtime and OpenVINO with the same weights, precision and number of threads.

The texts, and what *arrival order* and *sorted* mean, are those of `bench.embeddings`: ours is always in arrival order, each text a
request of its own, and a peer's batches of sorted texts have the size that it is fastest with. All take turns, in an order drawn
anew; a ratio is the median of the ratios of the turns. Weights of bytes count where no vector's cosine to float32 is below 0.999.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median

import torch

from bench.embeddings import (
    ARRIVAL_BATCH,
    SEED,
    TEXTS,
    Contest,
    Point,
    all_of,
    best_batch,
    checkpoint,
    cosines,
    short_texts,
    texts_of_all_lengths,
)
from bench.peers.embedders import Embedder, Refused, install, ours, theirs, threads
from bench.report import Measure, Options, less_is_better, more_is_better, of_turns
from inference.engine.library.interval import bootstrap_ratio
from inference.engine.models.layers import best_dtype

PEERS: Mapping[str, tuple[str, ...]] = {
    "float32": ("onnx", "openvino-float32"),
    "bfloat16": ("openvino-bfloat16",),
    "int8": ("onnx-int8", "openvino-int8"),
}
SORTED, ARRIVAL = 1.0, 2.5
"""How many times as fast ours is to be."""
COSINE = {"float32": 0.9999, "bfloat16": 0.9999, "int8": 0.999}


def measures(options: Options) -> Iterator[Measure]:
    folder = checkpoint()
    texts = texts_of_all_lengths()
    in_order = sorted(texts, key=len)
    options.say("starting the embedders; the first run installs the peers and takes minutes")
    install(folder)
    with ExitStack() as stack:
        reference = stack.enter_context(theirs("transformers-float32", folder, threads()))
        mine: dict[str, Embedder] = {}
        for precision in PEERS:
            if precision == "bfloat16" and best_dtype(torch.device("cpu")) != "bfloat16":
                continue
            embedder = stack.enter_context(ours(f"compiled-{precision}", folder, threads()))
            try:
                embedder.seconds(texts[:1], 1)
            except Refused as refused:
                options.say(f"{precision}: {refused}")
                continue
            mine[precision] = embedder
        kinds = [kind for precision in mine for kind in PEERS[precision]]
        peers = {kind: stack.enter_context(theirs(kind, folder, threads())) for kind in kinds}
        cosine = cosines(reference, {**mine, **peers}, texts)
        points: dict[Point, Callable[[], list[float]]] = {}
        for name, embedder in mine.items():
            points[name, "arrival"] = partial(all_of, embedder, texts, 0)
        for name, peer in peers.items():
            options.say(f"looking for the batch size that suits {name} best")
            points[name, "sorted"] = partial(all_of, peer, in_order, best_batch(peer, in_order))
            points[name, "arrival"] = partial(all_of, peer, texts, ARRIVAL_BATCH)
        for name, embedder in {**mine, **peers}.items():
            points[name, "single"] = partial(embedder.each, short_texts())
        contest = Contest(points)
        contest.run(options)
    yield from _report(contest, mine, cosine)


def _report(contest: Contest, mine: Mapping[str, Embedder], cosine: Mapping[str, float]) -> Iterator[Measure]:
    for precision in mine:
        for peer in PEERS[precision]:
            counts = cosine[peer] >= COSINE[precision]
            for how, wanted in (("sorted", SORTED), ("arrival", ARRIVAL)):
                yield _beside(contest, precision, peer, how, wanted if counts else None)
            yield _single(contest, precision, peer)
    for name, least in cosine.items():
        target = COSINE.get(name)
        yield Measure(
            f"compiler/embeddings/cosine/{name}",
            least,
            "min",
            target=None if target is None else f">= {target}",
            met=None if target is None else least >= target,
            samples=TEXTS,
        )


def _beside(contest: Contest, precision: str, peer: str, how: str, wanted: float | None) -> Measure:
    """Sentences a second of ours and of a peer's, both medians, and the median of the ratios of turns."""
    us, them = contest.seconds[precision, "arrival"], contest.seconds[peer, how]
    made = more_is_better(
        f"compiler/embeddings/{precision}/{how}/{peer}",
        TEXTS / median(us),
        "1/s",
        peer,
        TEXTS / median(them),
        samples=len(us),
    )
    ratio = median(other / own for own, other in zip(us, them, strict=True))
    interval = bootstrap_ratio(them, us, seed=SEED)
    return of_turns(made, ratio, at_least=wanted, low=interval.low, high=interval.high)


def _single(contest: Contest, precision: str, peer: str) -> Measure:
    us, them = contest.seconds[precision, "single"], contest.seconds[peer, "single"]
    name = f"compiler/embeddings/{precision}/single_p50/{peer}"
    return less_is_better(name, median(us) * 1e3, "ms", peer, median(them) * 1e3, samples=len(us))
