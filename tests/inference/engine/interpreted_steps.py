"""What tests of steps of kernels ask for; imported where Triton interprets, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch

from inference.engine import decoder_runner, kernel_program, proven_draws, proving
from inference.engine.blackbox import BlackBox
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.deployment import Weights
from inference.engine.gpu import Gpu
from inference.engine.kernels import Captured
from inference.engine.making import Disproven
from inference.engine.models.layers import DtypeName
from inference.engine.request import Choice, Generation
from inference.engine.rig import Rig
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk
from inference.engine.served import LoadOptions, ServedModel, load_model
from inference.engine.trust import trusted
from tests.compiler.backends.triton.interpreted_artifacts import Split, gpu, wrong_template
from tests.inference.engine import artifacts, checkpoints
from tests.inference.engine.harness import generation

BLOCKS = 40
PROMPTS = (5, 30, 17)


def interpreter(sizes: Sequence[int], *, upcast: bool = False, **other: str) -> Gpu:
    """In the place of a GPU; `other` is what is said of it that is not so of the rest."""
    one = gpu(**other)
    return Gpu(one.device, one.chip, one.fingerprint, one.record, upcast, sizes)


@dataclass(frozen=True)
class Seen:
    mine: list[torch.Tensor]
    """Logits of each step of running answers."""
    theirs: list[torch.Tensor]
    drawn: list[list[Drawn | None]]
    caches: list[tuple[torch.Tensor, torch.Tensor]]
    prompts: list[torch.Tensor]
    """Logits after a prompt by the network itself, before it shares the kernels' weights and after."""
    shared: bool
    """Whether a layer's weight is in memory once, for both."""
    too_many: bool
    """Whether more answers than any size takes go on by the network, and are counted."""
    left: bool
    """Whether something of a step is in its memory after a wipe."""
    used: dict[int, int]
    """Steps by the size that computed them."""


