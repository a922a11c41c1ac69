from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.gpu.network import FORMS, Llama
from compiler.backends.triton.capabilities import KNOWN, UnknownDevice, capabilities, here
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import Launch, Multiply, NotPlanned, Plan, Reference, Scratch
from compiler.backends.triton.tiles import Tiles
from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.interpret import Unfit
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import TensorType
from compiler.passes.manager import optimized
from tests.compiler.backends.triton.layers import Layer
from tests.compiler.frontend.test_exported import BOTH, Toy
from tests.compiler.networks import FAMILIES, DecodeStep, Encoder, decoder_example, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
DEVICE = capabilities(90)


def decode_plan(family: str = "llama", *, layers: int = 2, batch: int = 2, tokens: int = 1) -> Plan:
    example = decoder_example(batch, tokens)
    return planned(optimized(capture(DecodeStep(family, layers=layers, batch=batch), example)).graph, DEVICE)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decode_layer_is_at_most_six_launches_and_all_of_it_has_kernels(family: str) -> None:
    few, more = (decode_plan(family, layers=layers) for layers in (1, 3))

    assert few.references == more.references == ()
    assert (len(more.launches) - len(few.launches)) / 2 <= 6
    assert len(few.launches) <= 9


def test_layers_that_are_alike_share_their_files() -> None:
    few, more = decode_plan(layers=1), decode_plan(layers=3)

    assert {source.name for source in few.sources} == {source.name for source in more.sources}


def test_a_file_is_whole_readable_and_named_by_what_it_says(tmp_path: Path) -> None:
    plan = decode_plan(layers=1)

    for source in plan.sources:
        path = source.write(tmp_path)
        written = path.stat().st_mtime_ns
        assert source.write(tmp_path) == path and path.stat().st_mtime_ns == written
        assert "compiler" not in [getattr(node, "module", None) for node in ast.walk(ast.parse(path.read_text()))]
        compile(path.read_text(), path, "exec")
        path.write_text("damaged")
        assert source.write(tmp_path).read_text() == source.text
    assert not list(tmp_path.glob("*.[0-9]*"))


def test_what_a_tuner_found_takes_the_place_of_the_rules() -> None:
    graph = Layer().graph()
    by_rule = {launch.source.entry: launch for launch in planned(graph, DEVICE).launches}
    found = Tiles(1, 16, 32, 2, 8, 5)

    tuned = planned(graph, DEVICE, cuts={by_rule["linear"].source.name: found})

    [changed] = [launch for launch in tuned.launches if launch.cut == found]
    assert changed.group.anchor is by_rule["linear"].group.anchor
    assert (changed.grid[2], changed.warps, changed.constants["STAGES"]) == (2, 8, 5)


def test_no_kernel_adds_floats_in_whatever_order_they_come() -> None:
    folder = Path(__import__("compiler.backends.triton.kernels", fromlist=["__path__"]).__path__[0])
    atomic = [
        ast.unparse(node)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and "atomic" in ast.unparse(node.func)
    ]

    # Whole numbers, both of them, which come to the same in any order.
    assert {call.split("(", 2)[1].split(" ")[0] for call in atomic} == {"counters", "histogram"}
    counters = [
        each
        for launch in decode_plan().launches
        for each in launch.arguments
        if isinstance(each, Scratch) and each.zeroed
    ]
    assert all(each.dtype == torch.int32 for each in counters)


def test_what_has_no_kernel_is_left_to_aten_with_the_reason() -> None:
    encoder = planned(optimized(capture(Encoder(layers=1), encoder_example())).graph, DEVICE)

    assert [each.reason for each in encoder.references] == ["attention that is not over a cache"]
    assert all(each.is_recordable for each in encoder.references)
    assert len(encoder.launches) > 5


@pytest.mark.parametrize("family", FAMILIES)
def test_of_a_prompt_only_products_are_the_librarys(family: str) -> None:
    plan = decode_plan(family, layers=1, batch=2, tokens=40)

    assert plan.references == ()
    products = [step for step in plan.steps if isinstance(step, Multiply)]
    assert [step.group.anchor.op for step in products] == ["linear"] * 5
    assert {step.reason.partition(":")[0] for step in products} == {"80 rows"}
    launched = [launch.source.entry for launch in plan.launches]
    assert {name: launched.count(name) for name in ("norm", "turned", "attention")} == {
        "norm": 3,
        "turned": 1,
        "attention": 1,
    }


def test_a_llama_of_torch_alone_has_kernels_for_all_of_it() -> None:
    network = Llama(FORMS["tiny"], batch=2, places=32).eval().requires_grad_(False)
    program = optimized(capture(network, (torch.tensor([[1], [2]]), torch.tensor([4]))))

    plan = planned(program.graph, DEVICE)

    assert plan.references == () and len(plan.launches) == 3 + 5 * FORMS["tiny"].layers


