from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inference.engine import (
    BatchInferenceEngine,
    CacheManager,
    ConfigError,
    InferenceError,
    InferenceOptConfig,
    NonFiniteOutput,
)
from inference.engine.library.latency import compare, interleave
from tests.inference.engine.library.modules import Masked, MeanOfBatch, Parts, Picky, Spiky, seeded, vectors

PLAIN = InferenceOptConfig(enable_cache=False, device="cpu")
CACHED = InferenceOptConfig(device="cpu")


def alone(model: nn.Module, value: Tensor) -> Any:
    with torch.no_grad():
        return model(value[None])


@pytest.fixture
def one_thread() -> Iterator[None]:
    # Two threads on a busy machine wait for each other, which is no property of what is measured.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def times_faster(fast: Callable[[], object], slow: Callable[[], object], least: float) -> float:
    ratio = 0.0
    for _ in range(2):
        samples = interleave({"fast": lambda _: fast(), "slow": lambda _: slow()}, repeats=9, count=1, warmup=2)
        ratio = 1 / compare(samples["fast"], samples["slow"]).value
        if ratio > least:
            break
    return ratio


def test_a_batch_answers_what_the_module_answers_one_by_one() -> None:
    model = seeded(Parts)
    engine = BatchInferenceEngine(model, PLAIN)
    inputs = vectors(100)

    results = engine.infer_batch(inputs)

    assert engine.calls == 2 + 2  # 64 and 36 rows, and the check of the first
    assert {result.batch_size for result in results} == {64, 36}
    for value, result in zip(inputs, results, strict=True):
        expected = alone(model, value)
        assert list(result.output) == ["logits", "pair"]
        torch.testing.assert_close(result.output["logits"], expected["logits"][0])
        torch.testing.assert_close(result.output["pair"][0], expected["pair"][0][0])
        assert result.output["pair"][1] is None
        result.output["logits"].add_(1)  # an ordinary tensor of its own


def test_inputs_of_different_shapes_types_and_structures_share_one_request() -> None:
    model = seeded(Masked)
    engine = BatchInferenceEngine(model, PLAIN)
    long, short = torch.arange(9), torch.arange(4)
    inputs: list[Any] = [
        long,
        {"ids": short, "mask": torch.tensor([1, 0, 1, 0])},
        short,
        (short, torch.ones(4)),
        {"mask": torch.ones(4, dtype=torch.int64), "ids": short},
        long + 1,
    ]

    outputs = [result.unwrap() for result in engine.infer_batch(inputs)]

    expected = [long, short * torch.tensor([1, 0, 1, 0]), short, short, short, long + 1]
    for output, value in zip(outputs, expected, strict=True):
        assert torch.equal(output, value.float().cumsum(-1))


def test_a_module_that_mixes_rows_is_run_row_by_row() -> None:
    engine = BatchInferenceEngine(MeanOfBatch(), PLAIN)
    inputs = vectors(10)

    for _ in range(2):
        for value, result in zip(inputs, engine.infer_batch(inputs), strict=True):
            assert torch.equal(result.output, value)
            assert result.batch_size == 1


def test_an_input_that_fails_fails_alone() -> None:
    engine = BatchInferenceEngine(Picky(), PLAIN)
    inputs: list[Any] = [torch.full((3,), float(i)) for i in range(1, 20)]
    inputs[4], inputs[9], inputs[12] = torch.full((3,), -1.0), torch.full((3,), 50.0), "text"
    inputs.append(torch.tensor(float("nan")).expand(3))

    results = engine.infer_batch(inputs)

    assert isinstance(results[4].error, InferenceError)
    assert isinstance(results[4].error.__cause__, ValueError)
    assert isinstance(results[9].error, NonFiniteOutput)
    assert "str" in str(results[12].error)
    assert isinstance(results[-1].error, NonFiniteOutput)
    for number, result in enumerate(results[:-1]):
        if number not in (4, 9, 12):
            assert torch.equal(result.unwrap(), inputs[number] * 2)
    with pytest.raises(NonFiniteOutput):
        results[9].unwrap()


def test_a_wrong_shape_fails_alone_and_says_so() -> None:
    results = BatchInferenceEngine(seeded(Parts), PLAIN).infer_batch([*vectors(3), torch.ones(7)])

    assert [result.error is None for result in results] == [True, True, True, False]
    assert isinstance(results[3].error.__cause__, RuntimeError)  # type: ignore[union-attr]


