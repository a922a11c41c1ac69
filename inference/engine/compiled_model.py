"""What a compiled decoder and a compiled encoder have in common: the type that they compute in, and a step that a folder keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import torch

from compiler.artifact.kept import Declined, kept
from compiler.artifact.step_folder import Held
from compiler.backends.cpu.toolchain import ToolchainError
from compiler.frontend.exported import Unsupported
from compiler.native.native import Compiled
from compiler.native.source import Source
from compiler.native.storage import NotNative
from compiler.passes.quantize import Unquantizable
from inference.engine.checkpoint import Checkpoint
from inference.engine.deployment import Weights
from inference.engine.models.layers import DtypeName, best_dtype
from inference.engine.stats import Memory

UNCOMPILED = Unsupported, NotNative, ToolchainError, Unquantizable
"""Why a model is not compiled: torch then has to serve it."""
HERE = Path(__file__).parent


class CompiledModel(ABC):
    """On this machine's processor."""

    made_by: ClassVar[tuple[Path, ...]]
    """Files and folders of the code that makes its steps, beside the compiler's."""

    declines: ClassVar[type[Exception]] = Declined
    """What the code raises where it will not make a step, which is then not asked at each start."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        folder: Path,
        *,
        dtype: DtypeName = "auto",
        weights: Weights = "as-they-are",
        digest: str = "",
        held: Held | None = None,
    ) -> None:
        """Compiles into `folder` what is not there yet, and keeps packed weights there: a second start maps them, and neither reads
        the checkpoint's nor captures, nor calibrates anything. With `held` that step is run. `digest` is the checkpoint's, where
        that is known.

        Raises CheckpointError when the weights cannot be served, or one of `UNCOMPILED`.
        """
        self._take(checkpoint)
        if weights == "float8":
            raise Unquantizable("weights of float8 are for GPUs; a processor reads int8, int4, or weights as they are")
        chosen = best_dtype(torch.device("cpu")) if dtype == "auto" else dtype
        # Of float16 only weights would be: bfloat16 has the range, and the kernels.
        self.dtype: Literal["bfloat16", "float32"] = "float32" if chosen == "float32" else "bfloat16"
        """Of what is not quantized."""
        if held is None:
            subject = f"{digest or checkpoint.digest()} {self.dtype} {weights}"
            make = partial(self._made, checkpoint, folder, weights)
            held = kept(folder, subject, self.made_by, make, self.declines)
        self.held = held
        """What it runs."""
        self.slow_path = 0
        """Steps that were not computed by what was compiled: none, since one source is for every size."""
        self._load(folder)

    @property
    @abstractmethod
    def native(self) -> Compiled:
        """What is called."""

    @property
    def memory(self) -> Memory:
        """What it takes, as it was planned."""
        weights = sum(tensor.nbytes for tensor in self.held.weights)
        return Memory(weights, arena=self.native.bytes, fragmentation=self.native.step.fragmentation)

    @abstractmethod
    def _take(self, checkpoint: Checkpoint) -> None:
        """Takes what it has to know of the checkpoint. Raises CheckpointError for one of another kind."""

    @abstractmethod
    def _load(self, folder: Path) -> None:
        """Makes `held` ready to run, compiled into `folder`. Raises ToolchainError."""

    @abstractmethod
    def _made(self, checkpoint: Checkpoint, folder: Path, weights: Weights) -> Source:
        """The step, from the checkpoint. Raises as the constructor does."""
