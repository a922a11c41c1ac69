from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from inference.engine.checkpoint import Checkpoint, inspect
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.errors import CheckpointError
from tests.inference.engine import checkpoints

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.save_decoder(tmp_path_factory.mktemp("original"), "llama-tied")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "checkpoint"))


def edit_config(name: str = "config.json", **values: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        config = json.loads((folder / name).read_text())
        config.update(values)
        (folder / name).write_text(json.dumps(config))

    return damage


def edit_tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)

    return damage


def pickle_alone(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def truncate(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:-100])


def truncate_header(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:40])


def break_header(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[8:12] = b"!!!!"
    (folder / WEIGHTS).write_bytes(data)


def huge_header(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 60) + data[8:])


def overlap(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    names = [name for name in header if name != "__metadata__"]
    same = [name for name in names if header[name]["shape"] == header["model.norm.weight"]["shape"]]
    header[same[0]]["data_offsets"] = header[same[1]]["data_offsets"]
    encoded = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(encoded)) + encoded + data[8 + length :])


def poison(value: float) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors["model.layers.1.mlp.up_proj.weight"][3, 4] = value

    return change


def reshape(tensors: dict[str, Any]) -> None:
    tensors["model.layers.0.self_attn.k_proj.weight"] = numpy.zeros((64, 64), dtype=numpy.float32)


def escape_index(folder: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def index_without_file(folder: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (pickle_alone, ["pytorch_model.bin", "pickle", "safetensors"]),
        (lambda folder: (folder / WEIGHTS).unlink(), [WEIGHTS, "missing"]),
        (lambda folder: (folder / "config.json").unlink(), ["config.json", "missing"]),
        (lambda folder: (folder / "config.json").write_text("{"), ["config.json", "JSON"]),
        (lambda folder: (folder / "tokenizer.json").unlink(), ["tokenizer.json", "missing"]),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), ["tokenizer.json", "again"]),
        (truncate, [WEIGHTS, "truncated"]),
        (truncate_header, [WEIGHTS, "not a whole"]),
        (break_header, [WEIGHTS, "JSON"]),
        (huge_header, [WEIGHTS, "not a whole"]),
        (overlap, [WEIGHTS, "overlaps"]),
        (edit_tensors(lambda tensors: tensors.pop("model.norm.weight")), ["model.norm.weight", "missing"]),
        (
            edit_tensors(lambda tensors: tensors.update(extra=numpy.zeros(3, dtype=numpy.float32))),
            ["extra", "unknown"],
        ),
        (edit_tensors(reshape), ["k_proj", "[64, 64]", "[16, 64]"]),
        (edit_tensors(poison(float("nan"))), ["up_proj", "NaN"]),
        (edit_tensors(poison(float("inf"))), ["up_proj", "infinite"]),
        (
            edit_tensors(lambda t: t.update({"model.norm.weight": t["model.norm.weight"].astype(numpy.int32)})),
            ["model.norm.weight", "I32"],
        ),
        (edit_config(architectures=["GPT2LMHeadModel"]), ["GPT2LMHeadModel", "LlamaForCausalLM"]),
        (edit_config(architectures=None), ["architectures"]),
        (edit_config(quantization_config={"bits": 4}), ["quantization_config"]),
        (edit_config(hidden_size=-1), ["hidden_size"]),
        (edit_config(num_hidden_layers=10**9), ["num_hidden_layers"]),
        (edit_config(num_key_value_heads=3), ["num_key_value_heads"]),
        (edit_config(hidden_act="relu"), ["hidden_act"]),
        (edit_config(rope_parameters={"rope_type": "longrope", "rope_theta": 1.0}), ["rope_type"]),
        (edit_config("tokenizer_config.json", chat_template="{% if %}"), ["chat template"]),
        (escape_index, ["index.json", "folder"]),
        (index_without_file, ["model-00001-of-00002.safetensors", "missing"]),
    ],
)
def test_a_broken_checkpoint_is_refused_by_file_and_tensor(
    folder: Path, damage: Callable[[Path], object], words: list[str]
) -> None:
    inspect(folder)

    damage(folder)

    with pytest.raises(CheckpointError) as refusal:
        inspect(folder)
    message = str(refusal.value)
    assert all(word in message for word in words), message
    assert str(folder) not in message


def test_weights_that_are_not_finite_are_refused_at_load_too(folder: Path) -> None:
    edit_tensors(poison(float("nan")))(folder)

    with pytest.raises(CheckpointError, match="up_proj"):
        DecoderRunner(Checkpoint.open(folder))


def test_inspect_describes_the_checkpoint_and_its_digest_follows_its_files(folder: Path, original: Path) -> None:
    info = inspect(folder)

    assert (info.kind, info.architecture, info.max_tokens) == ("chat", "LlamaForCausalLM", 512)
    assert info.parameters == sum(p.numel() for p in checkpoints.decoder("llama-tied").parameters())
    assert info.digest == inspect(original).digest
    (folder / "README.md").write_text("not served")
    assert inspect(folder).digest == info.digest
    edit_config("generation_config.json", eos_token_id=[1, 7])(folder)
    assert inspect(folder).digest != info.digest
    assert Checkpoint.open(folder).stop_ids == {1, 7}


def test_inspecting_loads_no_torch() -> None:
    code = "import sys; from inference.engine.checkpoint import inspect; inspect(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(checkpoints.minilm())], check=True)


def test_a_template_file_wins_over_the_configuration(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    from inference.engine.protocol import Message

    tokenizer = Checkpoint.open(folder).tokenizer()

    assert tokenizer.decode(tokenizer.encode_chat([Message("user", "hey")])) == "hey!"


def test_a_pooling_that_is_not_served_is_refused(tmp_path: Path) -> None:
    folder = checkpoints.save_encoder(tmp_path / "encoder", pooling="max")

    with pytest.raises(CheckpointError, match="1_Pooling"):
        inspect(folder)
