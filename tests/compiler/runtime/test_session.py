from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

import compiler
from compiler import Artifact, Axis
from compiler.ir.interpret import Unfit
from compiler.runtime.slow import Drift
from tests.compiler.conftest import Made
from tests.compiler.modules import Reading, Remembering
from tests.compiler.networks import Encoder, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _slow(artifact: Artifact) -> dict[str, int]:
    return {str(reason): count for reason, count in artifact.drift.slow_path_total.items()}


def test_a_call_goes_to_the_smallest_bucket_that_takes_it(perceptron: Made) -> None:
    artifact = Artifact.load(perceptron.path, threads=2)

    for rows in (1, 2, 3, 4):
        inputs = perceptron.rows(rows)
        torch.testing.assert_close(artifact(inputs), perceptron.module(inputs), rtol=1e-4, atol=1e-4)
    assert artifact.report.padded == ["B"] and _slow(artifact) == {"no_bucket": 0, "reference": 0}


def test_a_shape_without_a_bucket_is_answered_counted_and_told_of_once(perceptron: Made) -> None:
    told: list[dict[str, int]] = []
    drift = Drift(least=3, threshold=0.5)
    artifact = Artifact.load(perceptron.path, threads=2, drift=drift, missing=lambda sizes: told.append(dict(sizes)))

    for rows in (5, 9, 5):
        inputs = perceptron.rows(rows)
        torch.testing.assert_close(artifact(inputs), perceptron.module(inputs))

    assert _slow(artifact) == {"no_bucket": 3, "reference": 0} and drift.alarm
    assert told == [{"B": 5}, {"B": 9}]


def test_what_was_missing_is_compiled_beside_the_calls_and_serves_from_then_on(
    perceptron: Made, tmp_path: Path
) -> None:
    told: list[dict[str, int]] = []
    artifact = Artifact.load(perceptron.path, threads=2, missing=lambda sizes: told.append(dict(sizes)))
    artifact(perceptron.rows(6))
    done: list[bool] = []
    worker = threading.Thread(
        target=lambda: done.append(compiler.extend(artifact, told[0], (torch.randn(1, 16),), threads=1))
    )

    worker.start()
    while worker.is_alive():
        torch.testing.assert_close(
            artifact(perceptron.rows(2)), perceptron.module(perceptron.rows(2)), rtol=1e-4, atol=1e-4
        )
    worker.join()

    assert done == [True]
    torch.testing.assert_close(
        artifact(perceptron.rows(6)), perceptron.module(perceptron.rows(6)), rtol=1e-4, atol=1e-4
    )
    assert _slow(artifact) == {"no_bucket": 1, "reference": 0}
    again = Artifact.load(artifact.save(tmp_path), threads=1)
    assert [bucket["B"] for bucket in again.report.buckets] == [2, 4, 6]
    assert again.content.reference == perceptron.artifact.content.reference


def test_what_the_module_is_not_defined_for_is_refused_in_any_size(perceptron: Made) -> None:
    for inputs in ((torch.randn(2, 15),), (torch.randn(2, 16).double(),), (), (torch.randn(2, 16),) * 2):
        with pytest.raises(Unfit):
            perceptron.artifact(*inputs)
    with pytest.raises(Unfit, match="input"):
        perceptron.artifact(other=torch.randn(2, 16))
    assert perceptron.artifact(input=perceptron.rows(2)).shape == (2, 16)


def test_a_program_that_writes_to_its_cache_is_not_padded() -> None:
    module, fresh = Remembering(), Remembering()
    axes = {"B": Axis({"places": 0, "values": 0}, sizes=(2, 4))}
    artifact = compiler.compile(module, (torch.arange(3), torch.randn(3, 8)), buckets=axes)
    assert artifact.report.is_compiled, artifact.report

    for first, rows in ((0, 2), (2, 3), (4, 4), (9, 1)):
        inputs = torch.arange(first, first + rows), torch.randn(rows, 8)
        mine, theirs = artifact(*inputs), fresh(*inputs)
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(artifact.states["cache"], fresh.cache, rtol=1e-4, atol=1e-5)
    assert _slow(artifact) == {"no_bucket": 2, "reference": 0}
    assert not module.cache.any()
    artifact.reset()
    assert not artifact.states["cache"].any()


@pytest.mark.parametrize("module", [Reading(places=32), Encoder(layers=1)], ids=["plain", "bert"])
def test_texts_are_padded_to_a_bucket_and_tokens_go_to_the_reference(module: nn.Module) -> None:
    tokens, mask = encoder_example(4, 8)
    axes = {
        "B": Axis({"tokens": 0, "mask": 0}, sizes=(4,)),
        "T": Axis({"tokens": 1, "mask": 1}, sizes=(8,), most=32),
    }
    artifact = compiler.compile(module, (tokens, mask), buckets=axes)
    assert artifact.report.is_compiled, artifact.report

    for texts, length, slow in ((4, 8, 0), (3, 8, 0), (3, 7, 1)):
        inputs = tokens[:texts, :length].contiguous(), mask[:texts, :length].contiguous()
        torch.testing.assert_close(artifact(*inputs), module(*inputs), rtol=1e-3, atol=1e-4)
        assert _slow(artifact) == {"no_bucket": slow, "reference": 0}
    with pytest.raises(Unfit, match="at most 32"):
        artifact(torch.zeros(1, 33, dtype=torch.int64), torch.ones(1, 33, dtype=torch.int64))


def test_calls_from_many_threads_take_turns(perceptron: Made) -> None:
    wrong: list[float] = []

    def call(rows: int) -> None:
        for _ in range(30):
            inputs = perceptron.rows(rows)
            error = (perceptron.artifact(inputs) - perceptron.module(inputs)).abs().max()
            wrong.extend([float(error)] * bool(error > 1e-3))

    threads = [threading.Thread(target=call, args=(rows,)) for rows in (1, 2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
