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
from inference.engine.errors import CheckpointError, NoKernels
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
    from inference.engine.compiled_runner import CompiledRunner
    from inference.engine.encoding import Encoding
    from inference.engine.gpu import Gpu
    from inference.engine.kernels import Kernels


@dataclass(frozen=True, slots=True)
class LoadOptions:
    device: str = "cpu"
    dtype: DtypeName = "auto"
    """What weights are held in; "auto" is what the device is fastest in and loses nothing by."""
    graphs: bool = False
    """Whether a decoder's steps on a CUDA device are captured and replayed."""
    compiled: Path | None = None
    """Where compiled models keep their code, or their kernels for a GPU; None leaves them to torch."""
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
    chosen = (_on_processor if options.device == "cpu" else _on_gpu)(
        name, version, checkpoint, found.digest, options, box
    )
    compiled, refused = chosen.model, chosen.refused
    worker: AnyWorker
    grammars, passages = None, None
    if checkpoint.kind == "chat":
        runner = cast("CompiledRunner | None", compiled) or DecoderRunner(
            checkpoint,
            device=options.device,
            dtype=chosen.dtype or options.dtype,
            graphs=options.graphs,
            kernels=chosen.kernels,
            counted=chosen.lacks,
        )
        worker = DecoderWorker(runner, tokenizer, options.limits, cache_bytes=options.cache_bytes)
        if isinstance(runner, DecoderRunner) and runner.uncompiled:
            refused = _uncompiled(name, version, runner.uncompiled)
        grammars = Grammars(Vocabulary(tokenizer.source(), checkpoint.config.vocab_size, checkpoint.stop_ids))
    else:
        if checkpoint.kind == "tagging":
            passages = Passages(tokenizer, checkpoint.config.max_tokens)
        encoder = cast("Encoding | None", compiled) or EncoderRunner(
            checkpoint, device=options.device, dtype=options.dtype, counted=chosen.lacks
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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What computes a model beside torch's operators, if there is something."""

    model: CompiledRunner | Encoding | None = None
    """All of it; a decoder's on a processor alone."""
    kernels: Kernels | None = None
    """Of a decoder on a GPU."""
    dtype: DtypeName | None = None
    """Of the weights beside those kernels; None is as the engine was told."""
    lacks: bool = False
    """Whether torch serves in the place of what was asked for: each of its steps is one on the slow path."""
    refused: Refused | None = None


def _on_processor(
    name: str, version: Version, checkpoint: Checkpoint, digest: str, options: LoadOptions, box: BlackBox | None
) -> _Chosen:
    """Its artifact, or compiled here if that is wanted and can be; an encoder of bytes only where they are good enough."""
    if version.compiled is None and options.compiled is None:
        return _Chosen()
    from compiler.artifact.refusal import Refused
    from inference.engine.compiled_encoder import CompiledEncoder, TooCoarse
    from inference.engine.compiled_model import UNCOMPILED
    from inference.engine.compiled_runner import CompiledRunner
    from inference.engine.proven_runner import proven

    if version.compiled is not None:
        try:
            return _Chosen(proven(checkpoint, version.digest, version.compiled, options.verify, _box(box)))
        except Refused as error:
            return _Chosen(lacks=True, refused=_told(name, error))
    kind: type[CompiledRunner | CompiledEncoder] = CompiledRunner if checkpoint.kind == "chat" else CompiledEncoder
    made = partial(kind, checkpoint, cast(Path, options.compiled), dtype=options.dtype, digest=digest)
    try:
        try:
            model = made(weights=options.weights)
        except TooCoarse as error:
            log("engine.model.unquantized", model=name, reason=str(error))
            model = made()
    except UNCOMPILED as error:
        _uncompiled(name, version, str(error))
        return _Chosen(lacks=True)
    if model.held.unsaved:
        log("engine.model.not_kept", model=name, reason=model.held.unsaved)
    return _Chosen(model)


def _on_gpu(
    name: str, version: Version, checkpoint: Checkpoint, digest: str, options: LoadOptions, box: BlackBox | None
) -> _Chosen:
    """Kernels of the version's artifact, or compiled here if that is wanted and can be."""
    if version.compiled is None and options.compiled is None:
        return _Chosen()
    from compiler.artifact.refusal import Refused
    from inference.engine.gpu import Gpu

    try:
        chosen = _kernels_here if version.compiled is None else _proven_kernels
        return chosen(Gpu.at(options.device), version, checkpoint, options, box)
    except NoKernels as error:
        return _Chosen(lacks=True, refused=_uncompiled(name, version, str(error)))
    except Refused as error:
        return _Chosen(lacks=True, refused=_told(name, error))


def _kernels_here(
    gpu: Gpu, version: Version, checkpoint: Checkpoint, options: LoadOptions, box: BlackBox | None
) -> _Chosen:
    """Of an encoder over its weights as they are: nobody has seen what others do. Raises NoKernels, CheckpointError."""
    from inference.engine.encoder_kernels import captured_encoder
    from inference.engine.kernels import Captured

    folder = cast(Path, options.compiled)
    if checkpoint.kind != "chat":
        return _Chosen(captured_encoder(Captured(gpu, folder), checkpoint, options.dtype))
    return _Chosen(kernels=Captured(gpu, folder, gpu.quantized(options.weights)))


def _proven_kernels(
    gpu: Gpu, version: Version, checkpoint: Checkpoint, options: LoadOptions, box: BlackBox | None
) -> _Chosen:
    """Raises NoKernels, Refused."""
    from inference.engine.encoder_kernels import proven_encoder
    from inference.engine.kernels import proven

    compiled = cast(Compiled, version.compiled)
    found = proven(version.digest, compiled, options.verify, _box(box), gpu, options.compiled)
    if checkpoint.kind != "chat":
        return _Chosen(proven_encoder(found, checkpoint))
    return _Chosen(kernels=found, dtype=found.dtype)


def _box(box: BlackBox | None) -> BlackBox:
    """Raises Refused."""
    from compiler.artifact.refusal import Reason, Refused

    if box is None:
        remedy = "Serve the reference, or start an engine process"
        raise Refused(Reason.SIGNATURE, "no artifact is run here", remedy)
    return box


def _uncompiled(name: str, version: Version, reason: str) -> Refused | None:
    """Tells that torch serves; what that means for the version's artifact, if it has one."""
    from compiler.artifact.refusal import AGAIN, Reason, Refused

    if version.compiled is not None:
        return _told(name, Refused(Reason.LIBRARY, reason, AGAIN))
    log("engine.model.uncompiled", model=name, reason=reason)
    return None


def _told(name: str, refused: Refused) -> Refused:
    log("engine.artifact.refused", model=name, reason=str(refused.reason), why=str(refused))
    return refused
