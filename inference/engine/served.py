"""A model that is being served: what the door must know of it, and its worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, cast

from inference.engine.admission import Limits
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.deployment import SHORT_DIGEST, Compiled, Version, Weights
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.errors import CheckpointError
from inference.engine.grammar import Grammars
from inference.engine.journal import log
from inference.engine.models.layers import DtypeName
from inference.engine.passages import Passages
from inference.engine.protocol import ModelInfo
from inference.engine.tokenizer import Tokenizer
from inference.engine.vocabulary import Vocabulary
from inference.engine.window import PRESETS, Window
from inference.engine.worker import AnyWorker

if TYPE_CHECKING:  # what compiles is imported where somebody asks for it
    from compiler.artifact.refusal import Refused
    from compiler.artifact.signature import Verify
    from inference.engine.blackbox import BlackBox
    from inference.engine.compiled_encoder import CompiledEncoder
    from inference.engine.compiled_runner import CompiledRunner


@dataclass(frozen=True, slots=True)
class LoadOptions:
    device: str = "cpu"
    dtype: DtypeName = "auto"
    """What weights are held in; "auto" is what the device is fastest in and loses nothing by."""
    graphs: bool = False
    """Whether a decoder's steps on a CUDA device are captured and replayed."""
    compiled: Path | None = None
    """Where compiled models keep their code, or on a GPU a decoder its kernels; None leaves them to torch."""
    weights: Weights = "as-they-are"
    """What models that the engine compiles itself read their weights from. An encoder that bytes change too much keeps them."""
    verify: Verify | None = None
    """Whether an artifact's signature is of a trusted key; None trusts no artifact."""
    window: Window = PRESETS["balanced"]
    """How long embeddings are held for company where the workspace says nothing."""
    cache_bytes: int = 1 << 30
    """Most memory of one model's KV cache."""
    limits: Limits = field(default_factory=Limits)
    hang_s: float = 120.0
    """A step that takes longer than this hangs."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    info: ModelInfo
    tokenizer: Tokenizer
    stop_ids: frozenset[int]
    vocabulary: int
    """Token ids are below this."""
    dimensions: int
    """Length of the hidden vector, which is an encoder's answer."""
    worker: AnyWorker
    grammars: Grammars | None = None
    """None where the model writes no text."""
    passages: Passages | None = None
    """None where the model does not tag."""
    refused: Refused | None = None
    """Why the reference serves in place of the version's artifact; None where all is as the deployment says."""

    @property
    def identity(self) -> str:
        """As `Version.identity`."""
        return self.info.artifact or self.info.digest

    @property
    def version(self) -> str:
        """What answers say of what they are of."""
        return self.identity[:SHORT_DIGEST]


