from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

import compiler
from compiler import Artifact, Axis, Unsaved
from compiler.artifact.tensors import Tensors, chunks, mapped
from tests.compiler.conftest import Made
from tests.test_layout import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def test_the_same_program_on_the_same_machine_has_the_same_address(perceptron: Made, tmp_path: Path) -> None:
    again = compiler.compile(perceptron.module, (torch.randn(4, 16),), buckets={"B": Axis({"input": 0}, sizes=(2, 4))})

    first = again.save(tmp_path)
    loaded = Artifact.load(first).save(tmp_path / "loaded")

    assert first.name == perceptron.path.name == loaded.name


def test_what_is_saved_again_stays_as_it_is(perceptron: Made) -> None:
    before = {path: path.stat().st_mtime_ns for path in perceptron.path.rglob("*")}

    assert perceptron.artifact.save(perceptron.path.parent) == perceptron.path
    assert {path: path.stat().st_mtime_ns for path in perceptron.path.rglob("*")} == before
    assert [path.name for path in perceptron.path.parent.iterdir()] == [perceptron.path.name]


def test_other_weights_are_another_artifact(perceptron: Made, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(16, 8)).requires_grad_(False)
    one = compiler.compile(module, (torch.randn(2, 16),)).save(tmp_path)
    module[0].weight[3, 3] += 1

    assert compiler.compile(module, (torch.randn(2, 16),)).save(tmp_path) != one


def test_tensors_are_kept_once_and_lie_on_cache_lines(tmp_path: Path) -> None:
    tensors = Tensors()
    odd = torch.arange(7, dtype=torch.int8)
    names = [
        tensors.keep(tensor)
        for tensor in (odd, torch.randn(5, 3), odd.clone(), torch.randn(33).bfloat16(), torch.zeros(0))
    ]
    (tmp_path / "weights.safetensors").write_bytes(b"".join(chunks(tensors)))

    found = mapped(tmp_path / "weights.safetensors", names)

    assert names[0] == names[2] and len(tensors) == 4
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype
        assert found[name].numel() == 0 or found[name].data_ptr() % 64 == 0
    with safe_open(tmp_path / "weights.safetensors", framework="np") as file:
        assert set(names) <= set(file.keys())


def test_weights_are_read_from_the_disk_when_they_are_used(tmp_path: Path) -> None:
    tensors = Tensors()
    name = tensors.keep(torch.zeros(64 << 20, dtype=torch.uint8))
    with open(tmp_path / "weights.safetensors", "wb") as file:
        file.writelines(chunks(tensors))
    del tensors
    before = _resident()

    found = mapped(tmp_path / "weights.safetensors", [name])

    assert found[name].numel() == 64 << 20
    assert _resident() - before < 16 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.full((4, 3), -torch.inf))

    def forward(self, places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        self.seen.index_copy_(0, places, values)
        return self.seen.amax(0)


def test_caches_are_saved_empty_or_not_at_all(tmp_path: Path) -> None:
    module, inputs = Counting(), (torch.tensor([1]), torch.ones(1, 3))
    artifact = compiler.compile(module, inputs)
    artifact(*inputs)

    loaded = Artifact.load(artifact.save(tmp_path))

    assert bool((loaded.states["seen"] == -torch.inf).all())
    module(*inputs)
    with pytest.raises(Unsaved, match="seen holds what a call left"):
        compiler.compile(module, inputs).save(tmp_path)


def test_nothing_of_an_example_is_in_an_artifact(tmp_path: Path) -> None:
    module = nn.Embedding(1000, 8).requires_grad_(False)
    asked = torch.tensor([[123, 456, 789, 321, 654, 987]])

    path = compiler.compile(module, (asked,)).save(tmp_path)

    said = asked.numpy().tobytes()
    for file in path.rglob("*"):
        assert file.is_dir() or (said not in file.read_bytes() and b"456, 789" not in file.read_bytes())


def _process(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_SAVING = """
import sys, pathlib
from compiler import Artifact
artifact = Artifact.load(sys.argv[1], threads=1)
print("ready", flush=True)
for number in range(10_000):
    artifact.save(pathlib.Path(sys.argv[2]) / str(number))
"""


def test_a_process_killed_while_it_saves_leaves_nothing_half(perceptron: Made, tmp_path: Path) -> None:
    process = _process(_SAVING, perceptron.path, tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    while len(list(tmp_path.iterdir())) < 3:
        time.sleep(0.01)
    time.sleep(0.013)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    for path in tmp_path.glob("*/*"):
        assert path.name.startswith(".saving-") or Artifact.load(path, threads=1).report.buckets

    # What it left goes away once it is old.
    [*folders] = tmp_path.iterdir()
    for left in tmp_path.glob("*/.saving-*"):
        os.utime(left, (0, 0))
    for folder in folders:
        perceptron.artifact.save(folder)
    assert not list(tmp_path.glob("*/.saving-*"))


_FULL = """
import json, resource, sys
from compiler import Artifact, Axis, Unsaved
artifact = Artifact.load(sys.argv[1], threads=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    artifact.save(sys.argv[2])
except Unsaved as error:
    print(json.dumps(str(error)))
"""


def test_a_full_disk_is_called_one(perceptron: Made, tmp_path: Path) -> None:
    output, errors = _process(_FULL, perceptron.path, tmp_path).communicate()

    assert "is full: free some space" in json.loads(output or "null"), errors
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_called_one(perceptron: Made, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unsaved, match="Give a folder"):
        perceptron.artifact.save(tmp_path / "file")
