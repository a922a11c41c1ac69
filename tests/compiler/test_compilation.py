from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import compiler
from compiler import Artifact, Axis, Unsupported
from compiler.backends.cpu import isa
from tests.compiler.frontend.test_exported import Choosing, Strange
from tests.compiler.modules import Remembering
from tests.compiler.networks import DecodeStep, Encoder, decoder_example, encoder_example
from tests.test_layout import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _slow(artifact: Artifact) -> int:
    return sum(artifact.drift.slow_path_total.values())


def test_an_artifact_is_called_like_the_module_and_goes_on_like_it(tmp_path: Path) -> None:
    network, example = DecodeStep("qwen3"), decoder_example()
    made = compiler.compile(network, example)
    loaded = Artifact.load(made.save(tmp_path), threads=2)
    assert made.report.is_compiled and not any(bool(buffer.any()) for buffer in network.buffers() if buffer.dim() == 4)

    for step in range(3):
        tokens, positions = (example[0] + step) % 96, example[1] + 3 * step
        with torch.no_grad():
            logits = network(tokens, positions)
        for artifact in (made, loaded):
            torch.testing.assert_close(artifact(tokens, positions=positions), logits, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(artifact.states["keys_0"], network.keys_0, rtol=1e-3, atol=1e-4)
    assert _slow(made) == _slow(loaded) == 0


def test_an_encoder_is_compiled_as_transformers_has_it() -> None:
    example = encoder_example()
    artifact = compiler.compile(Encoder(), example)

    assert artifact.report.is_compiled, artifact.report
    torch.testing.assert_close(artifact(*example), Encoder()(*example), rtol=1e-3, atol=1e-4)


def test_outputs_are_put_together_as_the_module_does(tmp_path: Path) -> None:
    inputs = torch.arange(3), torch.randn(3, 8)
    artifact = compiler.compile(Remembering(), inputs)

    for each in (artifact, Artifact.load(artifact.save(tmp_path), threads=1)):
        found = each(*inputs)
        assert list(found) == ["before", "after"]
        torch.testing.assert_close(found, Remembering()(*inputs))


def test_the_module_stays_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Dropout(0.5).eval())
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    artifact = compiler.compile(module, (torch.randn(2, 8),))

    assert [each.training for each in module.modules()] == [True, True, True, False] and module[0].weight.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    inputs = torch.randn(2, 8)
    torch.testing.assert_close(artifact(inputs), module.eval()(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [variant.name for variant in isa.runnable()])
def test_each_instruction_set_is_proven_and_serves(name: str, tmp_path: Path) -> None:
    module, inputs = nn.Sequential(nn.Linear(8, 24), nn.SiLU()), torch.randn(2, 8)

    artifact = compiler.compile(module, (inputs,), target=f"cpu:{name}")

    assert [parity["instructions"] for parity in artifact.report.parity] == [name]
    torch.testing.assert_close(Artifact.load(artifact.save(tmp_path))(inputs), module(inputs), rtol=1e-4, atol=1e-5)


def test_one_pool_of_threads_serves_artifacts_of_every_instruction_set(tmp_path: Path) -> None:
    module, inputs = nn.Sequential(nn.Linear(8, 24), nn.SiLU()), torch.randn(2, 8)
    names = [variant.name for variant in isa.runnable()]
    plain = compiler.compile(module, (inputs,), target="cpu:generic", threads=2)
    both = compiler.compile(module, (inputs,), target=f"cpu:generic,{names[-1]}").save(tmp_path)

    artifact = Artifact.load(both, pool=plain.pool)

    assert artifact.pool is plain.pool and {parity["instructions"] for parity in artifact.report.parity} == {
        "generic",
        names[-1],
    }
    torch.testing.assert_close(artifact(inputs), module(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": "tpu"}, "no target 'tpu'"),
        ({"target": "cpu:mmx"}, "no instruction set 'mmx'"),
        ({"quantize": "int3"}, "no quantization 'int3'"),
        ({"buckets": {"B": Axis({"input": 0}, (2,)), "C": Axis({"input": 0}, (2,))}}, "is two axes, B and C"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compiler.compile(nn.Linear(8, 8), (torch.randn(2, 8),), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "sizes", "most"), [({}, (1,), None), ({"x": 0}, (), None), ({"x": 0}, (4, 2), None)]
)
def test_an_axis_that_is_none_is_refused(inputs: dict[str, int], sizes: tuple[int, ...], most: int | None) -> None:
    with pytest.raises(ValueError, match="at least"):
        Axis(inputs, sizes, most)


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return values * self.calls


class Nothing(nn.Module):
    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, None]:
        return values * 2, None


class Writing(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.add_(1) * 2


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        (Choosing(), r"torch\.where"),
        (Growing(), "write to its places"),
        (Nothing(), "leave it out"),
        (Writing(), "keep that in a buffer"),
    ],
)
def test_a_module_that_cannot_be_captured_is_refused_with_a_remedy(module: nn.Module, remedy: str) -> None:
    with pytest.raises(Unsupported, match=remedy):
        compiler.compile(module, (torch.randn(3),))


@pytest.mark.parametrize(
    ("inputs", "remedy"),
    [
        ((3,), "one after another"),
        (([torch.randn(3)],), "one after another"),
        ((torch.randn(3, device="meta"),), "cpu"),
    ],
)
def test_inputs_that_are_no_tensors_of_the_processor_are_refused(inputs: tuple[torch.Tensor, ...], remedy: str) -> None:
    with pytest.raises(Unsupported, match=remedy):
        compiler.compile(nn.Identity(), inputs)


def _served_by_the_reference(
    module: nn.Module, inputs: torch.Tensor, folder: Path, said: str, **options: object
) -> None:
    artifact = compiler.compile(module, (inputs,), **options)  # type: ignore[arg-type]

    [fallback] = artifact.report.fallbacks
    assert said in fallback["reason"] and f"reference the one shape: {fallback['reason']}" in str(artifact.report)
    for each in (artifact, Artifact.load(artifact.save(folder))):
        torch.testing.assert_close(each(inputs), module(inputs), rtol=0, atol=0, equal_nan=True)
        assert each.drift.slow_path_total == {"no_bucket": 0, "reference": 1}


def test_an_operator_without_code_is_left_to_torch(tmp_path: Path) -> None:
    _served_by_the_reference(Strange(), torch.randn(3, 8), tmp_path, "fft")


def test_without_a_compiler_the_reference_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    _served_by_the_reference(nn.Linear(8, 8).requires_grad_(False), torch.randn(3, 8), tmp_path, "apt install g++")


def test_on_a_full_disk_the_reference_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "cxx"
    script.write_text('#!/bin/sh\n[ "$1" = --version ] && exec g++ --version\ncat /etc/passwd > /dev/full\n')
    script.chmod(0o700)
    monkeypatch.setenv("CXX", str(script))

    _served_by_the_reference(nn.Linear(8, 8).requires_grad_(False), torch.randn(3, 8), tmp_path, "is full: free some")


def test_floats_of_eight_bits_are_for_gpus() -> None:
    module, inputs = nn.Sequential(nn.Linear(8, 24)).requires_grad_(False), torch.randn(2, 8)

    artifact = compiler.compile(module, (inputs,), quantize="float8")

    assert "a processor reads int8" in artifact.report.fallbacks[0]["reason"]
    assert torch.equal(artifact(inputs), module(inputs))


@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_integers_serve_where_they_are_what_was_meant_and_draw_alike(quantize: str) -> None:
    network, example = DecodeStep("llama"), decoder_example()

    artifact = compiler.compile(network, example, quantize=quantize)

    assert artifact.report.is_compiled, artifact.report
    assert torch.cosine_similarity(artifact(*example), network(*example), -1).min() > 0.95


def test_a_weight_that_is_no_number_is_not_quantized(tmp_path: Path) -> None:
    module = nn.Linear(64, 64).requires_grad_(False)
    module.weight[3, 3] = torch.inf

    _served_by_the_reference(module, torch.randn(3, 64), tmp_path, "without quantization", quantize="int8")


class Overflowing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(8, 8)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        grown = self.linear(values).float() * 1e38
        return (grown.to(torch.bfloat16) * 16 - grown.to(torch.bfloat16) * 16).float()


def test_what_is_no_number_in_half_precision_is_found_and_left_to_torch(tmp_path: Path) -> None:
    module = Overflowing().to(torch.bfloat16).requires_grad_(False)

    _served_by_the_reference(module, torch.ones(3, 8, dtype=torch.bfloat16), tmp_path, "no number in")


def test_what_only_tunes_loads_no_torch() -> None:
    code = "import sys, compiler.tune.store; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_type_that_nothing_is_packed_in_is_left_to_torch(tmp_path: Path) -> None:
    module, inputs = nn.Linear(8, 8).double().requires_grad_(False), torch.randn(3, 8).double()

    _served_by_the_reference(module, inputs, tmp_path, "float64")


def test_the_memory_of_a_call_is_foretold() -> None:
    # More than the C library ever takes from what was freed before: it has to come from the system.
    wide = nn.Sequential(nn.Linear(64, 16384), nn.GELU(), nn.Linear(16384, 64)).requires_grad_(False)
    artifact = compiler.compile(wide, (torch.randn(1024, 64),))

    [each] = artifact.report.measurements
    assert each["predicted_bytes"] >= 1024 * 16384 * 4
    # A page here and there, and stacks of threads.
    assert 0.8 * each["predicted_bytes"] < each["resident_bytes"] < each["predicted_bytes"] + (2 << 20)
    assert "MB predicted beside the weights" in str(artifact.report)