class Texts:
    """The same requests for each of some runners."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer, self._pool = checkpoint.tokenizer(), BlockPool(BLOCKS)
        self.made: list[tuple[Generation, Choice]] = []

    def add(self, length: int) -> tuple[Generation, Choice]:
        ids = torch.randint(2, 320, (length,), generator=torch.Generator().manual_seed(length)).tolist()
        request, _ = generation(self._tokenizer, ids)
        self.made.append((request, request.add_choice(self._pool.allocate(blocks_for(length + 8)), 0)))
        return self.made[-1]

    def chunks(self) -> list[Chunk]:
        return [Chunk(*pair, pair[1].computed, len(pair[1].tokens)) for pair in self.made]

    def told(self, tokens: list[int]) -> None:
        for (_, choice), token in zip(self.made, tokens, strict=True):
            choice.computed = len(choice.tokens)
            choice.tokens.append(token)


def followed(family: str, dtype: DtypeName, folder: Path, draws: list[Draw], quantized: torch.dtype | None) -> Seen:
    """Three answers go on for two steps by kernels, and one with a prompt, beside a network that goes on with the same tokens."""
    # A processor reads packed weights, and what a GPU computes with is asked for. This process is the interpreter's own.
    decoder_runner.pack = lambda network: None  # type: ignore[attr-defined]
    checkpoints.SIZES["num_hidden_layers"] = 2
    checkpoint = Checkpoint.open(checkpoints.save_decoder(folder / family, family, heads=4))
    runners = [DecoderRunner(checkpoint, dtype=dtype) for _ in range(2)]
    reference, ours = runners
    texts = [Texts(checkpoint) for _ in runners]
    for runner, each in zip(runners, texts, strict=True):
        runner.reserve(BLOCKS)
        for length in PROMPTS:
            each.add(length)
    before = [runner.step(each.chunks()) for runner, each in zip(runners, texts, strict=True)]
    for each in texts:
        each.told([int(row.argmax()) for row in before[0]])
    kernel_program._MOST_ROWS = 4
    gpu = interpreter((4, 128), upcast=dtype == "bfloat16")
    kernels = Captured(gpu, folder, quantized)(ours._network, ours.store.layers)
    ours._kernels = kernels
    mine, theirs, drawn = [], [], []
    for _ in range(2):
        found = ours.draw(texts[1].chunks(), draws)
        mine.append(found[0].clone())
        drawn.append(found[1])
        theirs.append(reference.step(texts[0].chunks()))
        for each in texts:
            each.told([int(row.argmax()) for row in theirs[-1]])
    for each in texts:
        each.add(40)
    found = ours.draw(texts[1].chunks(), [*draws, draws[0]])
    mine.append(found[0].clone())
    drawn.append(found[1])
    theirs.append(reference.step(texts[0].chunks()))
    used = dict(kernels.used)
    caches = [(a.clone(), b.clone()) for a, b in zip(ours.store.layers, reference.store.layers, strict=True)]
    prompts = []
    for runner in runners:
        alone = Texts(checkpoint)
        alone.add(40)
        runner._kernels = None
        prompts.append(runner.step(alone.chunks()))
    ours._kernels = kernels
    many = ours.draw(texts[1].chunks()[:3] * 2, draws * 2)[1] == [None] * 6 and ours.slow_path == 1
    ours.wipe_buffers()
    buffers = kernels._memories()
    weight = ours._network.layers[0].self_attn.qkv_proj.weight  # type: ignore[union-attr]  # typed as modules of any kind
    shared = weight.data_ptr() in {each.data_ptr() for each in kernels.weights.values()}
    return Seen(mine, theirs, drawn, caches, prompts, shared, many, any(bool(each.any()) for each in buffers), used)


@dataclass(frozen=True)
class Artifact:
    path: Path
    parity: dict[str, Any]
    steps: list[str]
    """Of which there are measurements."""
    same: bool
    """Whether what is served by the artifact is what was proven, bit for bit, in a cache of another size."""
    refusals: dict[str, str]
    """Of a GPU of another kind, or a release that plans otherwise, why it is not run."""
    serves: bool
    """Whether the network answers where the artifact is refused."""


def artifact(folder: Path, weights: Weights, sizes: Sequence[int]) -> Artifact:
    """An artifact for the interpreter, as one is made for a GPU, and what becomes of it in an engine."""
    _quick()
    source = checkpoints.save_decoder(folder / "llama", "llama", heads=4)
    made = artifacts.made(source, folder / "artifacts", weights, gpu=interpreter(sizes))
    checkpoint = Checkpoint.open(source)
    # No processor is called so: it stands for the GPU.
    options = LoadOptions(
        device="cpu:0", verify=trusted(artifacts.trust(folder)), compiled=folder / "kept", cache_bytes=1 << 20
    )

    def served(gpu: Gpu | None) -> ServedModel:
        with mock.patch.object(Gpu, "at", (lambda name: gpu) if gpu else Gpu.at):
            return load_model("chat", artifacts.version(source, made), options, BlackBox(folder / "socket"))

    candidate = DecoderRunner(
        checkpoint,
        dtype=made.manifest.dtype,
        kernels=Captured(interpreter(sizes), folder / "kept", interpreter(sizes).quantized(weights)),
    )
    proven = served(interpreter(sizes))
    assert proven.refused is None
    found = [_answered(runner, checkpoint, BLOCKS, min(2, max(sizes))) for runner in (candidate, _runner(proven))]
    refusals = {
        field: served(interpreter(sizes, **{field: other})).refused
        for field, other in (
            ("device", "Another GPU"),
            ("driver", "2"),
            ("compiler", "triton 2"),
            ("headers", "others"),
        )
    }
    refusals["gpu"] = served(None).refused
    kernel_program._LONGEST = 64  # a release that plans for other texts
    otherwise = served(interpreter(sizes))
    refusals["plans"] = otherwise.refused
    network = _runner(otherwise)
    serves = bool(_answered(network, checkpoint, BLOCKS, min(2, max(sizes))).isfinite().all()) and network.slow_path > 0
    return Artifact(
        made.path,
        made.manifest.evidence.parity,
        [f"{each['step']} {each['batch']}" for each in made.manifest.evidence.measurements],
        torch.equal(*found),
        {what: f"{each.reason}: {each}" for what, each in refusals.items() if each is not None},
        serves,
    )


def tuned(folder: Path) -> tuple[list[str], dict[str, Any], bool]:
    """Of an artifact whose sums a tuner has cut in two: what it was asked, its plans, and whether an engine launches just that."""
    _quick()
    source, tuner = checkpoints.save_decoder(folder / "llama", "llama", heads=4), Split()
    made = artifacts.made(source, folder / "artifacts", tuner=tuner, gpu=interpreter((4,)))
    options = LoadOptions(
        device="cpu:0", verify=trusted(artifacts.trust(folder)), compiled=folder / "kept", cache_bytes=1 << 20
    )
    with mock.patch.object(Gpu, "at", lambda name: interpreter((4,))):
        served = load_model("chat", artifacts.version(source, made), options, BlackBox(folder / "socket"))
    runner = _runner(served)
    runner.reserve(BLOCKS)
    [size] = runner.kernels.plans.values()
    return (
        tuner.asked,
        json.loads((made.path / "plans.json").read_bytes())["4"],
        served.refused is None and bool(size.cuts),
    )


def _runner(served: ServedModel) -> DecoderRunner:
    runner = cast(DecoderWorker, served.worker)._runner
    assert isinstance(runner, DecoderRunner)
    return runner


def planted(folder: Path, sizes: Sequence[int], of: str, wrong: tuple[str, str]) -> str:
    """What is said of an artifact when the template of a kernel is wrong; nothing may be left of it."""
    _quick()
    source = checkpoints.save_decoder(folder / "llama", "llama", heads=4)
    return refused(source, folder / "artifacts", interpreter(sizes), of, wrong)


def refused(source: Path, into: Path, gpu: Gpu, of: str, wrong: tuple[str, str]) -> str:
    """The same, of any checkpoint."""
    with wrong_template(of, *wrong):
        try:
            artifacts.made(source, into, gpu=gpu)
        except Disproven as error:
            assert list(into.glob("[!.]*")) == []
            return str(error)
    return ""


def _quick() -> None:
    """An interpreter takes its time: one layer, few prompts."""
    decoder_runner.pack = lambda network: None  # type: ignore[attr-defined]
    checkpoints.SIZES["num_hidden_layers"] = 1
    kernel_program._LONGEST, kernel_program._MOST_ROWS = 1024, 4
    proving._ANSWER, proven_draws._DRAWS, proving._RUNS, proving._PROMPTS = 4, 4, 1, 1
    proven_draws._SCHEMA = {"enum": [7]}
    proven_draws._is_valid = lambda text: text == "7"  # type: ignore[assignment]
    proving._LENGTHS, proving._BATCHES = (30,), (1,)  # type: ignore[assignment]
    decoder_runner.best_dtype = lambda device: "float32"  # type: ignore[attr-defined]


def _answered(runner: DecoderRunner, checkpoint: Checkpoint, blocks: int, answers: int) -> torch.Tensor:
    """Logits after each of some tokens of so many answers, in a new cache."""
    rig = Rig(runner, checkpoint, blocks)
    probes = rig.probes([list(range(30)), list(range(5))][:answers], 4)
    rig.fill(probes)
    rows = []
    for token in (7, 11, 13):
        for probe in probes:
            probe.tokens.append(token)
        rows.append(rig.step(probes).clone())
    return torch.stack(rows)
