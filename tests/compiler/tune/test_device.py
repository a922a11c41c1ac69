from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from compiler.tune import device
from compiler.tune.device import NoDevice


def test_the_processor_is_told_by_model_cores_and_instruction_sets() -> None:
    here = device.cpu()

    facts = Path("/proc/cpuinfo").read_text()
    assert here.kind == "cpu"
    assert here.name and here.name.split()[0] in facts
    assert here.features == tuple(sorted(here.features))
    assert all(feature in facts for feature in here.features)
    assert 1 <= here.units <= len(os.sched_getaffinity(0))
    assert (here.threads, here.driver) == (here.units, "")
    assert device.cpu() == here


def test_the_number_of_threads_makes_another_device() -> None:
    assert device.cpu(threads=7) != device.cpu()


def test_cores_follow_the_affinity() -> None:
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})

        assert device.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_a_cache_has_a_size() -> None:
    assert 1 << 18 <= device.last_level_cache() <= 4 << 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said() -> None:
    with pytest.raises(NoDevice, match="sees 0 GPUs, number 0 was asked for"):
        device.cuda()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_is_told_by_its_name_architecture_and_driver() -> None:
    here = device.cuda()

    assert here.kind in ("cuda", "hip")
    assert here.name == torch.cuda.get_device_name()
    assert here.units > 0
    assert here.driver