class Unusual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.inner(values)) * values + 1


def test_what_a_kernel_does_not_do_after_a_product_is_a_launch_of_its_own() -> None:
    program = optimized(capture(Unusual(), (torch.randn(3, 8),)))

    plan = planned(program.graph, DEVICE)

    assert [step.source.entry for step in plan.launches] == ["linear", "loop"] and plan.references == ()


class Odd(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft(values).real


def test_an_operator_of_aten_runs_as_it_is(tmp_path: Path) -> None:
    values = torch.randn(3, 8)
    program = optimized(capture(Odd(), (values,)))
    plan = planned(program.graph, DEVICE)

    [found] = Step(Plan(plan.graph, DEVICE, plan.references, plan.arena), program, {}, tmp_path, device="cpu")(
        (values,)
    )

    [unknown] = [each for each in plan.references if "fft" in each.reason]
    assert not unknown.is_recordable and found.shape == values.shape


class Largest(nn.Module):
    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = values.topk(3)
        return found.values * 2, found.indices


def test_what_gives_several_tensors_is_taken_apart_by_aten(tmp_path: Path) -> None:
    values = torch.randn(2, 8)
    program = optimized(capture(Largest(), (values,)))

    plan = planned(program.graph, DEVICE)

    found = Step(plan, program, {}, tmp_path, device="cpu")((values,))
    assert [type(step) for step in plan.steps] == [Reference]
    assert torch.equal(found[0], 2 * values.topk(3).values) and torch.equal(found[1], values.topk(3).indices)


def test_a_graph_with_symbols_is_no_plan() -> None:
    symbolic = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)

    with pytest.raises(NotPlanned, match="bucket"):
        planned(optimized(symbolic).graph, DEVICE)


def test_weights_and_caches_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    program = optimized(capture(DecodeStep("llama", layers=1), decoder_example(2, 1)))
    plan = planned(program.graph, DEVICE)
    states = dict(program.states)

    with pytest.raises(Unfit, match="there is no state"):
        Step(plan, program, {}, tmp_path, device="cpu")
    with pytest.raises(Unfit, match="move it to meta"):
        Step(plan, program, states, tmp_path, device="meta")


def test_devices_are_known_by_their_names() -> None:
    assert capabilities("sm_100") is capabilities(100) is KNOWN["sm_100"]
    assert capabilities("gfx942:sramecc+:xnack-").lanes == 64
    assert capabilities(90).warpgroups and not capabilities(80).warpgroups
    with pytest.raises(UnknownDevice, match="sm_70, only for sm_80"):
        capabilities(70)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no GPU")
def test_without_a_gpu_that_is_said() -> None:
    with pytest.raises(UnknownDevice, match="by its name"):
        here()


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("rows", [1, 8])
def test_every_multiprocessor_has_something_to_read(name: str, rows: int) -> None:
    device = capabilities(name)
    layer = Layer(texts=rows, dtype=torch.bfloat16, hidden=4096, heads=32, groups=8, head=128, wide=14336, places=4096)

    plan = planned(layer.graph(), device)

    assert all(isinstance(step, Launch) for step in plan.steps)
    for launch in plan.launches:
        assert launch.grid[0] * launch.grid[1] * launch.grid[2] >= device.units / 3


def test_a_write_that_has_no_kernel_is_done_in_place_and_others_keep_their_memory(tmp_path: Path) -> None:
    content = make("input", name="content", type=TensorType((2, 4), torch.float32))
    places = make("input", name="places", type=TensorType((2,), torch.int64))
    cache = make("state", name="cache", type=TensorType((9, 4), torch.float32))
    weight = make("weight", name="weight", type=TensorType((3,), torch.float32))
    written = make("write", cache, places, content, dim=0)
    graph = Graph((content, places), (written, weight, content), {"cache": written})
    given, states = torch.ones(3), {"cache": torch.zeros(9, 4)}
    step = Step(planned(graph, DEVICE), Program(graph, {"weight": given}, states), states, tmp_path, device="cpu")

    found = step((torch.randn(2, 4), torch.tensor([3, 5])))

    assert found[0] is states["cache"] and found[1] is given
    assert torch.equal(states["cache"][[3, 5]], found[2])
    step.wipe()
    assert given.all() and states["cache"].any() and not found[2].any()


def test_a_weight_that_kernels_cannot_count_is_left_to_aten() -> None:
    x = make("input", name="x", type=TensorType((1, 8192), torch.bfloat16))
    weight = make("weight", name="w", type=TensorType((1 << 18, 8192), torch.bfloat16))

    [step] = planned(Graph((x,), (make("linear", x, weight),), {}), DEVICE).steps

    assert "count" in step.reason
