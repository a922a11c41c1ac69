"""A Hugging Face checkpoint folder: what it holds, whether it can be served, and its digest. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.engine.architecture import (
    DECODERS,
    ENCODERS,
    HEAD,
    TAGGERS,
    DecoderConfig,
    EncoderConfig,
    Pooling,
    parse_decoder,
    parse_encoder,
)
from inference.engine.errors import CheckpointError
from inference.engine.passages import Passages
from inference.engine.protocol import Kind
from inference.engine.tokenizer import Tokenizer
from inference.engine.weights import FLOATS, Tensor, check_finite, read_header, read_tensors

if TYPE_CHECKING:
    import torch

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
INDEX = "model.safetensors.index.json"
_READ_BYTES = 1 << 20
_SIDE_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "modules.json",
    "sentence_bert_config.json",
    INDEX,
)


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a person needs to know before a checkpoint is served."""

    kind: Kind
    architecture: str
    parameters: int
    max_tokens: int
    """Longest prompt plus answer (chat), longest text (embedding) or longest passage of one (tagging), in tokens."""
    digest: str
    """SHA-256 over the names and contents of the files that are served, hex."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened folder: configuration parsed, tensors found and of the right shapes; no value was read yet."""

    path: Path
    config: DecoderConfig | EncoderConfig
    tensors: tuple[Tensor, ...]
    """Exactly the tensors the network reads."""
    prefix: str
    """What the checkpoint puts before every tensor name of the network."""
    stop_ids: frozenset[int]
    """Token ids that end an answer."""

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Raises CheckpointError unless the folder holds a checkpoint this engine serves."""
        if not path.is_dir():
            raise CheckpointError(f"{path.name or path}: not a folder; name the folder that holds config.json")
        values = read_json(path, "config.json")
        config = _parse_config(path, values)
        tensors, prefix = _match(config, _find_tensors(path))
        return cls(path, config, tensors, prefix, _stop_ids(path, values))

    @property
    def kind(self) -> Kind:
        if isinstance(self.config, DecoderConfig):
            return "chat"
        return "tagging" if self.config.labels else "embedding"

    @property
    def parameters(self) -> int:
        return sum(prod(tensor.shape) for tensor in self.tensors)

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """The tensors the network reads, one after another, by their names without the prefix."""
        return ((name.removeprefix(self.prefix), tensor) for name, tensor in read_tensors(self.tensors))

    def tokenizer(self) -> Tokenizer:
        """Raises CheckpointError when tokenizer.json or its companions cannot be read."""
        return Tokenizer.open(self.path)

    def digest(self) -> str:
        """SHA-256, hex, over `name NUL sha256(content)` of every file that is served, sorted by name."""
        names = {tensor.file.name for tensor in self.tensors} | {n for n in _SIDE_FILES if (self.path / n).is_file()}
        names |= {str(file.relative_to(self.path)) for file in self.path.glob("*_Pooling/config.json")}
        total = hashlib.sha256()
        for name in sorted(names):
            content = hashlib.sha256()
            with (self.path / name).open("rb") as stream:
                while block := stream.read(_READ_BYTES):
                    content.update(block)
            total.update(name.encode() + b"\0" + content.digest())
        return total.hexdigest()

    def info(self) -> CheckpointInfo:
        config = self.config
        return CheckpointInfo(self.kind, config.architecture, self.parameters, config.max_tokens, self.digest())


def inspect(path: Path | str) -> CheckpointInfo:
    """Validates the checkpoint folder at `path` in full, every weight included, without loading it to a device.

    Raises CheckpointError naming the file or tensor at fault and what to do.
    """
    checkpoint = Checkpoint.open(Path(path))
    tokenizer = checkpoint.tokenizer()
    if checkpoint.kind == "tagging":
        Passages(tokenizer, checkpoint.config.max_tokens)
    for tensor in checkpoint.tensors:
        check_finite(tensor)
    return checkpoint.info()


def read_json(path: Path, name: str, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in file `name` of the folder; {} when it is absent and `optional`."""
    file = path / name
    if not file.is_file():
        if optional:
            return {}
        raise CheckpointError(f"{name} is missing; the folder must be a Hugging Face checkpoint")
    try:
        values = json.loads(file.read_bytes())
    except ValueError:
        raise CheckpointError(f"{name}: not valid JSON; download the file again") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{name}: must hold a JSON object; download the file again")
    return values


def _parse_config(path: Path, values: dict[str, Any]) -> DecoderConfig | EncoderConfig:
    names = values.get("architectures")
    architecture = names[0] if isinstance(names, list) and len(names) == 1 else None
    if values.get("quantization_config") is not None:
        raise CheckpointError("config.json: 'quantization_config' is set; use the unquantized checkpoint")
    if architecture in DECODERS:
        return parse_decoder(architecture, values)
    if architecture in ENCODERS:
        pooling, normalize = _pooling(path)
        limit = read_json(path, "sentence_bert_config.json", optional=True).get("max_seq_length")
        limit = limit if isinstance(limit, int) and limit > 0 else None
        return parse_encoder(architecture, values, pooling=pooling, normalize=normalize, max_seq_length=limit)
    if architecture in TAGGERS:
        return parse_encoder(architecture, values, pooling="mean", normalize=False, max_seq_length=None)
    served = ", ".join([*DECODERS, *ENCODERS, *TAGGERS])
    raise CheckpointError(f"config.json: 'architectures' {names!r} is not one this engine serves: {served}")


