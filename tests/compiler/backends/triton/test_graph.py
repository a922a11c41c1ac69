from __future__ import annotations

import pytest
import torch

from compiler.backends.triton.graph import NoGraphs, Recorded


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no GPU")
def test_without_a_gpu_nothing_is_recorded_and_that_is_said() -> None:
    for device in ("cpu", "cuda"):
        with pytest.raises(NoGraphs, match="launch by launch"):
            Recorded(lambda: None, torch.device(device))
