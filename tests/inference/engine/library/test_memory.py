from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from inference.engine import BatchInferenceEngine, ConfigError, InferenceOptConfig, MemoryOptimizer
from tests.inference.engine.library.modules import Parts, seeded, vectors

ON_CPU = InferenceOptConfig(device="cpu")


def gradients(model: nn.Module, x: Tensor) -> tuple[dict[str, Tensor], int]:
    saved = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal saved
        saved += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(x)["logits"].square().sum()
    model.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, saved


def test_checkpointing_gives_the_same_gradients_from_less_memory() -> None:
    model = seeded(Parts, depth=6)
    x = torch.stack(vectors(512))
    before, kept = gradients(model, x)

    names = MemoryOptimizer(model, ON_CPU).enable_gradient_checkpointing()
    after, kept_then = gradients(model, x)

    assert {"body.0", "body.5", "stem.0"} <= set(names)
    assert MemoryOptimizer(model, ON_CPU).enable_gradient_checkpointing() == []
    assert kept_then < 0.8 * kept
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], gradient)


def test_a_copy_of_an_altered_module_computes_with_its_own_weights() -> None:
    model = seeded(Parts)
    optimizer = MemoryOptimizer(model, ON_CPU)
    optimizer.enable_gradient_checkpointing()
    optimizer.enable_inference_mode()
    x = torch.stack(vectors(2))
    before = model(x)["logits"].clone()
    twin = copy.deepcopy(model)
    for parameter in model.parameters():
        parameter.data.zero_()

    assert torch.equal(twin(x)["logits"], before)
    assert not model(x)["logits"].any()


def test_inference_mode_leaves_one_frozen_module_of_the_type_asked_for() -> None:
    model = seeded(Parts).train()
    config = InferenceOptConfig(dtype="bf16", device="cpu")

    same = MemoryOptimizer(model, config).enable_inference_mode()
    output = same(torch.stack(vectors(2)).bfloat16().requires_grad_())

    assert same is model
    assert output["logits"].is_inference()
    assert not any(part.training for part in model.modules())
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    engine = BatchInferenceEngine(model, config)
    engine.infer_batch(vectors(1))
    assert engine.runner.module is model


def test_memory_counts_what_lives_at_once_and_shared_storage_once() -> None:
    class Stages(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1000))
            self.register_buffer("offset", torch.ones(10, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            y = x * self.weight  # 4,000 bytes
            z = y.view(10, 100).t()[:50]  # none of its own
            y = torch.cat([y, y])  # 8,000 beside the first
            del z
            return y.sum(dim=1)  # the 8,000 and 4 more, after the first has gone

    report = MemoryOptimizer(Stages(), ON_CPU).measure_memory(torch.ones(1, 1000))

    assert (report.parameters, report.buffers, report.offloaded) == (4000, 80, 0)
    assert report.peak == 12_000
    assert report.total == 16_080


def test_offloading_answers_the_same_and_names_what_is_wrong() -> None:
    model = seeded(Parts)
    x = torch.stack(vectors(3))
    expected = model(x)["logits"]
    optimizer = MemoryOptimizer(model, ON_CPU)

    offload = optimizer.offload_to_cpu(["body.1", "head"])

    assert torch.equal(model(x)["logits"], expected)
    assert offload.copies == 0
    assert optimizer.measure_memory(x).offloaded == 0
    with pytest.raises(ConfigError) as error:
        optimizer.offload_to_cpu(["head", "nose", ""])
    assert len(error.value.problems) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_offloaded_weights_visit_the_device_for_their_call() -> None:
    model = seeded(Parts)
    x = torch.stack(vectors(3))
    expected = model(x)["logits"]
    optimizer = MemoryOptimizer(model, InferenceOptConfig(device="cuda"))

    offload = optimizer.offload_to_cpu(["body.1", "head"])

    torch.testing.assert_close(model(x.cuda())["logits"].cpu(), expected)
    assert offload.copies == 2
    assert model.head.weight.device.type == "cpu"  # type: ignore[union-attr]
    assert model.stem[0].weight.device.type == "cuda"  # type: ignore[union-attr,index]
    report = optimizer.measure_memory(x)
    assert report.offloaded == offload.bytes > 0