def _pooling(path: Path) -> tuple[Pooling, bool]:
    """Pooling and normalization by `modules.json` of sentence-transformers; mean without normalization when it is absent."""
    file = path / "modules.json"
    if not file.is_file():
        return "mean", False
    try:
        modules = [
            (str(module["type"]).rpartition(".")[2], str(module["path"])) for module in json.loads(file.read_bytes())
        ]
    except (ValueError, TypeError, KeyError):
        raise CheckpointError("modules.json: not a list of modules with 'type' and 'path'; download it again") from None
    kinds = [kind for kind, _ in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise CheckpointError(
            f"modules.json: the modules {', '.join(kinds)} are not served; Transformer, Pooling and Normalize are"
        )
    folder = modules[1][1]
    if Path(folder).name != folder:
        raise CheckpointError("modules.json: 'path' must name a folder inside the checkpoint")
    name = f"{folder}/config.json"
    config = read_json(path, name)
    modes = [mode for mode, on in config.items() if mode.startswith("pooling_mode_") and on is True]
    if modes == ["pooling_mode_mean_tokens"] or config.get("pooling_mode") == "mean":
        return "mean", len(kinds) == 3
    if modes == ["pooling_mode_cls_token"] or config.get("pooling_mode") == "cls":
        return "cls", len(kinds) == 3
    raise CheckpointError(f"{name}: only mean and CLS pooling are served")


def _find_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the folder's safetensors files, by name."""
    if (path / INDEX).is_file():
        weight_map = read_json(path, INDEX).get("weight_map")
        if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
            raise CheckpointError(f"{INDEX}: 'weight_map' must map tensor names to file names; download it again")
        names = sorted(set(weight_map.values()))
        if any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
            raise CheckpointError(f"{INDEX}: may only name .safetensors files of this folder")
    elif (path / "model.safetensors").is_file():
        names = ["model.safetensors"]
    else:
        names = sorted(file.name for file in path.glob("*.safetensors"))
    if not names:
        pickles = sorted(file.name for file in path.iterdir() if file.suffix in PICKLES)
        if pickles:
            raise CheckpointError(
                f"{pickles[0]} is a pickle file, which can run code when it is opened and is never read; "
                "convert the checkpoint to safetensors (`save_pretrained` of transformers does) and import that"
            )
        raise CheckpointError("model.safetensors is missing; download the checkpoint's *.safetensors files")
    tensors: dict[str, Tensor] = {}
    for name in names:
        if not (path / name).is_file():
            raise CheckpointError(f"{name} is missing although {INDEX} names it; download it")
        for tensor in read_header(path / name).values():
            if tensor.name in tensors:
                raise CheckpointError(f"{name}: tensor {tensor.name!r} is also in {tensors[tensor.name].file.name}")
            tensors[tensor.name] = tensor
    return tensors


def _match(config: DecoderConfig | EncoderConfig, found: dict[str, Tensor]) -> tuple[tuple[Tensor, ...], str]:
    """The tensors the network reads and their name prefix; every expected one must be there and no unknown one may be."""
    expected = config.tensors()
    prefix = ""
    if isinstance(config, EncoderConfig):
        # A base model saved inside a task model carries its attribute name.
        prefix = next((p for p in ("bert.", "roberta.") if p + "embeddings.word_embeddings.weight" in found), "")
    # A head stands beside the base model, not in it.
    full = {name: name if name.startswith(HEAD) else prefix + name for name in expected}
    for name, shape in expected.items():
        tensor = found.get(full[name])
        if tensor is None:
            raise CheckpointError(f"tensor {full[name]!r} is missing; the checkpoint is incomplete: download it again")
        if tensor.shape != shape:
            raise CheckpointError(
                f"{tensor.file.name}: tensor {full[name]!r} has the shape {list(tensor.shape)} where config.json "
                f"promises {list(shape)}; config.json and weights are of different models"
            )
        if tensor.dtype not in FLOATS:
            raise CheckpointError(
                f"{tensor.file.name}: tensor {full[name]!r} is {tensor.dtype}; {', '.join(FLOATS)} are served"
            )
    read = set(full.values())
    for name, tensor in found.items():
        if name not in read and not (name.startswith(prefix) and config.ignores(name[len(prefix) :])):
            raise CheckpointError(
                f"{tensor.file.name}: tensor {name!r} is unknown to {config.architecture}; nothing would read it"
            )
    return tuple(found[full[name]] for name in expected), prefix


def _stop_ids(path: Path, values: dict[str, Any]) -> frozenset[int]:
    ids: set[int] = set()
    for source in (values, read_json(path, "generation_config.json", optional=True)):
        given = source.get("eos_token_id")
        ids.update(n for n in (given if isinstance(given, list) else [given]) if isinstance(n, int) and n >= 0)
    return frozenset(ids)
