"""An artifact: a compiled module that is called like the module."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_unflatten

from compiler.artifact import folder, loader
from compiler.artifact.content import AnyBucket, Bucket, Content, PlannedBucket
from compiler.artifact.fingerprint import chosen, headers_digest
from compiler.artifact.refusal import AGAIN, Reason, Refused
from compiler.artifact.signature import Sign, Verify
from compiler.backends.cpu.toolchain import ToolchainError
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.launched import Launched
from compiler.ir.interpret import Unfit
from compiler.ir.program import Program
from compiler.native.native import Compiled
from compiler.native.threads import Pool, Threads
from compiler.report import Report
from compiler.runtime.session import Missing, Session
from compiler.runtime.slow import Drift
from compiler.target import Gpu
from compiler.tune.device import usable_cores


class Artifact:
    """Made by `compiler.compile` or `Artifact.load`.

    It has caches of its own in `states`, by the names that the module's buffers have: every call goes on from what the one before
    left there, as the module would, whose own buffers it never touches. `reset` begins a new session.
    """

    def __init__(
        self,
        content: Content,
        *,
        pool: Pool | None = None,
        threads: int | None = None,
        drift: Drift | None = None,
        missing: Missing | None = None,
        gpu: Gpu | None = None,
        folder: Path | None = None,
    ) -> None:
        """`pool` is for several artifacts on the same threads; without one it has `threads` of its own, a usable core each. One of
        a `gpu` lies on it, and keeps what Triton compiles in `folder`, or in a temporary one.

        `missing` is told of sizes that no bucket takes, once of each; it must not compile there and then.
        """
        self.content, self.gpu = content, gpu
        self._device = torch.device("cpu") if gpu is None else gpu.device
        self._placed: dict[str, torch.Tensor] = {}
        self._folder, clean = (Path(), lambda: None) if gpu is None else room(folder)
        weakref.finalize(self, clean)
        limits = {name: axis.most for name, axis in content.axes.items() if axis.most is not None}
        program = Program(
            content.graph, {name: self._tensor(kept) for name, kept in content.reference.items()}, content.states
        )
        self._session = Session(program, device=self._device, limits=limits, drift=drift, missing=missing)
        self.states = {name: state.to(self._device, copy=True) for name, state in content.states.items()}
        self.pool = pool
        """Threads that other artifacts may share; None where nothing compiled runs."""
        for fallback in content.evidence.fallbacks:
            self._session.add(fallback["sizes"], None)
        self.changing = threading.Lock()
        """Is held by whoever makes a bucket for it."""
        self._threads = threads or usable_cores()
        self.adopt(content, content.buckets)

    def adopt(self, content: Content, added: Sequence[AnyBucket]) -> None:
        """Has `added`, which are part of `content`, serve from the next call on."""
        self.content = content
        variant = None if self.gpu is not None else chosen(content.fingerprint)
        for bucket in added:
            if isinstance(bucket, PlannedBucket) and self.gpu is not None:
                weights = {name: self._tensor(kept) for name, kept in bucket.weights.items()}
                launched = Launched(bucket.plan, weights, self._folder, self._device, self.gpu.record)
                self._session.add(bucket.sizes, launched)
            elif isinstance(bucket, Bucket) and variant is not None:
                code = bucket.objects[variant.name]
                self.pool = self.pool or Threads(code, variant, threads=self._threads)
                tensors = [self._tensor(name) for name in bucket.weights]
                self._session.add(bucket.sizes, Compiled(bucket.step, tensors, self.pool, code))

    def _tensor(self, name: str) -> torch.Tensor:
        """Where it is computed with, once for all that read it."""
        if name not in self._placed:
            self._placed[name] = self.content.tensors[name].to(self._device)
        return self._placed[name]

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        verify: Verify | None = None,
        pool: Pool | None = None,
        gpu: Gpu | None = None,
        **options: Any,
    ) -> Artifact:
        """The artifact in the folder `path`, as `save` returned it; weights are read from the disk when they are first used.

        `verify` says whether a signature is of a trusted key. Without it whoever can write to the folder is trusted, for compiled
        code is run. One of a GPU is for the first there is, or for `gpu`. Raises Refused for what was not made for this machine or
        is not as it was saved: nothing of it was run then.
        """

        def opened_for(kind: str) -> loader.OnGpu | None:
            nonlocal gpu
            if gpu is None and kind != "cpu":
                gpu = _first_gpu()
            return None if gpu is None else _opened_for(gpu)

        content = loader.load(Path(path), verify, opened_for)
        if pool is not None and content.fingerprint.headers != headers_digest():
            raise Refused(Reason.LIBRARY, "the artifact's kernels are of another release than the threads given", AGAIN)
        try:
            return cls(content, pool=pool, gpu=gpu, **options)
        except ToolchainError as error:
            raise Refused(
                Reason.LIBRARY,
                f"the compiled code cannot be opened: {error}",
                "Install libstdc++6 and see that the folder is not mounted noexec, or compile the model again on this host",
            ) from error

    def save(self, into: str | Path, *, sign: Sign | None = None) -> Path:
        """Writes it to a folder under `into` that is called by its content, and returns that. Raises Unsaved."""
        return folder.save(self.content, Path(into), sign)

    def __call__(self, *inputs: torch.Tensor, **named: torch.Tensor) -> Any:
        """What the module would give, put together as it would. Raises Unfit for what the module was not compiled for."""
        outputs = self.run(self._arranged(inputs, named), self.states)
        return tree_unflatten(list(outputs), self.content.structure)

    def run(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """For a server, whose caches are its own, on the artifact's device: the outputs one after another. `states` change."""
        return self._session.run([each.to(self._device) for each in inputs], states)

    def reset(self) -> None:
        """The caches as a new session finds them."""
        for name, state in self.states.items():
            state.copy_(self.content.states[name])

    @property
    def drift(self) -> Drift:
        """Counts of calls that no bucket took."""
        return self._session.drift

    @property
    def report(self) -> Report:
        content = self.content
        made = content.fingerprint
        return Report(
            target=f"{made.device}, {', '.join(made.instructions) or 'reference'}, torch {made.torch}",
            quantize=content.quantize,
            contract=content.contract,
            buckets=[bucket.sizes for bucket in content.buckets],
            fallbacks=content.evidence.fallbacks,
            parity=content.evidence.parity,
            measurements=content.evidence.measurements,
            padded=sorted(self._session.padded),
            weights_bytes=_bytes(content, [name for bucket in content.buckets for name in bucket.tensors]),
            arena_bytes=max((each.memory for each in content.buckets), default=0),
        )

    def _arranged(self, inputs: Sequence[torch.Tensor], named: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        names = [str(value["name"]) for value in self.content.graph.inputs]
        rest = names[len(inputs) :]
        if len(inputs) > len(names) or set(rest) != set(named):
            raise Unfit(f"the module takes {', '.join(names)}, each once")
        return [*inputs, *(named[name] for name in rest)]


def _bytes(content: Content, names: Sequence[str]) -> int:
    return sum(content.tensors[name].nbytes for name in {*names, *([] if names else content.reference.values())})


def room(folder: str | Path | None) -> tuple[Path, Callable[[], None]]:
    """Where compiled code goes, and what removes it if nobody gave a folder."""
    if folder is not None:
        return Path(folder), lambda: None
    temporary = tempfile.TemporaryDirectory(prefix="compiled-")
    return Path(temporary.name), temporary.cleanup


def _first_gpu() -> Gpu:
    """Raises Refused."""
    try:
        return Gpu.at("cuda")
    except ValueError as error:
        raise Refused(Reason.DEVICE, f"the artifact is for a GPU, and {error}", AGAIN) from error


def _opened_for(gpu: Gpu) -> loader.OnGpu:
    return loader.OnGpu(gpu.fingerprint, lambda graph, cuts: planned(graph, gpu.chip, cuts=cuts, upcast=gpu.upcast))