def test_an_output_without_rows_is_an_error_that_says_what_is_wanted() -> None:
    class Total(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum()

    (result,) = BatchInferenceEngine(Total(), PLAIN).infer_batch([torch.ones(3)])

    assert "first dimension is the batch" in str(result.error)


@pytest.mark.usefixtures("one_thread")
def test_a_batch_of_32_beats_one_by_one_by_more_than_two() -> None:
    model = seeded(Parts, depth=12)
    engine = BatchInferenceEngine(model, PLAIN)
    inputs = vectors(32)

    faster = times_faster(
        lambda: engine.infer_batch(inputs), lambda: [alone(model, value) for value in inputs], least=2
    )

    assert faster > 2


@pytest.mark.usefixtures("one_thread")
def test_a_second_identical_inference_is_faster_by_more_than_five() -> None:
    engine = BatchInferenceEngine(seeded(Parts, width=2048, depth=6), CACHED)
    fresh = iter(vectors(100, width=2048))
    again = vectors(1, width=2048, seed=2)

    faster = times_faster(lambda: engine.infer_batch(again), lambda: engine.infer_batch([next(fresh)]), least=5)

    assert faster > 5
    assert engine.cache is not None
    assert engine.cache.stats().hit_rate > 0


def test_a_hit_is_of_the_same_workspace_and_the_same_bits() -> None:
    engine = BatchInferenceEngine(seeded(Parts), CACHED)
    inputs = vectors(5)
    first = engine.infer_batch(inputs, workspace="a")
    calls = engine.calls
    second = engine.infer_batch(inputs, workspace="a")
    other = engine.infer_batch(inputs, workspace="b")

    assert [r.cached for r in first + second + other] == [False] * 5 + [True] * 5 + [False] * 5
    assert engine.calls == calls + 1
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one.output["logits"], two.output["logits"])
    engine.cache.erase("a")  # type: ignore[union-attr]
    assert not engine.infer_batch(inputs, workspace="a")[0].cached
    assert engine.infer_batch(inputs, workspace="b")[0].cached


def test_errors_are_not_cached() -> None:
    engine = BatchInferenceEngine(Picky(), CACHED)
    bad = torch.full((3,), 50.0)

    assert [engine.infer_batch([bad])[0].cached for _ in range(2)] == [False, False]


def edited(model: Any) -> Iterator[Callable[[], object]]:
    yield lambda: model.head.weight.data.mul_(3)
    yield lambda: torch.nn.init.zeros_(model.head.bias)
    yield lambda: model.head.weight.detach().numpy().fill(0.5)
    yield lambda: setattr(model, "head", nn.Linear(64, 10))
    yield lambda: setattr(model.stem[1], "eps", 10.0)
    yield lambda: model.load_state_dict({key: value + 1 for key, value in model.state_dict().items()})


@pytest.mark.parametrize("change", range(6))
def test_whatever_changes_the_model_ends_what_was_cached_of_it(change: int) -> None:
    model = seeded(Parts)
    engine = BatchInferenceEngine(model, CACHED)
    inputs = vectors(2)
    engine.infer_batch(inputs)
    assert engine.infer_batch(inputs)[0].cached

    list(edited(model))[change]()
    results = engine.infer_batch(inputs)

    assert not results[0].cached
    torch.testing.assert_close(results[1].output["logits"], alone(model, inputs[1])["logits"][0])
    assert engine.cache is not None
    assert engine.cache.stats().levels["l1"].entries == 2
    assert engine.infer_batch(inputs)[0].cached


def test_a_module_that_alters_its_own_settings_is_never_answered_from_the_cache() -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x + self.calls

    engine = BatchInferenceEngine(Counting(), CACHED)
    answers = [engine.infer_batch([torch.zeros(1)])[0].output.item() for _ in range(3)]

    assert answers == [1, 2, 3]


def test_two_models_share_a_cache_and_never_an_answer() -> None:
    torch.manual_seed(3)
    with CacheManager() as cache:
        engines = [BatchInferenceEngine(Parts(), CACHED, cache=cache) for _ in range(2)]
        twin = BatchInferenceEngine(seeded(Parts), CACHED, cache=cache)
        inputs = vectors(1)
        answers = [engine.infer_batch(inputs)[0] for engine in engines]

        assert [answer.cached for answer in answers] == [False, False]
        assert not torch.equal(answers[0].output["logits"], answers[1].output["logits"])
        assert not twin.infer_batch(inputs)[0].cached
        assert BatchInferenceEngine(seeded(Parts), CACHED, cache=cache).infer_batch(inputs)[0].cached


