from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from compiler.backends.triton.graph import NoGraphs, Recorded
from tests.test_layout import ROOT


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no GPU")
def test_the_benchmark_says_that_it_needs_a_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu.compiler"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "") and "torch sees 0 GPUs" in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no GPU")
def test_without_a_gpu_nothing_is_recorded_and_that_is_said() -> None:
    for device in ("cpu", "cuda"):
        with pytest.raises(NoGraphs, match="launch by launch"):
            Recorded(lambda: None, torch.device(device))