def load_model(name: str, version: Version, options: LoadOptions, box: BlackBox | None = None) -> ServedModel:
    """Loads a version's checkpoint and makes it ready to step. An artifact that does not belong here is refused, and the
    reference serves. `box` knows which artifact's code is run, for the process after this one; without it none is.

    Raises CheckpointError, also when a digest is given and the folder's files have another.
    """
    path, digest = Path(version.path), version.digest
    checkpoint = Checkpoint.open(path)
    found = checkpoint.info()
    if digest not in ("", found.digest):
        raise CheckpointError(
            f"the files in {path} are not the ones that were imported (SHA-256 {found.digest[:12]}… instead of {digest[:12]}…); "
            "delete the folder and start the engine again: it is fetched anew from the object store"
        )
    tokenizer = checkpoint.tokenizer()
    compiled, refused = _compiled(name, version, checkpoint, found.digest, options, box)
    # Where torch serves in the place of what was to be compiled, each of its steps counts as one on the slow path.
    wanted = version.compiled is not None or (options.compiled is not None and options.device == "cpu")
    slow = wanted and compiled is None
    worker: AnyWorker
    grammars, passages = None, None
    if checkpoint.kind == "chat":
        runner = cast("CompiledRunner | None", compiled) or DecoderRunner(
            checkpoint,
            device=options.device,
            dtype=options.dtype,
            graphs=options.graphs,
            kernels=options.compiled,
            weights=options.weights,
            counted=slow,
        )
        worker = DecoderWorker(runner, tokenizer, options.limits, cache_bytes=options.cache_bytes)
        if isinstance(runner, DecoderRunner) and runner.uncompiled:
            log("engine.model.uncompiled", model=name, reason=runner.uncompiled)
        grammars = Grammars(Vocabulary(tokenizer.source(), checkpoint.config.vocab_size, checkpoint.stop_ids))
    else:
        if checkpoint.kind == "tagging":
            passages = Passages(tokenizer, checkpoint.config.max_tokens)
        encoder = cast("CompiledEncoder | None", compiled) or EncoderRunner(
            checkpoint, device=options.device, dtype=options.dtype, counted=slow
        )
        worker = EncoderWorker(encoder, options.window)
    return ServedModel(
        info=ModelInfo(
            name,
            found.kind,
            found.architecture,
            found.parameters,
            found.max_tokens,
            found.digest,
            loaded_at=time(),
            artifact="" if version.compiled is None else version.compiled.artifact,
            labels=list(getattr(checkpoint.config, "labels", ())),
        ),
        tokenizer=tokenizer,
        stop_ids=checkpoint.stop_ids,
        vocabulary=checkpoint.config.vocab_size,
        dimensions=checkpoint.config.hidden_size,
        worker=worker,
        grammars=grammars,
        passages=passages,
        refused=refused,
    )


def _compiled(
    name: str, version: Version, checkpoint: Checkpoint, digest: str, options: LoadOptions, box: BlackBox | None
) -> tuple[CompiledRunner | CompiledEncoder | None, Refused | None]:
    """By the version's artifact, or compiled here if that is wanted and can be, an encoder of bytes only where they are good
    enough. None where torch is to serve, and why an artifact is not run."""
    if version.compiled is not None:
        return _proven(name, version, version.compiled, checkpoint, options, box)
    if options.compiled is None or options.device != "cpu":
        return None, None
    from inference.engine.compiled_encoder import CompiledEncoder, TooCoarse
    from inference.engine.compiled_model import UNCOMPILED
    from inference.engine.compiled_runner import CompiledRunner

    kind: type[CompiledRunner | CompiledEncoder] = CompiledRunner if checkpoint.kind == "chat" else CompiledEncoder
    made = partial(kind, checkpoint, options.compiled, dtype=options.dtype, digest=digest)
    try:
        try:
            model = made(weights=options.weights)
        except TooCoarse as error:
            log("engine.model.unquantized", model=name, reason=str(error))
            model = made()
    except UNCOMPILED as error:
        log("engine.model.uncompiled", model=name, reason=str(error))
        return None, None
    if model.held.unsaved:
        log("engine.model.not_kept", model=name, reason=model.held.unsaved)
    return model, None


def _proven(
    name: str,
    version: Version,
    compiled: Compiled,
    checkpoint: Checkpoint,
    options: LoadOptions,
    box: BlackBox | None,
) -> tuple[CompiledRunner | CompiledEncoder | None, Refused | None]:
    """The version's artifact, or why it is not run."""
    from compiler.artifact.refusal import Reason, Refused
    from inference.engine.proven_runner import proven

    try:
        if options.device != "cpu":
            what = f"the artifact is for cpu, this engine is on {options.device}"
            raise Refused(Reason.DEVICE, what, "Serve the reference here")
        if box is None:
            remedy = "Serve the reference, or start an engine process"
            raise Refused(Reason.SIGNATURE, "no artifact is run here", remedy)
        return proven(checkpoint, version.digest, compiled, options.verify, box), None
    except Refused as error:
        log("engine.artifact.refused", model=name, reason=str(error.reason), why=str(error))
        return None, error
