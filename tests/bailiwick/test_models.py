from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bailiwick import models
from bailiwick.models import ModelError


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with the form of a checkpoint: one tensor of four bytes."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    return folder


def _only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def _cut_short(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1])


def _no_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 40)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_only_a_pickle, r"pytorch_model.bin is a pickle.*convert"),
        (_cut_short, "not a whole safetensors file. Download it again"),
        (_no_header, "not a whole safetensors file. Download it again"),
        (_no_tokenizer, r"has no tokenizer.json"),
        (_broken_config, r"config.json is not JSON"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_words(
    checkpoint: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(checkpoint)

    with pytest.raises(ModelError, match=message):
        models.check(checkpoint)


def test_a_file_is_no_folder(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="is not a folder"):
        models.check(checkpoint / "config.json")


def test_an_engine_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not reachable"):
        models.served(tmp_path / "engine.sock")