def test_half_precision_falls_back_module_by_module_and_is_counted() -> None:
    model = seeded(Spiky)
    engine = BatchInferenceEngine(model, InferenceOptConfig(dtype="fp16", enable_cache=False, device="cpu"))
    inputs = vectors(6, width=8)

    results = engine.infer_batch(inputs)

    assert engine.fallbacks.keys() == {"loud", "quiet"}
    assert engine.runner.module.first.weight.dtype is torch.float16  # type: ignore[union-attr]
    assert all(tensor.dtype is torch.float32 for tensor in model.parameters())
    for value, result in zip(inputs, results, strict=True):
        torch.testing.assert_close(
            result.unwrap().float(), alone(model, value)[0].detach(), atol=5e-2, rtol=5e-2, check_dtype=False
        )


def test_what_is_infinite_in_full_precision_too_is_the_answer() -> None:
    class Log(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.log(torch.relu(self.linear(x)))

    engine = BatchInferenceEngine(seeded(Log), InferenceOptConfig(dtype="fp16", enable_cache=False, device="cpu"))

    results = engine.infer_batch(vectors(8, width=4))

    assert all(result.error is None for result in results)
    assert any(torch.isinf(result.output).any() for result in results)


def test_the_owners_half_precision_weights_are_left_as_they_are() -> None:
    model = seeded(Spiky).half()
    model.loud.weight.data.fill_(6e4)
    engine = BatchInferenceEngine(model, PLAIN)

    (result,) = engine.infer_batch([torch.full((8,), 9.0, dtype=torch.float16)])

    assert result.error is None
    assert engine.fallbacks
    assert all(tensor.dtype is torch.float16 for tensor in model.parameters())


def test_a_stream_keeps_its_order_and_reads_no_further_than_it_may() -> None:
    engine = BatchInferenceEngine(
        seeded(Parts),
        InferenceOptConfig(max_batch_size=4, enable_cache=False, enable_async=True, device="cpu"),
    )
    inputs = vectors(40)
    read: list[int] = []

    def source() -> Iterator[Tensor]:
        for number, value in enumerate(inputs):
            read.append(number)
            yield value

    stream = engine.infer_stream(source(), look_ahead=6)
    first = next(stream)
    threading.Event().wait(0.2)

    # The first batch, what waits, and the one in the reader's hand.
    assert len(read) <= 4 + 6 + 1
    results = [first, *stream]
    for value, result in zip(inputs, results, strict=True):
        torch.testing.assert_close(result.output["logits"], alone(engine.runner.module, value)["logits"][0])


def test_a_slow_source_is_not_waited_for() -> None:
    engine = BatchInferenceEngine(
        seeded(Parts), InferenceOptConfig(max_batch_size=64, enable_cache=False, enable_async=True, device="cpu")
    )
    gate = threading.Event()

    def source() -> Iterator[Tensor]:
        yield vectors(1)[0]
        gate.wait(20)
        yield vectors(1)[0]

    stream = engine.infer_stream(source())
    assert next(stream).error is None
    assert not gate.is_set()
    gate.set()
    assert len(list(stream)) == 1


@pytest.mark.parametrize("enable_async", [False, True])
def test_what_a_source_raises_comes_after_its_results(enable_async: bool) -> None:
    engine = BatchInferenceEngine(seeded(Parts), InferenceOptConfig(enable_async=enable_async, device="cpu"))

    def source() -> Iterator[Tensor]:
        yield from vectors(3)
        raise LookupError("the disk is gone")

    results = []
    with pytest.raises(LookupError):
        for result in engine.infer_stream(source()):
            results.append(result)  # one by one, to keep those before the error
    assert len(results) == 3


def test_warming_up_calls_the_sizes_that_will_be_used_and_tells_of_a_wrong_sample() -> None:
    engine = BatchInferenceEngine(seeded(Parts), InferenceOptConfig(batch_size=4, max_batch_size=16, device="cpu"))
    engine.warmup(vectors(1)[0], 3)

    assert engine.calls == 3 * 3 + 2
    assert engine.cache is not None
    assert engine.cache.stats().misses == 0
    with pytest.raises(InferenceError):
        engine.warmup(torch.ones(3))


def test_a_device_that_is_not_there_and_an_unknown_module_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="cuda:7 is not there"):
        BatchInferenceEngine(seeded(Parts), InferenceOptConfig(device="cuda:7"))
    with pytest.raises(ConfigError, match="'nose' is no sub-module"):
        BatchInferenceEngine(seeded(Parts), InferenceOptConfig(cpu_offload_modules=("body.0", "nose")))


def test_a_module_in_training_mode_answers_in_evaluation_mode() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.9))
    engine = BatchInferenceEngine(model, PLAIN)
    inputs = vectors(1, width=4)
    expected = engine.infer_batch(inputs)[0].output
    model.train()

    assert torch.equal(engine.infer_batch(inputs)[0].output, expected)
